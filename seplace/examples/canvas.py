"""Handwritten digits on textured canvases, to be segmented or named; nothing is downloaded.

A canvas is a gray image of 48x48 pixels with one to four of scikit-learn's handwritten digits 0 to 4, each of its own
size and contrast. On half of the canvases they are lighter than the texture, on the others darker. The mask has a class
a digit, 1 to 5, and 0 for the background. The splits share no handwriting.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

SIDE, CELL, DIGITS = 48, 24, 5

Array = NDArray[Any]


class DigitsCanvas(pl.LightningDataModule):
    """Batches of images (N, 1, 48, 48) and masks (N, 48, 48); the canvases follow from a seed."""

    def __init__(
        self, *, train: int = 1200, validation: int = 600, test: int = 600, batch_size: int = 32, seed: int = 0
    ) -> None:
        super().__init__()
        self.sizes = {"train": train, "validation": validation, "test": test}
        self.batch_size = batch_size
        self.seed = seed

    def setup(self, stage: str) -> None:  # noqa: ARG002 - Lightning's
        """Draw the canvases of all splits, in about half a second."""
        images, labels = load_digits(n_class=DIGITS, return_X_y=True)
        parts = np.split(np.random.default_rng(self.seed).permutation(len(labels)), [500, 700])
        self.splits = {}
        for number, ((name, count), part) in enumerate(zip(self.sizes.items(), parts, strict=True)):
            random = np.random.default_rng([self.seed, number])
            self.splits[name] = TensorDataset(*draw(images[part].reshape(-1, 8, 8), labels[part], count, random))

    def train_dataloader(self) -> DataLoader[Any]:
        """Return the training batches, in a new order every epoch."""
        return DataLoader(self.splits["train"], batch_size=self.batch_size, shuffle=True)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the validation batches."""
        return DataLoader(self.splits["validation"], batch_size=100)

    def test_dataloader(self) -> DataLoader[Any]:
        """Return the test batches."""
        return DataLoader(self.splits["test"], batch_size=100)


def draw(digits: Array, labels: Array, count: int, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Draw canvases with some of the digits (n, 8, 8), whose gray levels are 0 to 16; return images and masks."""
    images, masks = textures(count, random), np.zeros((count, SIDE, SIDE), dtype=np.int64)
    for image, mask in zip(images, masks, strict=True):
        sign = random.choice([-1, 1])
        for cell in random.permutation(4)[: random.integers(1, 5)]:
            which, side = random.integers(len(digits)), int(random.integers(14, CELL + 1))
            top, left = np.array(divmod(cell, 2)) * CELL + random.integers(CELL - side + 1, size=2)
            ink = enlarged(digits[which] / 16, side)
            image[top : top + side, left : left + side] += sign * random.uniform(0.6, 1.4) * ink
            mask[top : top + side, left : left + side][ink > 0.4] = labels[which] + 1
    images += 0.1 * random.standard_normal(images.shape, dtype=np.float32)
    return torch.from_numpy(images[:, None]), torch.from_numpy(masks)


def textures(count: int, random: np.random.Generator) -> Array:
    """Return sums of four gratings of random direction, wavelength and phase: (count, 48, 48)."""
    angle, phase = random.uniform(0, 2 * np.pi, (2, count, 4, 1, 1)).astype(np.float32)
    frequency = (2 * np.pi / random.uniform(4, 32, (count, 4, 1, 1))).astype(np.float32)
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    return np.asarray(0.1 * np.sin(frequency * (np.cos(angle) * x + np.sin(angle) * y) + phase).sum(axis=1))


def enlarged(digit: Array, side: int) -> Array:
    """Return a digit (8, 8) at (side, side) pixels, by linear interpolation."""
    weights = np.maximum(0, 1 - np.abs(np.linspace(0, 7, side)[:, None] - np.arange(8)))
    return np.asarray(weights @ digit @ weights.T)
