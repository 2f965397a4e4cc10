"""mixup and CutMix: batches in which each image is mixed with another one, and its label in the same proportion.

A batch has one λ, drawn from Beta(α, α), and one random order of its images; each image is mixed with the one that
takes its place, as in the code of both papers. The random numbers depend on the seed, the epoch and the number of the
batch alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from seplace.datasets.augmentation import Mixing
from seplace.seeds import derive_seed


@dataclass(frozen=True, kw_only=True)
class BatchMixer:
    """Mixes the batches of a training; of a batch that is left alone, the labels get the same form."""

    mixup: Mixing | None
    cutmix: Mixing | None
    classes: int
    seed: int

    def mixed(self, images: Tensor, labels: Tensor, *, epoch: int, number: int) -> tuple[Tensor, Tensor]:
        """Return the images, and the share of each class in each label, (B, classes) of float32.

        Args:
            images: The images of a batch, (B, C, H, W), normalized; they may be overwritten.
            labels: Their classes, (B,) of int64.
            epoch: The epoch, from 0.
            number: The number of the batch in the epoch, from 0.

        """
        random = np.random.default_rng(derive_seed(self.seed, "mixing", epoch, number))
        which, shares = random.random(), F.one_hot(labels, self.classes).to(torch.float32)
        order = torch.from_numpy(random.permutation(len(labels))).to(images.device)
        if self.mixup is not None:
            if which < self.mixup.probability:
                share = random.beta(self.mixup.alpha, self.mixup.alpha)
                return _mean(images, order, share), _mean(shares, order, share)
            which -= self.mixup.probability
        if self.cutmix is not None and which < self.cutmix.probability:
            share = random.beta(self.cutmix.alpha, self.cutmix.alpha)
            top, bottom, left, right = cut_box(random, share, height=images.shape[2], width=images.shape[3])
            images[:, :, top:bottom, left:right] = images[order, :, top:bottom, left:right]
            cut = (bottom - top) * (right - left) / (images.shape[2] * images.shape[3])
            return images, _mean(shares, order, 1 - cut)
        return images, shares


def _mean(values: Tensor, order: Tensor, share: float) -> Tensor:
    """Return λ x + (1 - λ) x', eq. 1 of mixup (Zhang et al., arXiv:1710.09412)."""
    return values.index_select(0, order).lerp_(values, share)


def cut_box(random: np.random.Generator, share: float, *, height: int, width: int) -> tuple[int, int, int, int]:
    """Return the first row, the row after the last, and the same of columns, of a box of the share 1 - λ of an image.

    Its sides are √(1 - λ) of the image's, its center is a random pixel, and what lies outside of the image is left out
    (Yun et al., arXiv:1905.04899, eq. 2, and their code, which counts the share of the labels after that).
    """
    side = math.sqrt(1 - share)
    row, column = int(random.integers(height)), int(random.integers(width))
    half_height, half_width = int(height * side) // 2, int(width * side) // 2
    return (
        max(row - half_height, 0),
        min(row + half_height, height),
        max(column - half_width, 0),
        min(column + half_width, width),
    )
