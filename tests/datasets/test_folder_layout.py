import os
from pathlib import Path

import numpy as np
import pytest
from made_up import encoded, make_folder

from seplace.datasets.image_folder import image_folder
from seplace.errors import DataError

PICTURE = encoded(np.zeros((4, 4, 3), np.uint8))


def put(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(PICTURE)
    return root


def listed(images) -> list[tuple[str, int]]:
    return list(zip(images.files, images.labels.tolist(), strict=True))


def test_the_innermost_folders_are_the_classes_where_no_other_holds_images(tmp_path):
    files = ("a/abbey/1.jpg", "a/flat/outdoor/1.jpg", "b/bar/1.jpg")
    raw = image_folder(put(tmp_path, *(f"{split}/{file}" for split in ("train", "val") for file in files)))
    assert raw.classes == ("a/abbey", "a/flat/outdoor", "b/bar")
    for images in (raw.train, raw.test()):
        assert listed(images) == [(file, label) for label, file in enumerate(files)]


def test_a_folder_images_means_nothing_and_labels_may_stand_in_a_list(tmp_path):
    put(tmp_path, "train/n1/images/a.JPEG", "train/n2/images/b.JPEG", "val/images/x.JPEG", "val/images/y.JPEG")
    put(tmp_path, "test/images/z.JPEG")
    (tmp_path / "train" / "n1" / "n1_boxes.txt").write_text("a.JPEG\t0\t0\t3\t3\n")
    (tmp_path / "val" / "val_annotations.txt").write_text("y.JPEG\tn1\t0\t0\t3\t3\nx.JPEG\tn2\t0\t0\t3\t3\n")
    raw = image_folder(tmp_path)
    assert raw.classes == ("n1", "n2")
    assert listed(raw.train) == [("n1/images/a.JPEG", 0), ("n2/images/b.JPEG", 1)]
    assert listed(raw.test()) == [("images/y.JPEG", 0), ("images/x.JPEG", 1)]
    assert raw.notes == ("test is not read: no folder in it is a class of train (images)",)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("x.png n1\n", r"val_annotations.txt has no label for 1 images in .*val/images: y.png"),
        ("x.png n1\ny.png n2\nz.png n1\n", "names 1 images that are not in .*: z.png"),
        ("x.png\n", r"val_annotations.txt:1: wanted: the name of an image and its class"),
    ],
)
def test_a_list_of_labels_that_does_not_fit_its_images(tmp_path, lines, message):
    put(tmp_path, "train/n1/a.png", "train/n2/a.png", "val/images/x.png", "val/images/y.png")
    (tmp_path / "val" / "val_annotations.txt").write_text(lines)
    with pytest.raises(DataError, match=message):
        image_folder(tmp_path).test()


def test_folders_beside_images_are_not_read_and_said(tmp_path):
    put(tmp_path, "train/cat/1.png", "train/cat/more/2.png", "train/dog/1.png")
    raw = image_folder(tmp_path)
    assert listed(raw.train) == [("cat/1.png", 0), ("dog/1.png", 1)]
    assert raw.notes == ("train: cat holds folders beside its images, which are not read: more",)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["train/cat/1.png", "train/dog/2021/1.png"], "cat holds images, dog only folders with images: which are"),
        (["train/a/b/1.png", "train/a/b/c/1.png"], r"train/a/b holds images and also folders with images \(c\)"),
        (["train/1.png", "train/2.png"], "in train 0 folders, 2 image files. Wanted: train/<class>/.*have no labels"),
        (["cat/1.png", "dog/1.png"], r"there are 2 folders \(cat, dog\), 0 image files.*move them into a folder train"),
        (["1.png"], "there are 0 folders, 1 image file. Wanted"),
        (["tiny/train/cat/1.png"], "Did you mean the root .*/tiny"),
    ],
)
def test_another_layout_is_explained(tmp_path, files, message):
    with pytest.raises(DataError, match=message):
        image_folder(put(tmp_path, *files))


def test_splits_without_labels_are_passed_over_and_said(tmp_path):
    make_folder(tmp_path)
    put(tmp_path, "test/1.png", "test/2.png")
    raw = image_folder(tmp_path)
    assert "/val/" in raw.test().where(0)
    assert raw.notes == ("test is not read: images without labels (0 folders, 2 image files)",)


@pytest.mark.parametrize(
    ("folders", "test", "own"),
    [
        (("test", "val"), "test", "val"),
        (("val",), "val", "val"),
        (("validation", "valid"), "validation", "validation"),
        (("test",), "test", None),
        ((), None, None),
    ],
)
def test_which_folder_is_used_as_what(tmp_path, folders, test, own):
    raw = image_folder(put(tmp_path, *(f"{split}/{name}/1.png" for split in ("train", *folders) for name in "ab")))
    assert (raw.test and raw.test().place) == test
    used = {name: opened().place for name, opened in raw.openers(own_validation=True).items()}
    assert used == {
        name: place for name, place in (("validation", own), ("test", test)) if place and (name, place) != ("test", own)
    }


def test_what_is_wrong_with_a_split_is_reported_only_where_it_is_used(tmp_path):
    put(tmp_path, *(f"{split}/{name}/1.png" for split in ("train", "test") for name in "ab"))
    put(tmp_path, "val/a/1.png", "val/b/c/1.png")
    raw = image_folder(tmp_path)
    assert raw.test().place == "test"
    with pytest.raises(DataError, match="a holds images, b only folders"):
        raw.openers(own_validation=True)["validation"]()


def test_what_lies_beside_the_class_folders_is_said(tmp_path):
    put(tmp_path, "train/a/1.png", "train/b/1.png", "train/1.png")
    (tmp_path / "train" / "c").symlink_to("nowhere")
    raw = image_folder(tmp_path)
    assert raw.classes == ("a", "b")
    assert raw.notes == ("train: 1 file beside the class folders, not read: 1.png",)
    assert raw.train.unusable == (("c", "a link that leads nowhere (No such file or directory)"),)


def test_what_is_no_file_is_no_image(tmp_path):
    put(tmp_path, "train/a/1.png", "train/b/1.png", "elsewhere/2.png")
    folder = tmp_path / "train" / "a"
    os.mkfifo(folder / "pipe.png")
    (folder / "folder.jpg").mkdir()
    (folder / "lost.png").symlink_to("nowhere")
    (folder / "link.png").symlink_to(tmp_path / "elsewhere" / "2.png")
    train = image_folder(tmp_path).train
    assert listed(train) == [("a/1.png", 0), ("a/link.png", 0), ("b/1.png", 1)]
    assert dict(train.unusable) == {
        "a/folder.jpg": "a folder",
        "a/lost.png": "a link that leads nowhere (No such file or directory)",
        "a/pipe.png": "a FIFO",
    }


def test_a_link_around_in_a_circle_is_named(tmp_path):
    put(tmp_path, "train/a/b/1.png")
    (tmp_path / "train" / "a" / "c").symlink_to(tmp_path / "train" / "a")
    with pytest.raises(DataError, match="train/a/c: a link to a folder around it"):
        image_folder(tmp_path)
