import numpy as np
import pytest
import torch
from PIL import Image

from seplace.datasets.augmentation import RandomResizedCrop
from seplace.datasets.crop_boxes import BOX_NUMBERS, crop_box
from seplace.datasets.resized_crop import _sampled, resized_parts


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("channels", "side"), [(1, 8), (3, 32)])
def test_parts_are_those_that_pillow_cuts_out_and_resizes(channels, side, memory_format):
    random, count = np.random.default_rng(0), 40
    images = random.integers(0, 256, (count, channels, side, side), dtype=np.uint8)
    drawn = random.random((count, *BOX_NUMBERS))
    boxes = [crop_box(each, height=side, width=side, crop=RandomResizedCrop()) for each in drawn]
    wanted = []
    for image, (top, left, height, width) in zip(images, boxes, strict=True):
        part = Image.fromarray(image.transpose(1, 2, 0).squeeze()).crop((left, top, left + width, top + height))
        pixels = np.array(part.resize((side, side), Image.Resampling.BILINEAR)).reshape(side, side, channels)
        wanted.append(pixels.transpose(2, 0, 1))
    whole = torch.from_numpy(images).contiguous(memory_format=memory_format)
    parts, sampled = (cut(whole, torch.tensor(boxes)) for cut in (resized_parts, _sampled))
    for each in (parts, sampled):  # the second is what a GPU does
        assert each.dtype == torch.uint8
        assert each.is_contiguous(memory_format=memory_format)
        assert np.abs(each.numpy().astype(int) - np.stack(wanted)).max() <= 1
