"""Gaussian noise on the pixels of images, which makes a data set harder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PixelNoise:
    """Gaussian noise that depends only on the key and on the row of an image in its published split."""

    std: float
    """In units of the full range, before clipping."""
    key: int

    def added(self, pixels: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return `pixels` (N, C, H, W) of the images at `rows` (N,) with noise; with std 0 the same array."""
        if not self.std:
            return pixels
        noisy = np.empty_like(pixels)
        for position, row in enumerate(rows.tolist()):
            random = np.random.Generator(np.random.Philox(key=self.key, counter=[0, 0, 0, row]))
            noise = random.standard_normal(pixels.shape[1:], dtype=np.float32)
            noise *= 255 * self.std
            noise += pixels[position]
            noisy[position] = np.clip(np.rint(noise, out=noise), 0, 255, out=noise)
        return noisy
