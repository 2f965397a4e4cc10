"""The gates of an export are measured over a folder of images, with the network that its names describe."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from seplace.errors import CorruptResults, InputError
from seplace.exporters.export_gates import gates_of_export
from seplace.exporters.opened import is_export, open_export
from seplace.exporters.source import export_source
from seplace.gates.measure import measure_gates
from tests.exporters.networks import trained_network


@pytest.fixture(scope="module")
def trained():
    return trained_network()


@pytest.fixture
def export(trained, tmp_path, monkeypatch):
    monkeypatch.setattr("seplace.exporters.source.verify", lambda *_: None)
    return export_source(trained, tmp_path / "export")


@pytest.fixture
def images(tmp_path):
    """Four images of two classes, of the size that the network takes."""
    random = np.random.default_rng(0)
    for name in ("cat", "newt"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(2):
            pixels = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{number}.png")
    return tmp_path / "images"


def test_gates_of_an_export_are_those_of_its_network(export, images, trained):
    record = gates_of_export(export, data=images, most_images=100, device="cpu")
    assert record.labels.tolist() == [0, 0, 2, 2]
    assert record.classes == trained.classes
    assert [gate.module for gate in record.gates] == ["se4", "eca.parallel"]
    pixels = torch.from_numpy(np.stack([np.asarray(Image.open(path)) for path in sorted(images.rglob("*.png"))]))
    steps = trained.preprocessing
    batch = (pixels.permute(0, 3, 1, 2) / 255 - torch.tensor(steps.mean).view(-1, 1, 1)) / torch.tensor(steps.std).view(
        -1, 1, 1
    )
    expected = measure_gates(
        trained.build(),
        [(batch, torch.zeros(4))],
        backbone=trained.backbone,
        placement=trained.placement,
        gate=trained.gate,
    )
    for gate, wanted in zip(record.gates, expected, strict=True):
        np.testing.assert_allclose(gate.values, wanted.values, rtol=1e-4)


def test_images_without_class_folders_have_no_classes(export, images):
    record = gates_of_export(export, data=images / "cat", most_images=1, device="cpu")
    assert record.classes == ()
    assert record.images == f"1 of 2 images of {images / 'cat'}"


def test_other_folders_are_refused(export, images, tmp_path):
    with pytest.raises(InputError, match="no export of seplace"):
        gates_of_export(images, data=images, most_images=1, device="cpu")
    (images / "cats").mkdir()
    (images / "cat" / "0.png").rename(images / "cats" / "0.png")
    with pytest.raises(InputError, match="'cats' is no class of this network"):
        gates_of_export(export, data=images, most_images=1, device="cpu")
    with pytest.raises(InputError, match="no folder of images"):
        gates_of_export(export, data=tmp_path / "missing", most_images=1, device="cpu")
    with pytest.raises(InputError, match="no images"):
        gates_of_export(export, data=export, most_images=1, device="cpu")


def test_an_export_is_read_back(export, trained):
    assert is_export(export)
    again = open_export(export)
    assert (again.backbone.text, again.placement, again.gate) == (
        trained.backbone.text,
        trained.placement,
        trained.gate,
    )
    assert again.preprocessing == trained.preprocessing
    assert all(torch.equal(tensor, trained.state[name]) for name, tensor in again.state.items())


@pytest.mark.parametrize("key", ["backbone", "placement", "classes", "sha256"])
def test_a_damaged_description_is_corrupt(export, key):
    config = json.loads((export / "config.json").read_text())
    config[key] = 5
    (export / "config.json").write_text(json.dumps(config))
    with pytest.raises((CorruptResults, InputError)):
        open_export(export)


def test_other_weights_are_corrupt(export):
    (export / "model.safetensors").write_bytes(b"other")
    with pytest.raises(CorruptResults, match="SHA-256 differs"):
        open_export(export)
    (export / "model.safetensors").unlink()
    with pytest.raises(InputError, match="export as source"):
        open_export(export)
