"""Images in Parquet files, as image-classification data sets are published on data hubs.

`root` or `root/data` contains `train.parquet` and `test.parquet`, or shards `train-*.parquet` and `test-*.parquet`.
`validation`, `val`, `valid` or `dev` replaces a missing `test`; beside it, it is the validation split of a study that
holds out no training images. A split with only -1 as labels is not read. A row has the image as a struct {bytes, path}
in the column `img` or `image` and its class in the column `label` or `fine_label`. Class names are read from the
metadata of the files where they have any.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seplace.datasets.raw_set import Images, RawSet, required_folder
from seplace.errors import DataError, MissingPackage
from seplace.machine import available_bytes

_IMAGE_COLUMNS = ("img", "image")
_VALIDATION_NAMES = ("validation", "val", "valid", "dev")
_TEST_NAMES = ("test", *_VALIDATION_NAMES)
_LABEL_COLUMNS = ("label", "fine_label")
_SHARD = re.compile(r".*-\d+-of-(\d+)\.parquet")


@dataclass(frozen=True, eq=False)
class ParquetImages:
    """The rows of a split; `read` reads only the images at the given indices."""

    files: Sequence[Path]
    starts: Sequence[int]
    """The index of each file's first row."""
    image_column: str
    labels: NDArray[np.int64]

    @property
    def place(self) -> str:
        """The name of the file, or of the first and the last file."""
        first, last = self.files[0].name, self.files[-1].name
        return first if first == last else f"{first} … {last}"

    def read(self, indices: NDArray[np.int64]) -> list[bytes]:
        """Return the bytes of each image, b"" for a row without one; row groups without such a row are not read."""
        contents: dict[int, bytes] = {}
        wanted = np.unique(indices)
        for file, start in zip(self.files, self.starts, strict=True):
            with _opened(file) as parquet:
                for group in range(parquet.num_row_groups):
                    end = start + parquet.metadata.row_group(group).num_rows
                    rows = wanted[(wanted >= start) & (wanted < end)]
                    if len(rows):
                        column = _column(parquet, group, f"{self.image_column}.bytes", file=file)
                        images = column.field("bytes").take(rows - start).to_pylist()
                        contents.update(zip(rows.tolist(), images, strict=True))
                    start = end
        return [contents[index] or b"" for index in indices.tolist()]

    def where(self, index: int) -> str:
        """Return the file of an image and its row in the file, from 0."""
        file = int(np.searchsorted(self.starts, index, side="right")) - 1
        return f"{self.files[file]}: row {index - self.starts[file]}"


def refuse_what_does_not_fit(images: Images, rows: NDArray[np.int64]) -> None:
    """Raise DataError where the files of images at `rows` are larger than the memory: their bytes are read at once.

    Rows of a Parquet file cannot be read one by one in a random order; those of a folder of images are.
    """
    if not isinstance(images, ParquetImages) or not len(rows):
        return
    size = sum(file.stat().st_size for file in images.files) * len(rows) // len(images.labels)
    free = available_bytes()
    if free is not None and size > free:
        raise DataError(
            f"{images.files[0].parent}: {len(rows):,} images take {size / 1e9:.1f} GB as they are in the files, which "
            f"are held in memory, and {free / 1e9:.1f} GB are free: unpack them into a folder and use image_folder, or "
            "take fewer with train_images"
        )


def image_parquet(root: Path | None) -> RawSet:
    """Read the training labels below `root`; raises DataError where files or columns are missing or unreadable."""
    root = required_folder(
        root,
        name="image_parquet",
        wanted="train.parquet and test.parquet, or train-*.parquet and test-*.parquet",
    )
    files = _find(root, "train")
    if files is None:
        raise DataError(_nothing_found(root))
    train, names = _open_split(files)
    count = int(train.labels.max(initial=-1)) + 1
    if count > len(train.labels):
        raise DataError(
            f"{train.where(int(train.labels.argmax()))}: label {count - 1}; with {len(train.labels)} "
            "images some class below it has none"
        )
    if names is not None and count > len(names):
        raise DataError(
            f"{train.where(int(train.labels.argmax()))}: label {count - 1}, but only {len(names)} classes are named"
        )
    classes = tuple(map(str, range(count))) if names is None else names
    found = {name: files for name in _TEST_NAMES if (files := _find(root, name)) is not None}
    labeled = {name: partial(_open_test, files, classes) for name, files in found.items() if _is_labeled(files)}
    own = next((name for name in _VALIDATION_NAMES if name in labeled), None)
    return RawSet(
        classes=classes,
        train=train,
        test=next((labeled[name] for name in _TEST_NAMES if name in labeled), None),
        validation=None if own is None else labeled[own],
        has_test_beside_validation="test" in labeled,
        notes=tuple(f"{name} is not read: its labels are all -1" for name in found if name not in labeled),
    )


def _open_test(files: list[Path], classes: tuple[str, ...]) -> ParquetImages:
    test, names = _open_split(files)
    if names is not None and names != classes:
        raise DataError(f"{test.files[0]} names other classes than the training split: {', '.join(names[:5])}, …")
    wrong = np.flatnonzero(test.labels >= len(classes))
    if len(wrong):
        raise DataError(
            f"{test.where(int(wrong[0]))}: label {test.labels[wrong[0]]}, but the training split has "
            f"{len(classes)} classes"
        )
    return test


def _open_split(files: list[Path]) -> tuple[ParquetImages, tuple[str, ...] | None]:
    starts: list[int] = []
    labels: list[NDArray[np.int64]] = []
    rows = 0
    columns: tuple[str, str] | None = None
    names: tuple[str, ...] | None = None
    for file in files:
        with _opened(file) as parquet:
            found = (_one_of(_IMAGE_COLUMNS, parquet, file), _one_of(_LABEL_COLUMNS, parquet, file))
            if columns is None:
                columns, names = found, _class_names(parquet.schema_arrow.metadata, found[1])
            elif columns != found:
                raise DataError(f"{file} has the columns {found}, {files[0]} has {columns}")
            starts.append(rows)
            for group in range(parquet.num_row_groups):
                part = _labels(_column(parquet, group, found[1], file=file), file=file, row=rows - starts[-1])
                labels.append(part)
                rows += len(part)
    assert columns is not None
    return ParquetImages(files, starts, columns[0], np.concatenate([np.empty(0, np.int64), *labels])), names


def _is_labeled(files: list[Path]) -> bool:
    """Return whether a split has labels; True for an unreadable file, which raises an error once it is opened."""
    try:
        with _opened(files[0]) as parquet:
            name = _one_of(_LABEL_COLUMNS, parquet, files[0])
            labels = (
                _column(parquet, 0, name, file=files[0]).to_numpy(zero_copy_only=False)
                if parquet.num_row_groups
                else ()
            )
    except DataError:
        return True
    return len(labels) == 0 or bool(np.any(np.asarray(labels) != -1))


def _find(root: Path, split: str) -> list[Path] | None:
    """Return the files of a split; None if the folder has no such file."""
    for folder in (root, root / "data"):
        single = folder / f"{split}.parquet"
        if single.is_file():
            return [single]
        shards = sorted(folder.glob(f"{split}-*.parquet"))
        odd = next((each for each in shards if not each.is_file()), None)
        if odd is not None:
            raise DataError(f"{odd} is not a file")
        if shards:
            numbered = _SHARD.fullmatch(shards[0].name)
            if numbered and int(numbered[1]) != len(shards):
                raise DataError(f"{folder}: {len(shards)} of the {int(numbered[1])} files {split}-*.parquet are there")
            return shards
    return None


def _nothing_found(root: Path) -> str:
    names = sorted(path.name for path in (*root.glob("*.parquet"), *root.glob("data/*.parquet")))
    there = f"{len(names)} Parquet files ({', '.join(names[:5])}{', …' if len(names) > 5 else ''})" if names else "none"
    return (
        f"data set image_parquet: looked in {root.absolute()} for train.parquet or train-*.parquet, there and under "
        f"data, and found neither. Found: {there}. Wanted: train, and test or validation, each as NAME.parquet or "
        "NAME-*.parquet"
    )


def _opened(file: Path) -> Any:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingPackage(f"reading {file} needs pyarrow ({error}): pip install pyarrow") from error
    try:
        return pq.ParquetFile(file)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{file}: not a readable Parquet file ({error})") from error


def _one_of(names: tuple[str, ...], parquet: Any, file: Path) -> str:
    import pyarrow as pa

    schema = parquet.schema_arrow
    for name in names:
        if name not in schema.names:
            continue
        kind = schema.field(name).type
        is_image = pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0
        if is_image if names is _IMAGE_COLUMNS else pa.types.is_integer(kind):
            return name
        raise DataError(
            f"{file}: column {name} has the type {kind}, wanted: "
            f"{'struct<bytes, path>' if names is _IMAGE_COLUMNS else 'an integer'}"
        )
    raise DataError(f"{file}: no column {' or '.join(names)} (it has: {', '.join(schema.names)})")


def _column(parquet: Any, group: int, column: str, *, file: Path) -> Any:
    import pyarrow as pa

    try:
        return parquet.read_row_group(group, columns=[column]).column(0).combine_chunks()
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{file}: row group {group}, column {column} cannot be read ({error})") from error


def _labels(column: Any, *, file: Path, row: int) -> NDArray[np.int64]:
    if column.null_count:
        missing = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise DataError(f"{file}: row {row + missing}: no label")
    labels = column.to_numpy(zero_copy_only=False).astype(np.int64)
    if len(labels) and labels.min() < 0:
        raise DataError(f"{file}: row {row + int(labels.argmin())}: label {labels.min()} is negative")
    return np.asarray(labels, dtype=np.int64)


def _class_names(metadata: dict[bytes, bytes] | None, label_column: str) -> tuple[str, ...] | None:
    """Return the class names in the metadata that a hub adds to the schema; None without such metadata."""
    try:
        names = json.loads((metadata or {})[b"huggingface"])["info"]["features"][label_column]["names"]
    except (KeyError, TypeError, ValueError):
        return None
    named = isinstance(names, list) and len(names) > 0 and all(isinstance(name, str) for name in names)
    return tuple(names) if named else None
