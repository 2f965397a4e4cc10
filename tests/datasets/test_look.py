import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_up import encoded, make_folder, make_parquet, picture, use_tiny_cifar, write_parquet

from seplace.datasets.image_set import load_image_set
from seplace.datasets.look import Look, look_at_data
from seplace.errors import DataError, InputError

VALUES = {"image_size": 8, "train_images": None, "validation_images": 6, "seed": 1, "skip_damaged": False}
COLOR = encoded(picture(np.random.default_rng(0), 8, 8, 3))


def look(root: Path, *, name: str = "image_folder", whole: bool = False, **changes) -> Look:
    return look_at_data(name, root=root, whole=whole, **(VALUES | changes))


def load(root: Path, *, name: str = "image_folder", **changes):
    return load_image_set(name, root=root, noise=0.0, **(VALUES | changes))


def make_gray(root: Path, count: int = 4) -> Path:
    random = np.random.default_rng(0)
    for split in ("train", "val"):
        for name in "ab":
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                (root / split / name / f"{number}.png").write_bytes(encoded(picture(random, 8, 8)))
    return root


def test_splits_counts_and_uses_are_reported(tmp_path):
    uses = look(make_folder(tmp_path)).uses
    reported = {name: (use["images"], use["fewest"], use["most"], use["place"]) for name, use in uses.items()}
    assert reported == {"train": (24, 8, 8, "train"), "validation": (6, 2, 2, "train"), "test": (12, 4, 4, "val")}
    assert [use["is_held_out"] for use in uses.values()] == [False, True, False]


def test_the_sets_own_validation_split(tmp_path):
    make_folder(tmp_path)
    assert set(look(tmp_path, validation_images=None).uses) == {"train", "validation"}
    images = load(tmp_path, validation_images=None)
    assert (len(images.train), len(images.validation)) == (30, 12)
    make_folder(tmp_path / "more", test_name="test")
    with pytest.raises(InputError, match="no validation split of its own: say with validation_images"):
        look(tmp_path / "more", validation_images=None)
    with pytest.raises(InputError, match="no validation split of its own"):
        load(tmp_path / "more", validation_images=None)


def test_an_own_validation_split_that_is_not_used_is_said(tmp_path):
    make_folder(tmp_path)
    assert look(tmp_path).notes == ()  # it is the test split
    shutil.copytree(tmp_path / "val", tmp_path / "test")
    assert look(tmp_path).notes[0].startswith("the validation split of the data set is not used; leave out")
    assert look(tmp_path, validation_images=None).notes == ()


def test_the_own_validation_split_of_parquet_files_and_one_without_labels(tmp_path):
    make_parquet(tmp_path)
    write_parquet(tmp_path / "validation.parquet", [COLOR] * 6, [0, 1, 2] * 2)
    write_parquet(tmp_path / "test.parquet", [COLOR] * 6, [-1] * 6)
    seen = look(tmp_path, name="image_parquet", validation_images=None)
    assert {name: use["place"] for name, use in seen.uses.items()} == {
        "train": "train.parquet",
        "validation": "validation.parquet",
    }
    assert seen.notes == ("test is not read: its labels are all -1",)
    assert load(tmp_path, name="image_parquet", validation_images=None).validation.labels.tolist() == [0, 1, 2] * 2


def spoil(root: Path) -> None:
    """Put something into each split that is no image, of every kind."""
    (root / "train" / "class_0" / "empty.png").write_bytes(b"")
    (root / "train" / "class_1" / "text.jpg").write_bytes(b"no image at all")
    (root / "val" / "class_0" / "cut.png").write_bytes(COLOR[: len(COLOR) // 2])
    whole = encoded(picture(np.random.default_rng(0), 8, 8, 3), "JPEG")
    (root / "val" / "class_1" / "cut.jpg").write_bytes(whole[: len(whole) - 40])
    os.mkfifo(root / "val" / "class_2" / "pipe.png")


def test_all_damaged_images_of_all_splits_are_reported_at_once(tmp_path):
    spoil(make_folder(tmp_path))
    with pytest.raises(DataError) as error:
        look(tmp_path)
    lines = str(error.value).splitlines()
    assert lines[0] == "5 images cannot be used:"
    assert lines[-1] == "  leave them out with data: {skip_damaged: true}"
    for name, why in {
        "train/class_0/empty.png": "no image, 0 bytes",
        "train/class_1/text.jpg": "not a readable image (in none of the formats that are read)",
        "val/class_0/cut.png": "not a readable image",
        "val/class_1/cut.jpg": "not a readable image",
        "val/class_2/pipe.png": "a FIFO, not an image file",
    }.items():
        assert sum(f"{name}: {why}" in line for line in lines) == 1


def test_only_the_first_of_many_are_shown(tmp_path):
    make_folder(tmp_path, train=10)
    for file in sorted((tmp_path / "train").glob("*/00[1-9].png")):
        file.write_bytes(b"x")
    with pytest.raises(DataError, match=r"(?s)27 images cannot be used:.*and 22 more"):
        look(tmp_path)


def test_damaged_images_are_left_out_where_a_study_says_so(tmp_path):
    clean = load(make_folder(tmp_path), validation_images=6)
    spoil(tmp_path)
    seen = look(tmp_path, skip_damaged=True)
    assert {name: use.get("left_out") for name, use in seen.uses.items()} == {"train": 2, "validation": None, "test": 3}
    images = load(tmp_path, skip_damaged=True)
    assert (len(images.train), len(images.validation), len(images.test())) == (24, 6, 12)
    assert (images.test().images == clean.test().images).all()


def test_damage_inside_an_image_is_found_where_it_is_decoded(tmp_path):
    make_folder(tmp_path)
    content = bytearray(COLOR)
    at = content.index(b"IDAT") + 20
    content[at : at + 40] = bytes(40)
    (tmp_path / "val" / "class_0" / "rotten.png").write_bytes(content)
    assert look(tmp_path).uses["test"]["images"] == 13
    with pytest.raises(DataError, match=r"rotten\.png: not a readable image"):
        look(tmp_path, whole=True)
    assert look(tmp_path, whole=True, skip_damaged=True).uses["test"]["images"] == 12
    assert len(load(tmp_path, skip_damaged=True).test()) == 12


def test_a_color_image_in_a_gray_set(tmp_path):
    make_gray(tmp_path)
    (tmp_path / "val" / "b" / "red.png").write_bytes(COLOR)
    with pytest.raises(DataError, match=r"val/b/red\.png: a color image in a set of gray ones"):
        look(tmp_path, validation_images=2)
    assert look(tmp_path, validation_images=2, skip_damaged=True).uses["test"]["images"] == 8
    images = load(tmp_path, validation_images=2, skip_damaged=True)
    assert images.test().images.shape == (8, 1, 8, 8)


@pytest.mark.parametrize("seed", range(4))
def test_one_color_image_makes_a_set_of_color_wherever_it_falls(tmp_path, seed):
    make_gray(tmp_path, count=3)
    (tmp_path / "train" / "a" / "0.png").write_bytes(COLOR)
    assert look(tmp_path, validation_images=3).notes == (
        "train: 1 of 6 images are in color; the gray ones are read as color too",
    )
    images = load(tmp_path, validation_images=3, seed=seed)
    assert images.channels == images.validation.images.shape[1] == images.test().images.shape[1] == 3


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a class missing in val": (lambda root: (root / "val" / "class_1").rename(root / "lost"), r"class_1 only in train"),
    "a class more in val": (lambda root: (root / "val" / "class_9").mkdir(), r"class_9 only here"),
    "an empty class in train": (lambda root: (root / "train" / "class_9").mkdir(), "training split|class_9"),
    "an empty class in val": (
        lambda root: [file.unlink() for file in (root / "val" / "class_1").iterdir()],
        "the test split has images of 2 of the 3 classes; without any: class_1",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_classes_that_do_not_fit_are_named(tmp_path, fault):
    make_folder(tmp_path)
    make, message = FAULTS[fault]
    make(tmp_path)
    with pytest.raises(DataError, match=message):
        look(tmp_path)


def test_a_class_of_files_that_are_not_read_is_explained(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "train" / "class_9").mkdir()
    (tmp_path / "train" / "class_9" / "1.heic").write_bytes(b"x")
    (tmp_path / "val" / "class_9").mkdir()
    with pytest.raises(
        DataError, match=r"(?s)without any: class_9.*class_9 holds 1 file of kinds .* not read: 1\.heic"
    ):
        look(tmp_path)


def test_images_of_several_sizes_in_any_split(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "val" / "class_0" / "wide.png").write_bytes(encoded(np.zeros((4, 12, 3), np.uint8)))
    with pytest.raises(DataError, match=r"val/class_0/wide.png has 12x4 pixels, .* has 8x8: give an image_size"):
        look(tmp_path, image_size=None)
    assert look(tmp_path).uses["test"]["largest"] == [12, 8]


def test_a_set_without_a_test_split(tmp_path):
    assert set(look(make_folder(tmp_path, test_name="elsewhere")).uses) == {"train", "validation"}


def test_rows_without_an_image(tmp_path):
    make_parquet(tmp_path)
    write_parquet(tmp_path / "test.parquet", [COLOR, None, COLOR, COLOR], [0, 1, 1, 2])
    with pytest.raises(DataError, match=r"test.parquet: row 1: no image"):
        look(tmp_path, name="image_parquet")
    assert len(load(tmp_path, name="image_parquet", skip_damaged=True).test()) == 3


def test_archives_get_the_same_look(tmp_path, monkeypatch):
    root = use_tiny_cifar(tmp_path, monkeypatch, "CIFAR10")
    uses = look(root, name="cifar10").uses
    assert [use["place"] for use in uses.values()][::2] == ["data_batch_1.bin … data_batch_5.bin", "test_batch.bin"]
    assert [use["largest"] for use in uses.values()] == [[32, 32]] * 3
    (tmp_path / "cifar-10-batches-bin" / "test_batch.bin").write_bytes(b"cut")
    with pytest.raises(DataError, match=r"test_batch\.bin has 3 bytes, expected"):
        look(root, name="cifar10")
