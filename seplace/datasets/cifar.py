"""CIFAR-10 and CIFAR-100 (Krizhevsky, 2009) from the official *binary* archives, packed or unpacked.

A record is one label byte (CIFAR-100: a coarse and a fine one, the fine one is used) and 3 x 32 x 32 pixels. An archive
must have the MD5 that the set's page publishes, which guards against damage and mix-ups. Its files are read in memory
by their exact names and sizes; nothing is extracted. In an unpacked folder, sizes and labels are checked.
"""

from __future__ import annotations

import hashlib
import tarfile
import zlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from seplace.datasets.raw_set import ArrayImages, RawSet
from seplace.errors import DataError

PAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"
_PIXELS = 3 * 32 * 32
_LARGEST_NAMES_FILE = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The files of one of the two sets as published."""

    name: str
    archive: str
    md5: str
    folder: str
    train_files: tuple[str, ...]
    test_file: str
    names_file: str
    train_records: int
    """The number of records in each training file."""
    test_records: int
    classes: int
    label_bytes: int
    """The number of label bytes of a record; the last one is the class."""


CIFAR10 = Layout(
    name="cifar10",
    archive="cifar-10-binary.tar.gz",
    md5="c32a1d4ab5d03f1284b67883e8d87530",
    folder="cifar-10-batches-bin",
    train_files=tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
    test_file="test_batch.bin",
    names_file="batches.meta.txt",
    train_records=10_000,
    test_records=10_000,
    classes=10,
    label_bytes=1,
)
CIFAR100 = Layout(
    name="cifar100",
    archive="cifar-100-binary.tar.gz",
    md5="03b5dce01913d631647c71ecec9e9cb8",
    folder="cifar-100-binary",
    train_files=("train.bin",),
    test_file="test.bin",
    names_file="fine_label_names.txt",
    train_records=50_000,
    test_records=10_000,
    classes=100,
    label_bytes=2,
)


def cifar10(root: Path | None) -> RawSet:
    """Load CIFAR-10; `root` contains the archive or the unpacked folder, or is one of them."""
    return _load(CIFAR10, root)


def cifar100(root: Path | None) -> RawSet:
    """Load CIFAR-100 with its 100 fine classes; `root` is as for `cifar10`."""
    return _load(CIFAR100, root)


def _load(layout: Layout, root: Path | None) -> RawSet:
    place = _find(layout, root)
    contents = _read(layout, place, (layout.names_file, *layout.train_files))
    classes = tuple(contents[layout.names_file].decode("ascii", "replace").split())
    if len(classes) != layout.classes or len(set(classes)) != layout.classes:
        raise DataError(
            f"{place}: {layout.names_file} names {len(set(classes))} classes in {len(classes)} lines, "
            f"expected {layout.classes}"
        )
    parts = [_records(layout, place, file, contents.pop(file)) for file in layout.train_files]
    train = ArrayImages(
        np.concatenate([part.pixels for part in parts]),
        np.concatenate([part.labels for part in parts]),
        place=" … ".join(dict.fromkeys((layout.train_files[0], layout.train_files[-1]))),
    )
    return RawSet(classes=classes, train=train, test=partial(_load_test, layout, place))


def _load_test(layout: Layout, place: Path) -> ArrayImages:
    file = layout.test_file
    return _records(layout, place, file, _read(layout, place, (file,))[file])


def _find(layout: Layout, root: Path | None) -> Path:
    """Return the unpacked folder or the archive."""
    wanted = f"{layout.archive} or its unpacked folder {layout.folder}; get {layout.archive} from {PAGE}"
    if root is None:
        raise DataError(f"data set {layout.name}: no root given; it is the folder with {wanted}")
    if (root / layout.folder).is_dir():
        return root / layout.folder
    if (root / layout.train_files[0]).is_file():
        return root
    for archive in (root / layout.archive, root):
        if archive.is_file():
            return archive
    raise DataError(f"data set {layout.name}: {root.absolute()} does not hold {wanted}")


def _read(layout: Layout, place: Path, files: tuple[str, ...]) -> dict[str, bytearray]:
    """Return the contents of `files` from the folder or archive, after checking their sizes."""
    try:
        return _read_archive(layout, place, files) if place.is_file() else _read_folder(layout, place, files)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise DataError(f"data set {layout.name}: {place}: {error}") from error


def _read_folder(layout: Layout, folder: Path, files: tuple[str, ...]) -> dict[str, bytearray]:
    contents = {}
    for file in files:
        path = folder / file
        if not path.is_file():
            raise DataError(f"data set {layout.name}: {path} is missing; get {layout.archive} from {PAGE}")
        _check_size(layout, path.stat().st_size, file=file, where=str(path))
        contents[file] = bytearray(path.read_bytes())
    return contents


def _read_archive(layout: Layout, archive: Path, files: tuple[str, ...]) -> dict[str, bytearray]:
    with archive.open("rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if digest != layout.md5:
        raise DataError(
            f"{archive} is damaged or not {layout.archive}: its MD5 is {digest}, that of the official "
            f"archive is "
            f"{layout.md5}; get it again from {PAGE}"
        )
    names = {f"{layout.folder}/{file}": file for file in files}
    contents: dict[str, bytearray] = {}
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            file = names.get(member.name)
            stream_of_member = tar.extractfile(member) if file is not None and member.isreg() else None
            if file is None or stream_of_member is None:
                continue
            _check_size(layout, member.size, file=file, where=f"{archive}: {member.name}")
            contents[file] = bytearray(stream_of_member.read())
            if len(contents) == len(files):
                return contents
    missing = ", ".join(name for name, file in names.items() if file not in contents)
    raise DataError(f"{archive} has no {missing}")


def _check_size(layout: Layout, size: int, *, file: str, where: str) -> None:
    if file == layout.names_file:
        if size > _LARGEST_NAMES_FILE:
            raise DataError(f"{where} has {size} bytes, more than a list of names can have")
        return
    records = layout.test_records if file == layout.test_file else layout.train_records
    expected = records * (layout.label_bytes + _PIXELS)
    if size != expected:
        raise DataError(f"{where} has {size} bytes, expected {expected}: {records} records")


def _records(layout: Layout, place: Path, file: str, content: bytearray) -> ArrayImages:
    rows = np.frombuffer(content, dtype=np.uint8).reshape(-1, layout.label_bytes + _PIXELS)
    labels = rows[:, layout.label_bytes - 1].astype(np.int64)
    wrong = np.flatnonzero(labels >= layout.classes)
    if len(wrong):
        raise DataError(f"{place}: {file}, record {wrong[0]}: label {labels[wrong[0]]} is not below {layout.classes}")
    return ArrayImages(rows[:, layout.label_bytes :].reshape(-1, 3, 32, 32), labels, place=file)
