import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_up import encoded, make_folder, make_parquet, picture

from seplace.datasets.identity import identities_of
from seplace.datasets.opening import open_raw_set
from seplace.datasets.raw_set import ArrayImages


def identities(name: str, root: Path | None) -> dict:
    raw = open_raw_set(name, root)
    assert raw.test is not None
    found = identities_of({"train": raw.train, "test": raw.test()}, raw.classes)
    assert json.loads(json.dumps(found)) == found
    return found


def new_picture(file: Path) -> None:
    file.write_bytes(encoded(picture(np.random.default_rng(9), 9, 9, 3)))


@pytest.mark.parametrize(
    ("make", "name"),
    [(make_folder, "image_folder"), (make_parquet, "image_parquet"), (None, "digits"), (None, "plain_tiles")],
)
def test_a_copy_elsewhere_is_the_same(tmp_path, make, name):
    if make is None:
        assert identities(name, None) == identities(name, None)
        return
    first = identities(name, make(tmp_path / "first"))
    shutil.copytree(tmp_path / "first", tmp_path / "moved" / "second")
    assert identities(name, tmp_path / "moved" / "second") == first
    assert first["train"]["images"] == sum(first["train"]["classes"].values()) == 30


def test_the_classes_are_counted_by_name(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "val" / "class_1" / "000.png").unlink()
    assert identities("image_folder", tmp_path)["test"]["classes"] == {"class_0": 4, "class_1": 3, "class_2": 4}


CHANGES: dict[str, tuple[Callable[[Path], object], str, set[str]]] = {
    "one more": (
        lambda root: new_picture(root / "train" / "class_1" / "more.png"),
        "train",
        {"images", "classes", "labels", "names", "bytes", "sample"},
    ),
    "renamed": (
        lambda root: (root / "val" / "class_0" / "000.png").rename(root / "val" / "class_0" / "0000.png"),
        "test",
        {"names"},
    ),
    "another content": (
        lambda root: new_picture(root / "val" / "class_2" / "003.png"),
        "test",
        {"names", "bytes", "sample"},
    ),
    "another class": (
        lambda root: (root / "train" / "class_0" / "009.png").rename(root / "train" / "class_2" / "zzz.png"),
        "train",
        {"classes", "labels", "names", "sample"},
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_shows(tmp_path, change):
    before = identities("image_folder", make_folder(tmp_path))
    make_change, split, keys = CHANGES[change]
    make_change(tmp_path)
    after = identities("image_folder", tmp_path)
    assert {key for key in before[split] if before[split][key] != after[split][key]} == keys
    assert {name for name in before if before[name] != after[name]} == {split}


def test_another_image_in_a_parquet_file_shows(tmp_path):
    before = identities("image_parquet", make_parquet(tmp_path / "a"))["test"]
    after = identities("image_parquet", make_parquet(tmp_path / "b", side=9))["test"]
    assert {key for key in before if before[key] != after[key]} == {"sample"}


def test_another_pixel_and_another_label_show():
    pixels, labels = np.zeros((10, 1, 4, 4), dtype=np.uint8), np.arange(10) % 2
    before = identities_of({"train": ArrayImages(pixels, labels)}, ("a", "b"))["train"]
    changed, swapped = pixels.copy(), labels.copy()
    changed[5, 0, 1, 1] = 1
    swapped[:2] = 1, 0
    for images, key in ((ArrayImages(changed, labels), "sample"), (ArrayImages(pixels, swapped), "labels")):
        after = identities_of({"train": images}, ("a", "b"))["train"]
        assert {each for each in before if before[each] != after[each]} == {key}
