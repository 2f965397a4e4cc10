import numpy as np
import pytest
from made_up import encoded, make_folder, picture

from seplace.datasets.image_folder import image_folder
from seplace.datasets.image_set import load_image_set
from seplace.errors import DataError, InputError, MissingTestSplit

SMALL = {"image_size": None, "train_images": None, "validation_images": 6, "noise": 0.0, "seed": 1}


@pytest.mark.parametrize("name", ["test", "val", "validation"])
def test_splits_and_classes(tmp_path, name):
    raw = image_folder(make_folder(tmp_path, test_name=name))
    assert raw.classes == ("class_0", "class_1", "class_2")
    assert raw.train.labels.tolist() == [0] * 10 + [1] * 10 + [2] * 10
    assert raw.train.where(11).endswith("train/class_1/001.png")
    assert raw.test().where(4).endswith(f"{name}/class_1/000.png")


def test_an_unlabeled_test_folder_is_passed_over(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "000.png").write_bytes(b"")
    assert "/val/" in image_folder(tmp_path).test().where(0)


def test_other_files_are_ignored(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "train" / "class_0" / "Thumbs.db").write_bytes(b"")
    (tmp_path / "train" / "class_0" / "._000.png").write_bytes(b"")
    (tmp_path / "train" / ".hidden").mkdir()
    assert len(image_folder(tmp_path).train.labels) == 30


def test_a_truncated_jpeg_is_named(tmp_path):
    make_folder(tmp_path)
    whole = encoded(picture(np.random.default_rng(0), 8, 8, 3), "JPEG")
    (tmp_path / "train" / "class_1" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"train/class_1/cut\.jpg: not a readable image"):
        load_image_set("image_folder", root=tmp_path, **SMALL)


def test_a_damaged_test_image_is_found_when_the_test_split_is_read(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "val" / "class_2" / "000.png").write_bytes(b"no image")
    images = load_image_set("image_folder", root=tmp_path, **SMALL)
    with pytest.raises(DataError, match=r"val/class_2/000\.png"):
        images.test()


def test_an_interpreted_format_is_not_opened(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "train" / "class_0" / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EOF\n")
    with pytest.raises(DataError, match="not a readable image"):
        load_image_set("image_folder", root=tmp_path, **SMALL)


def test_class_mismatch(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "val" / "class_9").mkdir()
    images = load_image_set("image_folder", root=tmp_path, **SMALL)
    with pytest.raises(DataError, match=r"4 classes, .* has 3; only in one of them: class_9"):
        images.test()


def test_an_empty_class(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "train" / "class_9").mkdir()
    with pytest.raises(DataError, match="3 of the 4 classes; without any: class_9"):
        load_image_set("image_folder", root=tmp_path, **SMALL)


def test_missing_splits(tmp_path):
    with pytest.raises(DataError, match="has no class folders"):
        image_folder(tmp_path)
    make_folder(tmp_path, test_name="elsewhere")
    assert image_folder(tmp_path).test is None
    with pytest.raises(MissingTestSplit, match="image_folder has no test split"):
        load_image_set("image_folder", root=tmp_path, **SMALL).test()


def test_images_of_several_sizes_need_an_image_size(tmp_path):
    make_folder(tmp_path)
    wide = np.zeros((4, 12, 3), dtype=np.uint8)
    wide[:, 4:8] = 255
    (tmp_path / "train" / "class_2" / "wide.png").write_bytes(encoded(wide))
    with pytest.raises(InputError, match=r"wide.png has 12x4 pixels, .*/000.png has 8x8: give an image_size"):
        load_image_set("image_folder", root=tmp_path, **SMALL | {"validation_images": 0})
    images = load_image_set("image_folder", root=tmp_path, **SMALL | {"image_size": 4, "validation_images": 0})
    assert (images.train.images[-1] == 255).all()  # the middle square


def test_gray_images_alone_make_one_channel_and_among_color_three(tmp_path):
    for split in ("train", "val"):
        for label in range(2):
            (tmp_path / split / str(label)).mkdir(parents=True)
            for number in range(4):
                gray = picture(np.random.default_rng(number), 8, 8)
                (tmp_path / split / str(label) / f"{number}.png").write_bytes(encoded(gray))
    values = SMALL | {"validation_images": 0}
    assert load_image_set("image_folder", root=tmp_path, **values).channels == 1
    color = encoded(picture(np.random.default_rng(9), 8, 8, 3))
    (tmp_path / "val" / "0" / "0.png").write_bytes(color)
    with pytest.raises(DataError, match=r"val/0/0\.png is a color image in a set of gray ones"):
        load_image_set("image_folder", root=tmp_path, **values).test()
    (tmp_path / "train" / "0" / "0.png").write_bytes(color)
    images = load_image_set("image_folder", root=tmp_path, **values)
    assert images.channels == 3
    assert (images.train.images[1, 0] == images.train.images[1, 2]).all()


def test_on_demand_equals_in_memory_and_holds_paths_only(tmp_path):
    make_folder(tmp_path)
    values = SMALL | {"noise": 0.1}
    whole = load_image_set("image_folder", root=tmp_path, **values)
    lazy = load_image_set("image_folder", root=tmp_path, memory_limit=100, **values)
    rows = np.array([3, 0, 7, 3])
    for split, same in ((whole.train, lazy.train), (whole.test(), lazy.test())):
        assert not isinstance(same.images, np.ndarray)
        assert same.images.shape == split.images.shape
        assert (same.batch(rows) == split.batch(rows)).all()
        assert (same.labels == split.labels).all()
        assert all(isinstance(source, str) for source in same.images.sources)
    assert lazy.mean == whole.mean
    assert lazy.std == whole.std
