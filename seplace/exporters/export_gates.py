"""The gates of an exported network, over a folder of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from seplace.datasets.decoding import decode_images
from seplace.datasets.folder_layout import found_in, holds_images, list_classes
from seplace.datasets.preprocessing import Preprocessing
from seplace.errors import InputError, did_you_mean
from seplace.exporters.opened import open_export
from seplace.gates.over_images import LabeledImages, evenly_spaced, gates_over
from seplace.gates.record import GateRecord

_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".webp")


def gates_of_export(folder: Path, *, data: Path, most_images: int, device: str) -> GateRecord:
    """Measure the gates of an exported network over the images in a folder.

    Raises:
        InputError: `folder` is no export, or its preprocessing is not known, or `data` holds no images of its classes.
        DataError: Images cannot be decoded.

    """
    trained = open_export(folder)
    if trained.module:
        raise InputError(
            f"{folder}: only the data of {trained.module} knows how an input of this network is prepared: measure its "
            "gates where it was trained, by `seplace gates RESULTS`"
        )
    if trained.preprocessing is None:
        raise InputError(f"{folder}: what an image goes through before this network is not known")
    images = images_of_folder(data, classes=trained.classes, steps=trained.preprocessing, most=most_images)
    return gates_over(
        images,
        trained.build(),
        backbone=trained.backbone,
        placement=trained.placement,
        gate=trained.gate,
        device=torch.device(device),
    )


def images_of_folder(folder: Path, *, classes: tuple[str, ...], steps: Preprocessing, most: int) -> LabeledImages:
    """Return images of a folder: of class folders by the names of `classes`, or in the folder itself, without classes.

    Of more than `most` images those that are evenly spaced are taken.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no folder of images ({found_in(folder)})")
    paths: list[Path] = []
    labels: list[int] = []
    listing = None if holds_images(folder) else list_classes(folder)
    if listing is None:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES and path.is_file())
        labels = [0] * len(paths)
    else:
        for name, files in listing.files.items():
            if name not in classes:
                raise InputError(
                    f"{folder}: {name!r} is no class of this network{did_you_mean(name, classes)} (give the folder of "
                    "one split, with a folder for each class)"
                )
            paths += [folder / file for file in files]
            labels += [classes.index(name)] * len(files)
    if not paths:
        raise InputError(f"{folder}: no images ({found_in(folder)})")
    rows = evenly_spaced(len(paths), most)
    sources = [str(paths[row]) for row in rows]
    return LabeledImages(
        pixels=decode_images(
            sources, where=lambda position: sources[position], image_size=steps.size, channels=steps.channels
        ),
        labels=np.asarray(labels, dtype=np.int64)[rows],
        classes=() if listing is None else classes,
        mean=steps.mean,
        std=steps.std,
        text=f"{len(rows):,}{f' of {len(paths):,}' * (len(paths) > len(rows))} images of {folder}",
    )
