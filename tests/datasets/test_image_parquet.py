import json
import shutil

import numpy as np
import pytest
from made_up import REAL_CIFAR10, encoded, make_parquet, picture, write_parquet

from seplace.datasets.image_parquet import image_parquet
from seplace.datasets.image_set import load_image_set
from seplace.errors import DataError, MissingPackage

SMALL = {"image_size": None, "train_images": None, "validation_images": 6, "noise": 0.0, "seed": 1}


def pictures(count):
    random = np.random.default_rng(0)
    return [encoded(picture(random, 8, 8, 3), "JPEG") for _ in range(count)]


@pytest.mark.parametrize("image_column", ["img", "image"])
@pytest.mark.parametrize("label_column", ["label", "fine_label"])
@pytest.mark.parametrize("folder", ["", "data"])
def test_columns_and_shards(tmp_path, image_column, label_column, folder):
    (tmp_path / folder).mkdir(exist_ok=True)
    images = pictures(20)
    names = {"huggingface": json.dumps({"info": {"features": {label_column: {"names": ["cat", "dog"]}}}})}
    for shard, rows in enumerate((range(0, 9), range(9, 20))):
        write_parquet(
            tmp_path / folder / f"train-{shard:05d}-of-00002.parquet",
            [images[row] for row in rows],
            [row % 2 for row in rows],
            image_column=image_column,
            label_column=label_column,
            metadata=names,
            rows_per_group=4,
        )
    raw = image_parquet(tmp_path)
    assert raw.classes == ("cat", "dog")
    assert raw.train.labels.tolist() == [row % 2 for row in range(20)]
    wanted = np.array([19, 0, 8, 9, 13, 8])
    assert raw.train.read(wanted) == [images[row] for row in wanted]
    assert raw.train.where(8).endswith("train-00000-of-00002.parquet: row 8")
    assert raw.train.where(13).endswith("train-00001-of-00002.parquet: row 4")
    (tmp_path / folder / "train-00000-of-00002.parquet").unlink()
    with pytest.raises(DataError, match="1 of the 2 files"):
        image_parquet(tmp_path)


def test_a_truncated_jpeg_is_named_by_file_and_row(tmp_path):
    make_parquet(tmp_path)
    images = pictures(30)
    images[17] = images[17][:300]
    write_parquet(tmp_path / "train.parquet", images, [row % 3 for row in range(30)])
    with pytest.raises(DataError, match=r"train\.parquet: row 17: not a readable image"):
        load_image_set("image_parquet", root=tmp_path, **SMALL)
    images[17] = None
    write_parquet(tmp_path / "train.parquet", images, [row % 3 for row in range(30)])
    with pytest.raises(DataError, match=r"train\.parquet: row 17: no image"):
        load_image_set("image_parquet", root=tmp_path, **SMALL)


def test_only_what_is_needed_is_decoded(tmp_path):
    make_parquet(tmp_path)
    values = SMALL | {"train_images": 6, "validation_images": 3}
    first = load_image_set("image_parquet", root=tmp_path, **values)
    used = {image.tobytes() for image in (*first.train.images, *first.validation.images)}
    raw = image_parquet(tmp_path)
    from seplace.datasets.decoding import decode_images

    contents = raw.train.read(np.arange(30))
    every = decode_images(contents, where=raw.train.where, image_size=None, channels=3)
    images = [content if image.tobytes() in used else b"junk" for content, image in zip(contents, every, strict=True)]
    write_parquet(tmp_path / "train.parquet", images, raw.train.labels.tolist())
    again = load_image_set("image_parquet", root=tmp_path, **values)
    assert (again.train.images == first.train.images).all()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, -1, 2, 0], "row 2: label -1 is negative"),
        ([0, 1, None, 2, 0], "row 2: no label"),
        ([0, 1, 10**12, 2, 0], "row 2: label 1000000000000; with 5 images"),
    ],
)
def test_bad_labels_are_named(tmp_path, labels, message):
    write_parquet(tmp_path / "train.parquet", pictures(5), labels)
    with pytest.raises(DataError, match=message):
        image_parquet(tmp_path)


def test_a_class_missing_or_unknown_in_the_test_split(tmp_path):
    make_parquet(tmp_path)
    images = load_image_set("image_parquet", root=tmp_path, **SMALL)
    write_parquet(tmp_path / "test.parquet", pictures(4), [0, 1, 3, 2])
    with pytest.raises(DataError, match=r"test\.parquet: row 2: label 3, but the training split has 3 classes"):
        images.test()
    write_parquet(tmp_path / "test.parquet", pictures(4), [0, 1, 1, 0])
    with pytest.raises(DataError, match="the test split has images of 2 of the 3 classes; without any: 2"):
        images.test()


def test_files_that_are_not_what_is_wanted(tmp_path):
    with pytest.raises(DataError, match=r"looked in .* for train\.parquet or train-\*\.parquet"):
        image_parquet(tmp_path)
    make_parquet(tmp_path)
    whole = (tmp_path / "train.parquet").read_bytes()
    (tmp_path / "train.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"train\.parquet: not a readable Parquet file"):
        image_parquet(tmp_path)
    write_parquet(tmp_path / "train.parquet", pictures(3), [0, 1, 2], image_column="picture")
    with pytest.raises(DataError, match=r"no column img or image \(it has: picture, label\)"):
        image_parquet(tmp_path)
    write_parquet(tmp_path / "train.parquet", pictures(3), [0, 1, 2], label_column="img2")
    with pytest.raises(DataError, match="no column label or fine_label"):
        image_parquet(tmp_path)


def test_damage_inside_a_file_is_named(tmp_path):
    make_parquet(tmp_path)
    content = bytearray((tmp_path / "train.parquet").read_bytes())
    content[4:400] = b"\xff" * 396
    (tmp_path / "train.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"train\.parquet: "):
        load_image_set("image_parquet", root=tmp_path, **SMALL)


def test_on_demand_equals_in_memory(tmp_path):
    make_parquet(tmp_path)
    whole = load_image_set("image_parquet", root=tmp_path, **SMALL | {"image_size": 6})
    lazy = load_image_set("image_parquet", root=tmp_path, memory_limit=100, **SMALL | {"image_size": 6})
    rows = np.array([5, 1, 23, 0])
    assert (lazy.train.batch(rows) == whole.train.batch(rows)).all()
    shutil.rmtree(tmp_path)  # the encoded images are held
    assert (lazy.train.batch(rows) == whole.train.batch(rows)).all()
    in_memory, joined = whole.train + whole.validation, lazy.train + lazy.validation
    every = np.random.default_rng(0).permutation(len(in_memory))
    assert joined.images.shape == in_memory.images.shape
    assert (joined.batch(every) == in_memory.batch(every)).all()
    assert joined.labels.tolist() == [*whole.train.labels, *whole.validation.labels]


def test_without_pyarrow_its_installation_is_named(tmp_path, monkeypatch):
    make_parquet(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingPackage, match="pip install pyarrow"):
        image_parquet(tmp_path)


def test_without_pillow_its_installation_is_named(tmp_path, monkeypatch):
    make_parquet(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(MissingPackage, match="pip install pillow"):
        load_image_set("image_parquet", root=tmp_path, **SMALL)


@pytest.mark.slow
def test_real_cifar10():
    if not (REAL_CIFAR10 / "train.parquet").is_file():
        pytest.skip(f"the real set is not at {REAL_CIFAR10}")
    images = load_image_set(
        "image_parquet", root=REAL_CIFAR10, **SMALL | {"train_images": 10_000, "validation_images": 5000}
    )
    assert images.train.images.shape == (10_000, 3, 32, 32)
    assert np.bincount(images.train.labels).tolist() == [1000] * 10
    assert np.bincount(images.validation.labels).tolist() == [500] * 10
    assert images.mean == pytest.approx((0.4914, 0.4822, 0.4465), abs=0.005)
    assert images.std == pytest.approx((0.247, 0.2435, 0.2616), abs=0.005)
    assert len(images.test()) == 10_000
