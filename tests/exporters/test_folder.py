"""The folder of every exporter: what it may replace, and what is left of a failure."""

import json
from dataclasses import replace

import pytest

from seplace.errors import ExportMismatch, InputError, UnwritableFolder
from seplace.exporters import EXPORTERS
from seplace.exporters.folder import weights
from seplace.exporters.form import SHOWN
from tests.exporters.networks import trained_network

VERIFIES = {
    "source": "seplace.exporters.source.verify",
    "program": "seplace.exporters.program.verify_program",
    "onnx": "seplace.exporters.onnx.verify_onnx",
    "huggingface": "seplace.exporters.huggingface.verify",
    "timm": "seplace.exporters.timm.verify",
}
FILES = {
    "source": {"model.py"},
    "program": {"model.pt2"},
    "onnx": {"model.onnx"},
    "huggingface": {"model.py", "modeling_seplace.py", "preprocessor_config.json"},
    "timm": {"model.py", "timm_model.py"},
}
"""The files of each form that not all forms have; the first holds the network."""


@pytest.fixture(scope="module")
def trained():
    return trained_network("cifar_resnet8[width=0.25]", "none-none-eca")


@pytest.fixture(autouse=True)
def untraced(monkeypatch) -> None:
    """Tracing takes most of an export, and what it gives is no matter to these tests; test_role.py has it."""
    monkeypatch.setattr("seplace.exporters.program.program_of", lambda *_, **__: b"a program")
    monkeypatch.setattr("seplace.exporters.onnx.onnx_of", lambda *_: b"a model")


@pytest.fixture(params=EXPORTERS)
def name(request, monkeypatch):
    """The name of an exporter that does not verify."""
    monkeypatch.setattr(VERIFIES[request.param], lambda *_: None)
    return request.param


def content_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_folder_that_cannot_be_made_is_refused(tmp_path, trained, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnwritableFolder, match="no folder can be made there"):
        EXPORTERS[name](trained, tmp_path / ("x" * 300))
    with pytest.raises(UnwritableFolder, match="no folder can be made"):
        EXPORTERS[name](trained, tmp_path / "file" / "export")


def test_earlier_export_is_replaced_by_the_same_bytes(tmp_path, trained, name):
    folder = tmp_path / "export"
    folder.mkdir()
    EXPORTERS[name](trained, folder)
    first = content_of(folder)
    assert set(first) == {*FILES[name], "model.safetensors", "config.json", "README.md", *SHOWN}
    EXPORTERS[name](trained, folder)
    assert content_of(folder) == first
    assert list(tmp_path.iterdir()) == [folder]


def test_other_folders_are_not_replaced(tmp_path, trained, name):
    folder = EXPORTERS[name](trained, tmp_path / "export")
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"notes\.txt"):
        EXPORTERS[name](trained, folder)
    assert (folder / "notes.txt").read_text() == "mine"

    other = tmp_path / "other"
    other.mkdir()
    (other / "README.md").write_text("mine")
    with pytest.raises(InputError, match="no earlier export"):
        EXPORTERS[name](trained, other)
    with pytest.raises(InputError, match="is a file"):
        EXPORTERS[name](trained, other / "README.md")


def test_export_of_another_form_is_not_replaced(tmp_path, trained, name):
    folder = EXPORTERS[name](trained, tmp_path / "export")
    before = content_of(folder)
    for other in set(EXPORTERS) - {name}:
        with pytest.raises(InputError, match=r"is no part of such an export|no earlier export"):
            EXPORTERS[other](trained, folder)
    for file in FILES[name]:
        (folder / file).unlink()
        del before[file]
    for other in set(EXPORTERS) - {name}:
        with pytest.raises(InputError, match="no earlier export"):
            EXPORTERS[other](trained, folder)
    assert content_of(folder) == before


def test_failure_leaves_the_earlier_export(tmp_path, trained, name, monkeypatch):
    folder = EXPORTERS[name](trained, tmp_path / "export")
    before = content_of(folder)

    def fail(temporary, _):
        assert content_of(temporary).keys() == before.keys()
        raise ExportMismatch("other logits")

    monkeypatch.setattr(VERIFIES[name], fail)
    with pytest.raises(ExportMismatch):
        EXPORTERS[name](replace(trained, provenance={"study": "another"}), folder)
    assert content_of(folder) == before
    assert list(tmp_path.iterdir()) == [folder]


def test_forms_differ_in_the_network_file_and_the_page_alone(tmp_path, trained, monkeypatch):
    for path in VERIFIES.values():
        monkeypatch.setattr(path, lambda *_: None)
    names = ("source", "program", "onnx")
    folders = [EXPORTERS[name](trained, tmp_path / name) for name in names]
    configs = [json.loads((folder / "config.json").read_text()) for folder in folders]
    assert [config.pop("format") for config in configs] == [f"seplace-{name}-export" for name in names]
    sums = [config.pop("sha256") for config in configs]
    assert all(config == configs[0] for config in configs)
    assert all(each["model.safetensors"] == sums[0]["model.safetensors"] for each in sums)


def test_weights_are_the_same_bytes_each_time(trained):
    assert weights(trained) == weights(trained)
    assert len(weights(trained)) % 4 == 0
