"""Places365 as it is published, and its class folders alone."""

import shutil

import pytest
from made_up import PLACES as CLASSES
from made_up import PLACES_TRAIN as TRAIN
from made_up import PLACES_VAL as VAL
from made_up import make_places

from seplace.datasets.image_folder import image_folder
from seplace.datasets.look import look_at_data
from seplace.errors import DataError


@pytest.mark.parametrize(
    "names",
    [
        {},
        {"train": "train_256"},
        {"train": "train", "val": "val", "lists": "."},
        {"train": "data_large", "val": "val_large"},
    ],
)
def test_it_is_read_as_it_is_published(tmp_path, names):
    make_places(tmp_path, **names)
    raw = image_folder(tmp_path)
    assert raw.classes == CLASSES
    assert list(raw.train.files) == TRAIN
    assert raw.train.labels.tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    for split in (raw.test(), raw.validation()):
        assert split.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
        assert list(split.files) == [VAL[at] for at in (3, 7, 2, 6, 1, 5, 0, 4)]
    assert raw.notes == (
        "test_256 is not read: images without labels (it has 0 folders, 1 image file)".replace("it has ", ""),
    )


def test_its_class_folders_alone_are_read_too(tmp_path):
    shutil.rmtree(make_places(tmp_path, train="train"))
    shutil.copytree(tmp_path / "train", tmp_path / "test")
    raw = image_folder(tmp_path)
    assert raw.classes == CLASSES
    assert raw.test().labels.tolist() == raw.train.labels.tolist()


def test_the_simple_form_beside_the_lists(tmp_path):
    make_places(tmp_path)
    for split in ("train", "val"):
        for at, name in enumerate(("abbey", "field-cultivated")):
            (tmp_path / split / name).mkdir(parents=True)
            shutil.copy(tmp_path / "data_256" / TRAIN[at], tmp_path / split / name / f"{at}.jpg")
    raw = image_folder(tmp_path)
    assert raw.classes == ("abbey", "field-cultivated")
    assert raw.validation().where(1).endswith("val/field-cultivated/1.jpg")


WANTED = ":1: wanted: a name and the number of its class (got "


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("places365_val.txt", f"{VAL[0]} 9\n", "places365_val.txt:1: 9 is no number in categories_places365.txt"),
        ("places365_val.txt", f"{VAL[0]}\n", f"places365_val.txt{WANTED}'{VAL[0]}')"),
        ("places365_val.txt", f"{VAL[0]} 0\nno.jpg 0\n", "places365_val.txt names 1 images that are not in "),
        ("categories_places365.txt", "/a/abbey\n", f"categories_places365.txt{WANTED}'/a/abbey')"),
    ],
)
def test_lists_that_do_not_fit(tmp_path, file, text, message):
    lists = make_places(tmp_path)
    (lists / file).write_text(text)
    with pytest.raises(DataError) as caught:
        image_folder(tmp_path).test()
    assert message in str(caught.value)


def test_files_that_the_list_does_not_name_are_said(tmp_path):
    make_places(tmp_path)
    shutil.copy(tmp_path / "data_256" / TRAIN[0], tmp_path / "data_256" / "a/abbey/more.jpg")
    note = "data_256: 1 file that places365_train_standard.txt does not name, not read: a/abbey/more.jpg"
    assert note in image_folder(tmp_path).notes


def test_a_study_looks_at_it(tmp_path):
    make_places(tmp_path)
    look = look_at_data(
        "image_folder", root=tmp_path, image_size=None, train_images=None, validation_images=None, seed=0,
        skip_damaged=False, whole=True,
    )  # fmt: skip
    assert (look.uses["train"]["images"], look.uses["train"]["place"]) == (12, "data_256")
    assert (look.uses["validation"]["images"], look.uses["validation"]["place"]) == (8, "val_256")
