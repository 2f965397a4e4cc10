"""Tiny made-up data in the layout of each data set, and what several tests share."""

import hashlib
import io
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from seplace.datasets import cifar

REAL_CIFAR10 = Path(__file__).resolve().parents[2] / "../shared/data/cifar10"


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def picture(random: np.random.Generator, *shape: int) -> np.ndarray:
    return random.integers(0, 256, shape, dtype=np.uint8)


def write_parquet(
    file: Path,
    images: Sequence[bytes | None],
    labels: Sequence[int | None],
    *,
    image_column: str = "img",
    label_column: str = "label",
    metadata: dict[str, str] | None = None,
    rows_per_group: int = 7,
) -> None:
    rows = [{"bytes": image, "path": None} for image in images]
    table = pa.table(
        {
            image_column: pa.array(rows, pa.struct({"bytes": pa.binary(), "path": pa.string()})),
            label_column: pa.array(labels, pa.int64()),
        }
    ).replace_schema_metadata(metadata)
    pq.write_table(table, file, row_group_size=rows_per_group)


def make_parquet(root: Path, *, train: int = 30, test: int = 12, classes: int = 3, side: int = 8) -> Path:
    random = np.random.default_rng(0)
    root.mkdir(parents=True, exist_ok=True)
    for split, count in (("train", train), ("test", test)):
        images = [encoded(picture(random, side, side, 3)) for _ in range(count)]
        write_parquet(root / f"{split}.parquet", images, [row % classes for row in range(count)])
    return root


def make_folder(root: Path, *, train: int = 10, test: int = 4, classes: int = 3, test_name: str = "val") -> Path:
    random = np.random.default_rng(0)
    for split, count in (("train", train), (test_name, test)):
        for label in range(classes):
            folder = root / split / f"class_{label}"
            folder.mkdir(parents=True)
            for number in range(count):
                (folder / f"{number:03d}.png").write_bytes(encoded(picture(random, 8, 8, 3)))
    return root


PLACES = ("a/abbey", "f/field/cultivated", "f/field/wild", "i/igloo")
PLACES_TRAIN = [f"{name}/{number:08d}.jpg" for name in PLACES for number in range(3)]
PLACES_VAL = [f"Places365_val_{number:08d}.jpg" for number in range(8)]


def make_places(root, *, train="data_256", val="val_256", lists="filelist_places365-standard"):
    random = np.random.default_rng(0)
    for folder, names in ((train, PLACES_TRAIN), (val, PLACES_VAL), ("test_256", ["Places365_test_00000001.jpg"])):
        for name in names:
            path = root / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(picture(random, 8, 8, 3), "JPEG"))
    at = root / lists
    at.mkdir(exist_ok=True)
    (at / "categories_places365.txt").write_text("".join(f"/{name} {at}\n" for at, name in enumerate(PLACES)))
    train_lines = [f"/{name} {at // 3}\n" for at, name in enumerate(PLACES_TRAIN)]
    (at / "places365_train_standard.txt").write_text("".join(train_lines))
    (at / "places365_val.txt").write_text("".join(f"{name} {3 - at % 4}\n" for at, name in enumerate(PLACES_VAL)))
    (at / "places365_test.txt").write_text("Places365_test_00000001.jpg\n")
    return at


def tiny(layout: cifar.Layout, **changes) -> cifar.Layout:
    return replace(layout, train_records=2 * layout.classes, test_records=layout.classes, **changes)


def cifar_files(layout: cifar.Layout) -> dict[str, bytes]:
    """The files of a layout; the record at each place has the label `place % classes`."""
    random = np.random.default_rng(0)

    def records(count: int) -> bytes:
        rows = picture(random, count, layout.label_bytes + 3072)
        rows[:, layout.label_bytes - 1] = np.arange(count) % layout.classes
        return rows.tobytes()

    names = "".join(f"name_{label}\n" for label in range(layout.classes)) + "\n"
    return {
        layout.names_file: names.encode(),
        **{file: records(layout.train_records) for file in layout.train_files},
        layout.test_file: records(layout.test_records),
    }


def make_cifar_folder(root: Path, layout: cifar.Layout) -> Path:
    folder = root / layout.folder
    folder.mkdir(parents=True)
    for file, content in cifar_files(layout).items():
        (folder / file).write_bytes(content)
    return root


def make_cifar_archive(root: Path, layout: cifar.Layout, *, extra: dict[str, bytes] | None = None) -> cifar.Layout:
    """Write the archive (`extra` files first) and return the layout with its checksum."""
    archive = root / layout.archive
    with tarfile.open(archive, "w:gz") as tar:
        contents = {f"{layout.folder}/{file}": content for file, content in cifar_files(layout).items()}
        for name, content in {**(extra or {}), **contents}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return replace(layout, md5=hashlib.md5(archive.read_bytes()).hexdigest())


def use_tiny_cifar(root: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> Path:
    layout = tiny(getattr(cifar, name))
    monkeypatch.setattr(cifar, name, layout)
    return make_cifar_folder(root, layout)
