"""What every entry of the shelf must do; one that reads files needs a line in FACTORIES: how to make tiny ones."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from made_up import make_folder, make_parquet, use_tiny_cifar

from seplace.datasets import DATASETS
from seplace.errors import DataError, SeplaceError
from seplace.testing import datasets
from seplace.testing.datasets import load

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


@pytest.mark.parametrize("check", datasets.CHECKS, ids=lambda check: check.__name__)
def test_an_entry_does_what_its_shelf_asks(made, check) -> None:
    check(*made)


def test_the_test_split_is_not_read_before_it_is_opened(made):
    name, root = made
    images = load(name, root)
    if root is not None:
        shutil.rmtree(root)
        with pytest.raises(DataError):
            images.test()


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
