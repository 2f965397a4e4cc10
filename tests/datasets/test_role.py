"""What every entry of the shelf must do; one that reads files needs a line in FACTORIES: how to make tiny ones."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_up import make_folder, make_parquet, use_tiny_cifar

from seplace.datasets import DATASETS
from seplace.datasets.image_set import ImageSet, load_image_set
from seplace.errors import DataError, SeplaceError

FACTORIES: dict[str, Callable[[Path, pytest.MonkeyPatch], Path | None]] = {
    "cifar10": lambda root, monkeypatch: use_tiny_cifar(root, monkeypatch, "CIFAR10"),
    "cifar100": lambda root, monkeypatch: use_tiny_cifar(root, monkeypatch, "CIFAR100"),
    "image_folder": lambda root, monkeypatch: make_folder(root),  # noqa: ARG005
    "image_parquet": lambda root, monkeypatch: make_parquet(root),  # noqa: ARG005
}


@pytest.fixture(params=DATASETS)
def made(request, tmp_path, monkeypatch) -> tuple[str, Path | None]:
    name = request.param
    if name in FACTORIES:
        return name, FACTORIES[name](tmp_path, monkeypatch)
    try:
        DATASETS[name](None)
    except DataError as error:
        pytest.fail(f"data set {name!r} reads files: add to FACTORIES in {__file__} how to make tiny ones ({error})")
    return name, None


def load(name: str, root: Path | None, **changes) -> ImageSet:
    values = {"image_size": None, "train_images": None, "validation_images": 10, "noise": 0.0, "seed": 1}
    return load_image_set(name, root=root, **(values | changes))


def test_splits_fit_their_description(made):
    images = load(*made)
    for split in (images.train, images.validation, images.test()):
        assert split.images.dtype == np.uint8
        assert split.images.shape == (len(split), images.channels, images.image_size, images.image_size)
        assert split.labels.dtype == np.int64
        assert split.labels.shape == (len(split),)
        assert 0 <= split.labels.min() <= split.labels.max() < len(images.classes)
        assert split.images.max() > 128  # the full range is used
    assert set(images.train.labels) == set(images.test().labels) == set(range(len(images.classes)))
    assert len(images.validation) == 10
    assert len(set(images.classes)) == len(images.classes)
    assert len(images.mean) == len(images.std) == images.channels
    pixels = images.train.images / 255
    assert images.mean == pytest.approx(pixels.mean(axis=(0, 2, 3)).tolist())
    assert images.std == pytest.approx(pixels.std(axis=(0, 2, 3)).tolist())


def test_the_same_seed_gives_the_same_set_and_another_seed_another(made):
    first, again, other = (load(*made, seed=seed, noise=0.1) for seed in (1, 1, 2))
    for part in ("train", "validation"):
        assert (getattr(first, part).images == getattr(again, part).images).all()
        assert (getattr(first, part).labels == getattr(again, part).labels).all()
    assert (first.test().images == again.test().images).all()
    assert (first.test().images != other.test().images).any()
    assert (first.validation.images != other.validation.images).any()


def test_resizing(made):
    images = load(*made, image_size=5)
    assert images.image_size == 5
    for split in (images.train, images.validation, images.test()):
        assert split.images.shape[2:] == (5, 5)


def test_the_test_split_is_read_once_and_not_before_it_is_asked_for(made):
    name, root = made
    images = load(name, root)
    if root is not None:
        shutil.rmtree(root)
        with pytest.raises(DataError):
            images.test()
    else:
        assert images.test() is images.test()


def test_a_missing_root_is_refused(made, tmp_path):
    name, root = made
    if root is None:
        with pytest.raises(SeplaceError, match="takes no root"):
            load(name, tmp_path)
        return
    with pytest.raises(DataError, match="no root given"):
        load(name, None)
    with pytest.raises(DataError, match="nowhere"):
        load(name, tmp_path / "nowhere")


def test_the_shelf_is_importable_without_torch():
    code = "import sys, seplace.datasets; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
