"""Drafts of made-up folders: what is said, and that what is written is a study that can be planned."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from made_up import encoded, make_folder, make_places, picture

from seplace.draft.drafting import Draft, draft
from seplace.draft.files import study_text
from seplace.draft.numbers import choose
from seplace.errors import DataError
from seplace.files.yaml_reader import read_document
from seplace.search.plan import make_plan
from seplace.study.config import load_study
from tests.draft.toy import ToyClock, found
from tests.report.test_json_schema import problems_of


def drafted(folder: Path, at: Path, **changes) -> Draft:
    return draft(folder, at, backbone=None, hours=4, clock=ToyClock, **changes)


def test_a_draft_is_a_study_that_can_be_planned_at_once(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "my images", train=20, test=6, test_name="test")
    made = drafted(folder, tmp_path / "out")
    config = load_study(tmp_path / "out" / "study.yaml")
    plan = make_plan(config, tmp_path / "results", with_batch=False)
    assert plan.images["uses"]["validation"] == {
        **plan.images["uses"]["validation"],
        "images": 20,
        "fewest": 6,
        "most": 7,
    }
    assert plan.power.obstacle == ""
    assert config.data.root == "../my images"
    assert made.found == [
        f"{folder}: 3 classes (class_0, class_1, class_2)",
        "  train: 60 images, 20 a class",
        "  test: 18 images, 6 a class",
        "  8x8 pixels, in color",
    ]
    assert made.doubts == [
        "few images: 20 a class. Networks that are trained from scratch on so few differ more by chance than by "
        "attention; 200 a class are a beginning"
    ]
    assert made.choices[1] == "images: 40 to train on, 20 held out to score"
    assert made.power[0].startswith("With 20 validation images and 5 seeds this study can show gains of about 1")
    for kind in ("study", "space"):
        document, _ = read_document(tmp_path / "out" / f"{kind}.yaml")
        assert not problems_of(kind, document.values)


@pytest.mark.parametrize("is_own", [True, False])
def test_both_kinds_of_validation(tmp_path: Path, is_own: bool) -> None:
    make_folder(tmp_path / "a", train=20, test=6, test_name="val")
    if is_own:
        shutil.copytree(tmp_path / "a" / "val", tmp_path / "a" / "test")
    made = drafted(tmp_path / "a", tmp_path)
    config = load_study(tmp_path / "study.yaml")
    assert config.data.validation_images == (None if is_own else 20)
    assert make_plan(config, tmp_path / "results", with_batch=False).images["uses"]["test"]["images"] == 18
    assert made.found[2] == (
        "  validation: 18 images, 6 a class (from val)" if is_own else "  test: 18 images, 6 a class (from val)"
    )
    assert any("in another split too" in line for line in made.doubts) is False


def test_what_is_doubtful_is_said(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "odd: #1", train=3, test=2, classes=2, test_name="test")
    random = np.random.default_rng(3)
    for number in range(30):
        (folder / "train" / "class_0" / f"more{number}.png").write_bytes(encoded(picture(random, 12, 9)))
    (folder / "train" / "class_1" / "bad.png").write_bytes(b"no image")
    shutil.copy(folder / "test" / "class_1" / "000.png", folder / "train" / "class_1" / "copy.png")
    made = drafted(folder, tmp_path)
    text = "\n".join(made.doubts)
    assert f"1 image cannot be read and will be left out (skip_damaged): {folder}/train/class_1/bad.png: not a" in text
    assert (
        f"1 training image is in another split too, so scores are too good: {folder}/train/class_1/copy.png = " in text
    )
    assert (
        "classes are uneven: class_0 has 33 images, class_1 4; whoever always answers class_0 is right for 89 %" in text
    )
    assert "few images: 4 of class_1." in text
    assert "  8x8 to 9x12 pixels, 19 % in color, the others gray" in made.found
    config = load_study(tmp_path / "study.yaml")
    assert (config.data.skip_damaged, config.data.image_size, config.data.root) == (True, 9, "./odd: #1")
    make_plan(config, tmp_path / "results", with_batch=False)


def test_names_cannot_break_lines(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "a\nb: c", train=4, test=2, test_name="test")
    (folder / "train" / "class_0").rename(folder / "train" / "=x\n\x1b[31m")
    (folder / "test" / "class_0").rename(folder / "test" / "=x\n\x1b[31m")
    made = drafted(folder, tmp_path)
    assert all(line.isprintable() for line in [*made.found, *made.doubts, *made.choices, *made.power])
    assert load_study(tmp_path / "study.yaml").data.root == "./a\nb: c"


def test_places365_is_drafted_too(tmp_path: Path) -> None:
    make_places(tmp_path / "places")
    made = drafted(tmp_path / "places", tmp_path)
    assert made.found[0].endswith("4 classes (a/abbey, f/field/cultivated, f/field/wild, i/igloo)")
    assert "  note: test_256 is not read: images without labels (0 folders, 1 image file)" in made.found
    make_plan(load_study(tmp_path / "study.yaml"), tmp_path / "results", with_batch=False)


@pytest.mark.parametrize("case", ["one class", "no split", "empty class", "unreadable", "unreadable class", "nothing"])
def test_folders_that_are_no_data_set(tmp_path: Path, case: str) -> None:
    folder = make_folder(tmp_path / "a", classes=1 if case == "one class" else 2)
    message = {
        "one class": "its training images are of one class (class_0); a study compares",
        "no split": f"its 2 folders (class_0, class_1) are classes, which a data set has in a folder train:\n"
        f"  mkdir {folder}/train && mv {folder}/class_0 {folder}/class_1 {folder}/train\n",
        "empty class": "the train split has images of 2 of the 3 classes; without any: class_9",
        "unreadable": "none of its images can be read: ",
        "unreadable class": "no image of class_1 in the train split can be read: ",
        "nothing": "train has no class folders",
    }[case]
    if case == "no split":
        for each in list((folder / "train").iterdir()):
            each.rename(folder / each.name)
        (folder / "train").rmdir()
        shutil.rmtree(folder / "val")
    elif case == "empty class":
        shutil.rmtree(folder / "val")
        (folder / "train" / "class_9").mkdir()
    elif case == "unreadable":
        for each in folder.rglob("*.png"):
            each.write_bytes(b"no image")
    elif case == "unreadable class":
        for each in (folder / "train" / "class_1").iterdir():
            each.write_bytes(b"no image")
    elif case == "nothing":
        shutil.rmtree(folder / "train")
    with pytest.raises(DataError) as caught:
        drafted(folder, tmp_path / "out")
    assert message in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_gpu_is_used(tmp_path: Path) -> None:
    numbers = choose(found(side=224, counts=(4000, 4000)), clock := ToyClock(has_gpu=True), backbone=None, hours=4)
    text = study_text(found(side=224), numbers, at=tmp_path, has_gpu=clock.has_gpu, has_bf16=True)
    assert "  precision: bf16\n  channels_last: true\n" in text
    assert "run: {workers: auto} " in text


@pytest.mark.long
def test_a_draft_runs(tmp_path: Path) -> None:
    from seplace import running

    folder = make_folder(tmp_path / "a", train=12, test=4, test_name="test")
    draft(folder, tmp_path, backbone=None, hours=0.01)  # measured on this machine
    settings = ["training.epochs=2", "search.trainings=9", "confirm.trainings=2"]
    results = running.run(tmp_path / "study.yaml", folder=tmp_path / "out", settings=settings, observer=lambda _: None)
    assert results.finished
