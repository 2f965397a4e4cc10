"""Random parts of images in memory, resized to the size of the images."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def resized_parts(images: Tensor, boxes: Tensor) -> Tensor:
    """Return a part of each image, resized bilinearly to the size of the images.

    A part is cut out before it is resized, as in torchvision. As it is at most as large as the image, nothing has to be
    smoothed. A CPU resizes one image after the other, in integers; elsewhere all are sampled at once, and differ from
    those by a gray level at most.

    Args:
        images: Images (N, C, H, W) of uint8, in any memory layout, which the result has too.
        boxes: The top, left, height and width of the parts in pixels, (N, 4) of int64, on the CPU.

    """
    return _one_by_one(images, boxes) if images.device.type == "cpu" else _sampled(images, boxes)


def _one_by_one(images: Tensor, boxes: Tensor) -> Tensor:
    size = images.shape[2:]
    resized = torch.empty_like(images)
    for number, (top, left, height, width) in enumerate(boxes.tolist()):
        part = images[number : number + 1, :, top : top + height, left : left + width]
        resized[number] = F.interpolate(part, size, mode="bilinear", align_corners=False)[0]
    return resized


def _sampled(images: Tensor, boxes: Tensor) -> Tensor:
    height, width = images.shape[2:]
    top, left, part_height, part_width = boxes.T.to(images.device, torch.float32)
    rows = _positions(top, part_height, size=height)
    columns = _positions(left, part_width, size=width)
    across, down = columns[:, None, :].expand(-1, height, -1), rows[:, :, None].expand(-1, -1, width)
    grid = torch.stack([across, down], dim=-1)
    sampled = F.grid_sample(images.to(torch.float32), grid, mode="bilinear", align_corners=False)
    return torch.empty_like(images).copy_(sampled.round_())


def _positions(start: Tensor, length: Tensor, *, size: int) -> Tensor:
    """Return the places of `size` output pixels along an axis, (N, size), from -1 to 1 as `grid_sample` counts."""
    steps = (torch.arange(size, device=start.device) + 0.5) / size
    inside = (steps * length[:, None] - 0.5).clamp_(min=0)
    inside = torch.minimum(inside, length[:, None] - 1)
    return (2 * (start[:, None] + inside) + 1) / size - 1
