"""The images of splits that are not held in memory: each one is decoded when it is needed, from any thread."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seplace.arrays import Floats
from seplace.datasets.augmentation import RandomResizedCrop
from seplace.datasets.crop_boxes import crop_box
from seplace.datasets.decoding import decode_crop, decode_image, decode_images
from seplace.datasets.pixel_noise import PixelNoise
from seplace.datasets.raw_set import EncodedImages
from seplace.errors import DamagedImages, DataError

_NOT_READ = -1


@dataclass(frozen=True, eq=False, kw_only=True)
class StreamedImages:
    """The images of one split, as paths or bytes of files."""

    encoded: EncodedImages
    indices: NDArray[np.int64]
    sources: tuple[bytes | str, ...] = field(repr=False)
    channels: int
    image_size: int
    noise: PixelNoise
    are_larger: bool
    """Whether some image has other sides than `image_size`, so that a random crop of its file is another one."""
    _states: NDArray[np.int64] = field(init=False, repr=False)
    """Size in bytes and time of change of each file when it was first read, (N, 2)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_states", np.full((len(self.sources), 2), _NOT_READ, dtype=np.int64))

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W), as for an array."""
        return len(self), self.channels, self.image_size, self.image_size

    def __len__(self) -> int:
        return len(self.sources)

    def batch(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Decode the images at `indices` into (B, C, H, W); raises DataError where one cannot be decoded."""
        rows = self.indices[indices]
        pixels = decode_images(
            [self.sources[index] for index in indices.tolist()],
            where=lambda position: self.encoded.where(int(rows[position])),
            image_size=self.image_size,
            channels=self.channels,
        )
        return self.noise.added(pixels, rows)

    def decode_into(
        self,
        pixels: NDArray[np.uint8],
        index: int,
        *,
        crop: RandomResizedCrop | None = None,
        numbers: Floats | None = None,
        flips: bool = False,
    ) -> None:
        """Decode one image into `pixels` (H, W, C): its center square, or a random part of the whole file.

        Args:
            pixels: Where the image is written.
            index: The image.
            crop: The parts that may be drawn.
            numbers: The numbers that the part is drawn with, of shape BOX_NUMBERS; None takes the center square.
            flips: Whether the image is mirrored.

        Raises:
            DataError: The image cannot be decoded, or its file is another than when it was first read.

        """
        source, row = self.sources[index], int(self.indices[index])
        flips_first = flips and not self.noise.std  # the noise belongs to places of the image
        self._check(index)
        try:
            if crop is None or numbers is None:
                image = decode_image(source, image_size=self.image_size, flips=flips_first)
            else:
                image = decode_crop(
                    source,
                    image_size=self.image_size,
                    box_of=lambda height, width: crop_box(numbers, height=height, width=width, crop=crop),
                    flips=flips_first,
                )
        except DamagedImages as error:
            raise DamagedImages((f"{self.encoded.where(row)}: {error}",)) from error
        if image.shape[:2] != pixels.shape[:2]:
            raise DataError(
                f"{self.encoded.where(row)} has {image.shape[1]}x{image.shape[0]} pixels, others have "
                f"{self.image_size}x{self.image_size}: give an image_size"
            )
        if image.shape[2] > self.channels:
            raise DataError(f"{self.encoded.where(row)} is a color image in a set of gray ones")
        pixels[...] = image
        if self.noise.std:
            noisy = self.noise.added(pixels.transpose(2, 0, 1)[None], self.indices[index : index + 1])
            pixels[...] = noisy[0].transpose(1, 2, 0)[:, :: -1 if flips else 1]

    def _check(self, index: int) -> None:
        """Raise DataError where a file is gone, or is another than when it was first read."""
        source = self.sources[index]
        if isinstance(source, bytes):
            return
        try:
            found = os.stat(source)  # noqa: PTH116 - a Path takes longer than the call
        except OSError as error:
            raise DataError(
                f"{source}: cannot be read any more ({error.strerror}); it was there when the images were listed"
            ) from error
        state = (found.st_size, found.st_mtime_ns)
        if self._states[index, 0] == _NOT_READ:
            self._states[index] = state
        elif tuple(self._states[index].tolist()) != state:
            raise DataError(
                f"{source}: has changed during this run; all trainings of a study see the same images: put the old "
                "file back, or begin anew with other results"
            )


@dataclass(frozen=True, eq=False)
class JoinedImages:
    """The images of two splits, one after the other."""

    first: StreamedImages
    second: StreamedImages

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W), as for an array."""
        return len(self), *self.first.shape[1:]

    @property
    def are_larger(self) -> bool:
        """Whether some image has other sides than those of a batch."""
        return self.first.are_larger or self.second.are_larger

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def batch(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the images at `indices`, (B, C, H, W)."""
        pixels = np.empty((len(indices), *self.shape[1:]), dtype=np.uint8)
        is_second = indices >= len(self.first)
        pixels[~is_second] = self.first.batch(indices[~is_second])
        pixels[is_second] = self.second.batch(indices[is_second] - len(self.first))
        return pixels

    def decode_into(
        self,
        pixels: NDArray[np.uint8],
        index: int,
        *,
        crop: RandomResizedCrop | None = None,
        numbers: Floats | None = None,
        flips: bool = False,
    ) -> None:
        """Decode one image into `pixels` (H, W, C); see `StreamedImages.decode_into`."""
        inside, at = (self.first, index) if index < len(self.first) else (self.second, index - len(self.first))
        inside.decode_into(pixels, at, crop=crop, numbers=numbers, flips=flips)
