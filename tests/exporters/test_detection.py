"""The maps of a searched network as the backbone of a single-shot detector, as the page on exports shows it."""

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from seplace.attention.options import GateOptions
from seplace.examples.canvas import CELL, DIGITS, DigitsCanvas
from seplace.exporters.source_code import source_text
from seplace.exporters.verify import load_code
from tests.exporters.networks import trained_network
from tests.pages import marked

SIDE = 18.0
"""The side of the anchors; digits on canvases have 9 to 24 pixels."""
REACH = 3.0
"""How far the center of a digit is from that of an anchor that is to find it, in pixels, by row and by column."""


def detector_of_page(monkeypatch: pytest.MonkeyPatch, *, image_size: int) -> Any:
    """The detector of the page, on the exported code and weights of `none-se4-eca`."""
    trained = trained_network(placement="none-se4-eca", gate=GateOptions(init="identity"), image_size=image_size)
    code = source_text(
        trained.backbone,
        trained.placement,
        gate=trained.gate,
        num_classes=trained.num_classes,
        in_channels=trained.in_channels,
    )
    monkeypatch.setitem(sys.modules, "model", load_code(code))
    monkeypatch.setitem(sys.modules, "predict", SimpleNamespace(read_weights=lambda _: trained.state))  # type: ignore[arg-type]
    scope: dict[str, Any] = {"__name__": "notebook"}
    exec(compile(marked("studies/README.md", "detector"), "studies/README.md", "exec", dont_inherit=True), scope)
    return scope["detector"]


def anchors_of(detector: Any, side: int) -> Tensor:
    """The centers (anchors, 2) in pixels, row and column, in the order of the detector's output."""
    grids = [torch.arange(0, side, stride) + (stride - 1) / 2 for stride in detector.features.strides[-2:]]
    return torch.cat([torch.cartesian_prod(grid, grid) for grid in grids])


def boxes_of(mask: Tensor) -> Tensor:
    """The digits of a canvas: class, and row and column of the center, height and width; one at most in each cell."""
    found = []
    for top in range(0, len(mask), CELL):
        for left in range(0, len(mask), CELL):
            cell = mask[top : top + CELL, left : left + CELL]
            if cell.any():
                low, high = (cell > 0).nonzero().aminmax(dim=0)
                center = (low + high) / 2 + torch.tensor([top, left])
                found.append(torch.cat([cell.max()[None], center, high - low + 1.0]))
    return torch.stack(found)


def loss_of(detector: Any, images: Tensor, masks: Tensor) -> Tensor:
    scores, offsets = detector(images.expand(-1, 3, -1, -1))
    anchors = anchors_of(detector, images.shape[-1])
    classes, places = torch.zeros(scores.shape[:2], dtype=torch.long), torch.zeros_like(offsets)
    for at, mask in enumerate(masks):
        for number, *box in boxes_of(mask):
            center, size = torch.stack(box[:2]), torch.stack(box[2:])
            near = ((anchors - center).abs() <= REACH).all(1)
            classes[at, near] = int(number)
            places[at, near] = torch.cat([(center - anchors[near]) / SIDE, (size / SIDE).log().expand(sum(near), 2)], 1)
    weight = torch.tensor([0.1] + [1.0] * DIGITS)
    wanted = classes > 0
    return F.cross_entropy(scores.transpose(1, 2), classes, weight) + F.smooth_l1_loss(offsets[wanted], places[wanted])


def iou(box: Tensor, others: Tensor) -> Tensor:
    """Intersections over unions of a box (4,) and others (n, 4): centers and sizes."""
    low, high = box[:2] - box[2:] / 2, box[:2] + box[2:] / 2
    lows, highs = others[:, :2] - others[:, 2:] / 2, others[:, :2] + others[:, 2:] / 2
    common = (torch.minimum(high, highs) - torch.maximum(low, lows)).clamp(min=0).prod(1)
    return common / (box[2:].prod() + others[:, 2:].prod(1) - common)


def detections(detector: Any, images: Tensor) -> list[list[tuple[int, float, Tensor]]]:
    """Class, score and box of what is found on each canvas, without overlapping boxes of one class."""
    anchors = anchors_of(detector, images.shape[-1])
    with torch.inference_mode():
        scores, offsets = detector.eval()(images.expand(-1, 3, -1, -1))
    found = []
    for probabilities, moved in zip(scores.softmax(2)[..., 1:], offsets, strict=True):
        boxes = torch.cat([anchors + SIDE * moved[:, :2], SIDE * moved[:, 2:].exp()], 1)
        kept: list[tuple[int, float, Tensor]] = []
        for flat in probabilities.flatten().argsort(descending=True)[:40].tolist():
            at, number = divmod(flat, DIGITS)
            rivals = [box for other, _, box in kept if other == number + 1]
            if not rivals or iou(boxes[at], torch.stack(rivals)).max() < 0.3:
                kept.append((number + 1, float(probabilities[at, number]), boxes[at]))
        found.append(kept)
    return found


def average_precision(found: list[list[tuple[int, float, Tensor]]], masks: Tensor) -> float:
    """The mean over the classes of the area under precision against recall, at an IoU of 0.5."""
    truth = [boxes_of(mask) for mask in masks]
    areas = []
    for number in range(1, DIGITS + 1):
        left = [boxes[boxes[:, 0] == number][:, 1:] for boxes in truth]
        count = sum(map(len, left))
        ranked = sorted(
            ((score, at, box) for at, each in enumerate(found) for own, score, box in each if own == number),
            key=lambda one: -one[0],
        )
        hits = []
        for _, at, box in ranked:
            overlaps = iou(box, left[at])
            is_hit = len(overlaps) > 0 and bool(overlaps.max() >= 0.5)
            if is_hit:
                left[at] = left[at][torch.arange(len(overlaps)) != overlaps.argmax()]
            hits.append(is_hit)
        precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
        areas.append(float(np.maximum.accumulate(precision[::-1])[::-1][hits].sum()) / count)
    return float(np.mean(areas))


def trained(detector: Any, *, train: int, epochs: int) -> tuple[list[float], DigitsCanvas]:
    data = DigitsCanvas(train=train, validation=8, test=100, batch_size=16)
    data.setup("fit")
    batches = [batch for _ in range(epochs) for batch in data.train_dataloader()]
    optimizer = torch.optim.AdamW(detector.train().parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=len(batches))
    losses = []
    for images, masks in batches:
        loss = loss_of(detector, images, masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
    return losses, data


def test_a_detector_on_an_export_learns(monkeypatch):
    torch.manual_seed(0)
    detector = detector_of_page(monkeypatch, image_size=48)
    losses, data = trained(detector, train=48, epochs=3)
    assert np.mean(losses[-3:]) < 0.8 * losses[0]
    images, masks = data.splits["test"][:8]
    found = detections(detector, images)
    assert len(found) == 8
    assert 0 <= average_precision(found, masks) <= 1
    perfect = [[(int(box[0]), 1.0, box[1:]) for box in boxes_of(mask)] for mask in masks]
    assert average_precision(perfect, masks) == 1


@pytest.mark.long
def test_a_detector_on_an_export_finds_digits(monkeypatch):
    torch.manual_seed(0)
    detector = detector_of_page(monkeypatch, image_size=48)
    _, data = trained(detector, train=800, epochs=6)
    images, masks = data.splits["test"][:]
    random = [
        [
            (int(number), float(score), torch.cat([48 * at, torch.full((2,), SIDE)]))
            for number, score, at in zip(torch.randint(1, 6, (40,)), torch.rand(40), torch.rand(40, 2), strict=True)
        ]
        for _ in masks
    ]
    found, guessed = average_precision(detections(detector, images), masks), average_precision(random, masks)
    print(f"average precision at an IoU of 0.5: {found:.2f}, of random guesses {guessed:.3f}")
    assert guessed < 0.05
    assert found > 0.4
