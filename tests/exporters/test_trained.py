"""What is exported of a study: also of one whose evaluator describes its images in part."""

import json

import pytest

import seplace
from seplace.errors import InputError


@pytest.fixture
def results(finished, monkeypatch):
    monkeypatch.setattr("seplace.exporters.source.verify", lambda *_: None)
    return seplace.load(finished)


def test_an_export_holds_the_preprocessing_and_the_best_baseline(results, tmp_path):
    folder = results.export(tmp_path / "export", pick="best")
    config = json.loads((folder / "config.json").read_text())
    steps, images = config["preprocessing"], results.images
    assert (steps["size"], steps["mean"], steps["std"]) == (images["image_size"], images["mean"], images["std"])
    assert steps["resampling"] == images["resampling"]
    readme = (folder / "README.md").read_text()
    assert f"resizes its center square to {steps['size']}×{steps['size']} pixels" in readme
    assert ("over the best baseline" in readme) == ("best_baseline" in config["provenance"])


def test_an_export_of_another_network_is_replaced_when_asked_alone(results, tmp_path):
    folder = results.export(tmp_path / "export", pick="none-none-none")
    first = (folder / "model.safetensors").read_bytes()
    assert results.export(folder, pick="none-none-none") == folder
    with pytest.raises(InputError, match=r"export of none-none-none, and this one is of eca-eca-eca: .* \(--force"):
        results.export(folder, pick="eca-eca-eca")
    assert (folder / "model.safetensors").read_bytes() == first
    config = json.loads((folder / "config.json").read_text())
    config["sha256"]["model.safetensors"] = "0" * 64
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="export of none-none-none with other weights"):
        results.export(folder, pick="none-none-none")
    assert results.export(folder, pick="eca-eca-eca", overwrite=True) == folder
    assert json.loads((folder / "config.json").read_text())["placement"] == "eca-eca-eca"


def test_the_name_of_the_folder_is_safe(results, monkeypatch):
    written = []
    monkeypatch.setattr("seplace.exporters.source.write_folder", lambda _, folder, **__: written.append(folder))
    monkeypatch.setattr("seplace.exporters.source.refuse_foreign", lambda *_: None)
    results.export(pick="best")
    assert all(char.isalnum() or char in "._-" for char in written[0].name)


@pytest.mark.parametrize("left_out", [("mean", "std"), ("mean",), ("classes", "channels", "image_size", "mean", "std")])
def test_a_study_whose_images_are_described_in_part_is_exported(results, tmp_path, left_out):
    described = dict(results.images)
    results.images = {key: value for key, value in described.items() if key not in left_out}
    folder = results.export(tmp_path / "export", pick="best")
    config = json.loads((folder / "config.json").read_text())
    assert config["preprocessing"] is None
    assert (config["num_classes"], config["in_channels"]) == (len(described["classes"]), described["channels"])
    assert (config["flops"] is None) == ("image_size" in left_out)
    assert "did not record how it prepared its images" in (folder / "README.md").read_text()
