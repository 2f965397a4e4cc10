"""Images that are sent to machines which do not have the data of a study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from seplace.datasets.image_set import ImageSet, Split
from seplace.datasets.preprocessing import Resampling
from seplace.errors import DataError, MissingTestSplit


@dataclass(frozen=True, eq=False, kw_only=True)
class SentImages:
    """The training and validation splits of a set, as plain arrays that processes can share."""

    name: str
    classes: tuple[str, ...]
    train: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    validation: NDArray[np.uint8]
    validation_labels: NDArray[np.int64]
    channels: int
    image_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resampling: Resampling

    @classmethod
    def pack(cls, images: ImageSet) -> Self:
        """Return a set without its test split. Raises DataError where its images are not held in memory."""
        train, validation = images.train.images, images.validation.images
        if not (isinstance(train, np.ndarray) and isinstance(validation, np.ndarray)):
            raise DataError(
                f"data set {images.name}: a machine does not have it, and its images are not held in memory, from "
                "where they would be sent (data: in_memory): copy it to the same folder on each machine, or share that"
            )
        return cls(
            name=images.name,
            classes=images.classes,
            train=train,
            train_labels=images.train.labels,
            validation=validation,
            validation_labels=images.validation.labels,
            channels=images.channels,
            image_size=images.image_size,
            mean=images.mean,
            std=images.std,
            resampling=images.resampling,
        )

    def unpacked(self) -> ImageSet:
        """Return the set again; the arrays are not copied."""
        return ImageSet(
            name=self.name,
            classes=self.classes,
            train=Split(self.train, self.train_labels),
            validation=Split(self.validation, self.validation_labels),
            channels=self.channels,
            image_size=self.image_size,
            mean=self.mean,
            std=self.std,
            resampling=self.resampling,
            open_test=self._no_test,
        )

    def _no_test(self) -> Split:
        raise MissingTestSplit(f"data set {self.name}: its test split is only where the study was started")
