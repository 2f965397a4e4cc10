"""Preparation of a raw set for training: split, subset, resizing, noise and statistics, the same for each entry."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seplace.datasets.decoding import decode_images
from seplace.datasets.examination import examine_what_fits, has_color, have_other_sizes, not_files
from seplace.datasets.image_parquet import refuse_what_does_not_fit
from seplace.datasets.opening import open_raw_set
from seplace.datasets.partition import check_classes, split_rows
from seplace.datasets.pixel_noise import PixelNoise
from seplace.datasets.preprocessing import Resampling
from seplace.datasets.raw_set import ArrayImages, EncodedImages, Images
from seplace.datasets.streamed_images import JoinedImages, StreamedImages
from seplace.errors import DamagedImages, DataError, InputError, MissingTestSplit
from seplace.seeds import derive_seed

InMemory = Literal["auto"] | bool
"""Whether images are decoded once and held in memory, or in each epoch."""

MEMORY_LIMIT = 4 * 2**30
"""The bytes of pixels up to which every image of a split is decoded, and measured, before the first training. It is the
same on every machine, since the mean that is subtracted depends on it."""
_PROBED_IMAGES = 256
_MEASURED_IMAGES = 4096
_DECODED_TOGETHER = 256


@dataclass(frozen=True, eq=False)
class Split:
    """Images (N, C, H, W) of uint8 and labels (N,) of int64."""

    images: NDArray[np.uint8] | StreamedImages | JoinedImages
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def __add__(self, other: Split) -> Split:
        """Return the images of both splits, those of `other` last."""
        labels = np.concatenate([self.labels, other.labels])
        if isinstance(self.images, np.ndarray) and isinstance(other.images, np.ndarray):
            return Split(np.concatenate([self.images, other.images]), labels)
        assert isinstance(self.images, StreamedImages)  # one set is either in memory or not
        assert isinstance(other.images, StreamedImages)
        return Split(JoinedImages(self.images, other.images), labels)

    def batch(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the images at `indices`, (B, C, H, W)."""
        return self.images[indices] if isinstance(self.images, np.ndarray) else self.images.batch(indices)


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageSet:
    """A data set that is ready for training."""

    name: str
    classes: tuple[str, ...]
    train: Split
    validation: Split
    """Images of the published training split that are not in `train`, or the data set's own validation split."""
    channels: int
    image_size: int
    """Side in pixels; all images are square."""
    mean: tuple[float, ...]
    """The mean of each channel over the training split, for pixels in 0 … 1."""
    std: tuple[float, ...]
    """The standard deviation, at least one gray level, so that a constant channel can be divided by it."""
    resampling: Resampling
    """The library that resized the images."""
    open_test: Callable[[], Split] = field(repr=False)

    def test(self) -> Split:
        """Return the published test split, which is read on the first call.

        Raises MissingTestSplit for a data set without one, and DataError where it does not fit the training split.
        """
        return self._test

    @cached_property
    def _test(self) -> Split:
        return self.open_test()


def load_image_set(
    name: str,
    *,
    root: Path | None,
    image_size: int | None,
    train_images: int | None,
    validation_images: int | None,
    noise: float,
    seed: int,
    skip_damaged: bool = False,
    in_memory: InMemory = "auto",
    memory_limit: int = MEMORY_LIMIT,
    crops_files: bool = False,
) -> ImageSet:
    """Load a data set and prepare it for training.

    Args:
        name: An entry of the shelf, or an import path.
        root: The folder of the data.
        image_size: The side in pixels that images are resized to; None keeps their size.
        train_images: The number of training images; None takes all that are not held out.
        validation_images: The number of images held out of the training split, before `train_images`, each class in
            proportion; None takes the data set's own validation split. A larger number with the same seed takes the
            same images and more.
        noise: The standard deviation of Gaussian pixel noise in units of the full range; the noise of an image is the
            same whenever it is read.
        seed: The seed of the split, the subset and the noise.
        skip_damaged: Whether images that cannot be used are left out before the split.
        in_memory: Whether the pixels are decoded once and held in memory. False decodes image files again in each
            epoch; `auto` does so where it must, by the next two. Neither changes a pixel, but that of random crops.
        memory_limit: The bytes that the pixels of training and validation may take in memory, with `auto`.
        crops_files: Whether training takes random crops, which are those of the whole files where `auto` finds images
            larger than `image_size`.

    Raises:
        InputError: The numbers do not fit the data set.
        DataError: The files have problems.

    """
    _check_numbers(image_size=image_size, train_images=train_images, validation_images=validation_images, noise=noise)
    raw = open_raw_set(name, root)
    check_classes(raw.train.labels, raw.classes, what=f"data set {name}: the training split")
    openers = raw.openers(own_validation=validation_images is None)
    if validation_images is None and "validation" not in openers:
        raise InputError(
            f"data set {name} has no validation split of its own: say with validation_images how many training images "
            "are held out"
        )
    if in_memory is False and isinstance(raw.train, ArrayImages):
        raise InputError(f"data set {name}: its images are arrays, which are in memory; in_memory: false is for files")
    prepare = _Preparation(name=name, image_size=image_size, noise=noise, seed=seed, skip_damaged=skip_damaged)
    train_rows, validation_rows = split_rows(
        raw,
        prepare.usable_rows(raw.train, channels=None),
        name=name,
        train_images=train_images,
        validation_images=validation_images,
        seed=seed,
    )
    opened = {} if validation_images is not None else {"validation": openers["validation"]()}
    validation_count = len(validation_rows) + sum(len(images.labels) for images in opened.values())
    is_streamed = (
        prepare.is_streamed(
            raw.train, train_rows, more=validation_count, memory_limit=memory_limit, crops_files=crops_files
        )
        if in_memory == "auto"
        else not in_memory
    )
    train = prepare.split(raw.train, train_rows, stream="train", shape=None, is_streamed=is_streamed)
    channels, height, width = train.images.shape[1:]
    if height != width:
        raise InputError(f"data set {name}: its images are {width}x{height}, not square: give an image_size")
    if channels == 1 and has_color(raw.train, np.concatenate([train_rows, validation_rows])):
        channels = 3  # though the images in `train` happen to be gray
        shape = (channels, height)
        train = prepare.split(raw.train, train_rows, stream="train", shape=shape, is_streamed=is_streamed)

    def open_split(stream: str) -> Split:
        images = opened[stream] if stream in opened else openers[stream]()
        check_classes(images.labels, raw.classes, what=f"data set {name}: the {stream} split")
        rows = prepare.usable_rows(images, channels=channels)
        streams = is_streamed or (in_memory == "auto" and len(rows) * 3 * height**2 > memory_limit)
        return prepare.split(images, rows, stream=stream, shape=(channels, height), is_streamed=streams)

    def open_test() -> Split:
        if "test" not in openers:
            raise MissingTestSplit(f"data set {name} has no test split")
        return open_split("test")

    if validation_images is None:
        validation = open_split("validation")
    else:
        validation = prepare.split(
            raw.train, validation_rows, stream="validation", shape=(channels, height), is_streamed=is_streamed
        )

    mean, std = _moments(train, is_of_files=not isinstance(raw.train, ArrayImages))
    return ImageSet(
        name=name,
        classes=raw.classes,
        train=train,
        validation=validation,
        channels=channels,
        image_size=height,
        mean=mean,
        std=std,
        resampling="torch" if isinstance(raw.train, ArrayImages) else "pillow",
        open_test=open_test,
    )


def _check_numbers(
    *, image_size: int | None, train_images: int | None, validation_images: int | None, noise: float
) -> None:
    if image_size is not None and image_size < 1:
        raise InputError(f"image_size is at least 1 pixel, got {image_size}")
    if train_images is not None and train_images < 1:
        raise InputError(f"train_images is at least 1, got {train_images}")
    if validation_images is not None and validation_images < 0:
        raise InputError(f"validation_images is at least 0, got {validation_images}")
    if not (math.isfinite(noise) and noise >= 0):
        raise InputError(f"noise is a finite standard deviation of at least 0, got {noise}")


@dataclass(frozen=True, kw_only=True)
class _Preparation:
    """The preparation of the images of each split."""

    name: str
    image_size: int | None
    noise: float
    seed: int
    skip_damaged: bool

    def usable_rows(self, images: Images, *, channels: int | None) -> NDArray[np.int64]:
        """Return the rows of usable images for a set of `channels`: all rows unless damaged images are skipped.

        Damage is found with certainty in a split that fits into the memory, where each image is decoded.
        """
        if not self.skip_damaged and (no_files := not_files(images)):
            raise DamagedImages(no_files)
        if not self.skip_damaged or isinstance(images, ArrayImages):
            return np.arange(len(images.labels))
        return examine_what_fits(images, image_size=self.image_size, memory_limit=MEMORY_LIMIT).usable_as(channels)

    def is_streamed(
        self, images: Images, rows: NDArray[np.int64], *, more: int, memory_limit: int, crops_files: bool
    ) -> bool:
        """Return whether the images at `rows` and `more` others are not to be held in memory."""
        if isinstance(images, ArrayImages):
            return False
        height, width = self._decoded(images, rows[:1], channels=None).shape[2:]
        if (len(rows) + more) * 3 * height * width > memory_limit:
            return True
        return crops_files and self._are_larger(images, rows, height)

    def _are_larger(self, images: EncodedImages, rows: NDArray[np.int64], side: int) -> bool:
        """Return whether some of the first images that are looked at have other sides; the same on every machine."""
        return have_other_sizes(images, rows[_evenly_spaced(len(rows), _PROBED_IMAGES)], side)

    def split(
        self,
        images: Images,
        rows: NDArray[np.int64],
        *,
        stream: str,
        shape: tuple[int, int] | None,
        is_streamed: bool,
    ) -> Split:
        """Prepare the images at `rows`; `shape` is (channels, side) of the training split, None for itself."""
        noise = PixelNoise(self.noise, derive_seed(self.seed, "noise", stream))
        labels = images.labels[rows]
        channels, side = shape or (None, self.image_size)
        if isinstance(images, ArrayImages):
            pixels = resized(images.pixels[rows], self.image_size)
        elif is_streamed:
            return Split(self._streamed(images, rows, noise=noise, shape=shape, is_train=stream == "train"), labels)
        elif not len(rows):
            pixels = np.empty((0, channels or 1, side or 1, side or 1), dtype=np.uint8)
        else:
            pixels = self._decoded(images, rows, channels=channels)
        if shape is not None and pixels.shape[1:] != (channels, side, side):
            raise DataError(
                f"data set {self.name}: images of {stream} have the shape (C, H, W) {pixels.shape[1:]}, "
                f"those of training {(channels, side, side)}"
            )
        return Split(noise.added(pixels, rows), labels)

    def _streamed(
        self,
        images: EncodedImages,
        rows: NDArray[np.int64],
        *,
        noise: PixelNoise,
        shape: tuple[int, int] | None,
        is_train: bool,
    ) -> StreamedImages:
        """Return images that are decoded when they are needed.

        Raises DamagedImages where all images of a split are examined. Those of a training split are where its mean is
        measured.
        """
        channels, side = shape or (3, 0)
        if len(rows):
            probe = self._decoded(images, rows[_evenly_spaced(len(rows), _PROBED_IMAGES)], channels=None)
            height, width = probe.shape[2:]
            channels, side = shape or (probe.shape[1], height)
            if height != width or height != side:
                raise InputError(
                    f"data set {self.name}: its images are {width}x{height}, not square or not all alike: give an "
                    "image_size"
                )
        refuse_what_does_not_fit(images, rows)
        streamed = StreamedImages(
            encoded=images,
            indices=rows,
            sources=tuple(images.read(rows)),
            channels=channels,
            image_size=side,
            noise=noise,
            are_larger=self._are_larger(images, rows, side),
        )
        if not is_train and len(rows) * 3 * side**2 <= MEMORY_LIMIT:
            for start in range(0, len(rows), _DECODED_TOGETHER):
                streamed.batch(np.arange(start, min(start + _DECODED_TOGETHER, len(rows))))
        return streamed

    def _decoded(self, images: EncodedImages, rows: NDArray[np.int64], *, channels: int | None) -> NDArray[np.uint8]:
        return decode_images(
            images.read(rows),
            where=lambda position: images.where(int(rows[position])),
            image_size=self.image_size,
            channels=channels,
        )


def resized(pixels: NDArray[np.uint8], image_size: int | None) -> NDArray[np.uint8]:
    """Return the center squares resized to `image_size` with antialiasing."""
    height, width = pixels.shape[2:]
    if image_size is None or (height, width) == (image_size, image_size):
        return pixels
    import torch
    from torch.nn.functional import interpolate

    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    squares = pixels[:, :, top : top + side, left : left + side]
    scaled = np.empty((*pixels.shape[:2], image_size, image_size), dtype=np.uint8)
    for start in range(0, len(pixels), 1024):
        part = torch.from_numpy(squares[start : start + 1024].astype(np.float32))
        part = interpolate(part, (image_size, image_size), mode="bilinear", antialias=True)
        scaled[start : start + 1024] = part.round_().clamp_(0, 255).numpy()
    return scaled


def _evenly_spaced(count: int, wanted: int) -> NDArray[np.int64]:
    return np.linspace(0, count - 1, min(count, wanted)).astype(np.int64)


def _moments(split: Split, *, is_of_files: bool) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of each channel for pixels in 0 … 1, from exact integer sums.

    They are those of a sample where images that are decoded from files take more than MEMORY_LIMIT, in memory or not.
    """
    channels, height, width = split.images.shape[1:]
    is_sample = is_of_files and len(split) * 3 * height * width > MEMORY_LIMIT
    rows = _evenly_spaced(len(split), _MEASURED_IMAGES) if is_sample else np.arange(len(split))
    total = np.zeros(channels, dtype=np.uint64)
    squares = np.zeros(channels, dtype=np.uint64)
    for start in range(0, len(rows), _DECODED_TOGETHER):
        pixels = split.batch(rows[start : start + _DECODED_TOGETHER]).astype(np.uint16)
        total += pixels.sum(axis=(0, 2, 3), dtype=np.uint64)
        squares += (pixels * pixels).sum(axis=(0, 2, 3), dtype=np.uint64)
    count = len(rows) * height * width
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
    return tuple((mean / 255).tolist()), tuple((np.maximum(std, 1.0) / 255).tolist())
