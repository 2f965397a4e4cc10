"""A trial beside a bare PyTorch loop on the same steps, interleaved: `python -m tests.benchmarks.trial`.

Both train the same network on the same batches with the same optimiser and schedule, and score the same images.
"""

from __future__ import annotations

import math
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from seplace.attention.options import GateOptions
from seplace.backbones.describe import describe
from seplace.datasets.augmentation import Augmentation
from seplace.datasets.image_set import Split
from seplace.datasets.loader import BatchLoader
from seplace.models import build
from seplace.placement import Placement
from seplace.study.recipe import Recipe
from seplace.training.fit import train
from seplace.training.score import measure_score
from tests.benchmarks.figures import show, show_machine

RECIPE = Recipe(
    epochs=2,
    batch_size=128,
    learning_rate=0.1,
    momentum=0.9,
    weight_decay=5e-4,
    schedule="cosine",
    warmup_epochs=0.5,
    crop_padding=4,
    flip=True,
)
CPU = torch.device("cpu")


class NullModel(nn.Module):
    """The least that can be trained: what remains is the loop itself."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier = nn.Linear(3, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.classifier(images[:, :, 0, 0])


def loaders(images: int, *, side: int) -> tuple[BatchLoader, BatchLoader]:
    pixels = np.random.default_rng(0).integers(0, 256, (images, 3, side, side), dtype=np.uint8)
    split = Split(images=pixels, labels=np.arange(images, dtype=np.int64) % 10)
    shared = {
        "batch_size": RECIPE.batch_size,
        "mean": (0.5,) * 3,
        "std": (0.25,) * 3,
        "device": CPU,
        "memory_format": torch.contiguous_format,
    }
    augmentation = Augmentation(crop_padding=RECIPE.crop_padding, flip=RECIPE.flip, cutout=0)
    training = BatchLoader(split, augmentation=augmentation, shuffle_seed=0, **shared)
    return training, BatchLoader(split, augmentation=None, shuffle_seed=None, **shared)


def bare_loop(network: nn.Module, training: BatchLoader, validation: BatchLoader) -> None:
    optimizer = torch.optim.SGD(
        [
            {"params": [p for p in network.parameters() if p.ndim > 1], "weight_decay": RECIPE.weight_decay},
            {"params": [p for p in network.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=RECIPE.learning_rate,
        momentum=RECIPE.momentum,
        fused=True,
    )
    total = RECIPE.epochs * len(training)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5 * (1 + math.cos(math.pi * step / total)))
    for epoch in range(RECIPE.epochs):
        training.set_epoch(epoch)
        network.train()
        for images, labels in training:
            loss = F.cross_entropy(network(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        if epoch + 1 in RECIPE.check_epochs:
            measure_score(network, validation, precision="fp32")


def lightning(network: nn.Module, training: BatchLoader, validation: BatchLoader) -> None:
    train(
        network,
        recipe=RECIPE,
        batches=training,
        validation=validation,
        device=CPU,
        checkpoint=None,
        on_epoch=lambda _: None,
    )


def resnet8() -> nn.Module:
    placement = Placement.parse("none-none-none")
    gate = GateOptions(init="paper")
    return build(describe("cifar_resnet8"), placement, gate=gate, num_classes=10, in_channels=3, seed=0)


def seconds(run: object, network: nn.Module, training: BatchLoader, validation: BatchLoader) -> float:
    start = time.perf_counter()
    run(network, training, validation)
    return time.perf_counter() - start


def main() -> None:
    torch.set_num_threads(1)
    show_machine()
    training, validation = loaders(2048, side=32)
    lightning(resnet8(), training, validation)  # imports and first allocations
    ratios = []
    for _ in range(9):
        ours = seconds(lightning, resnet8(), training, validation)
        ratios.append(ours / seconds(bare_loop, resnet8(), training, validation))
    show("trial over bare loop, ResNet-8 at 32x32, 32 steps", ratios, "times", mark="1.05")
    training, validation = loaders(128 * 250, side=4)
    steps = RECIPE.epochs * len(training)
    extra = []
    for _ in range(15):
        ours = seconds(lightning, NullModel(), training, validation)
        extra.append(1e3 * (ours - seconds(bare_loop, NullModel(), training, validation)) / steps)
    show(f"trial minus bare loop, null model, {steps} steps", extra, "ms a step", mark="0.35")


if __name__ == "__main__":
    main()
