"""The folder of every exporter: what it may replace, and what is left of a failure."""

import json
from dataclasses import replace

import pytest

from seplace.errors import ExportMismatch, InputError
from seplace.exporters import EXPORTERS
from seplace.exporters.folder import weights
from seplace.exporters.program import program_of
from tests.exporters.networks import trained_network

VERIFIES = {"source": "seplace.exporters.source.verify", "program": "seplace.exporters.program.verify_program"}
NETWORK_FILES = {"source": "model.py", "program": "model.pt2"}


@pytest.fixture(scope="module")
def trained():
    return trained_network("cifar_resnet8[width=0.25]", "none-none-eca")


@pytest.fixture(scope="module")
def program(trained) -> bytes:
    return program_of(trained.build(), in_channels=trained.in_channels, image_size=trained.image_size)


@pytest.fixture
def traced_once(program, monkeypatch) -> None:
    """Tracing takes most of an export, and what it gives is no matter to these tests."""
    monkeypatch.setattr("seplace.exporters.program.program_of", lambda *_, **__: program)


@pytest.fixture(params=EXPORTERS)
def name(request, monkeypatch):
    """The name of an exporter that does not verify."""
    monkeypatch.setattr(VERIFIES[request.param], lambda *_: None)
    return request.param


def content_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_folder_that_cannot_be_made_is_refused(tmp_path, trained, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="no folder can be made there"):
        EXPORTERS[name](trained, tmp_path / ("x" * 300))
    with pytest.raises(InputError, match="no folder can be made"):
        EXPORTERS[name](trained, tmp_path / "file" / "export")


def test_earlier_export_is_replaced_by_the_same_bytes(tmp_path, trained, name):
    folder = tmp_path / "export"
    folder.mkdir()
    EXPORTERS[name](trained, folder)
    first = content_of(folder)
    assert set(first) == {NETWORK_FILES[name], "model.safetensors", "config.json", "README.md"}
    EXPORTERS[name](trained, folder)
    assert content_of(folder) == first
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.usefixtures("traced_once")
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


@pytest.mark.usefixtures("traced_once")
def test_export_of_another_form_is_not_replaced(tmp_path, trained, name):
    folder = EXPORTERS[name](trained, tmp_path / "export")
    before = content_of(folder)
    (other,) = set(EXPORTERS) - {name}
    with pytest.raises(InputError, match=f"holds '{NETWORK_FILES[name]}'"):
        EXPORTERS[other](trained, folder)
    (folder / NETWORK_FILES[name]).unlink()
    with pytest.raises(InputError, match="no earlier export"):
        EXPORTERS[other](trained, folder)
    del before[NETWORK_FILES[name]]
    assert content_of(folder) == before


@pytest.mark.usefixtures("traced_once")
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


@pytest.mark.usefixtures("traced_once")
def test_forms_differ_in_the_network_file_and_the_page_alone(tmp_path, trained, monkeypatch):
    for path in VERIFIES.values():
        monkeypatch.setattr(path, lambda *_: None)
    folders = [EXPORTERS[name](trained, tmp_path / name) for name in ("source", "program")]
    source, program = (json.loads((folder / "config.json").read_text()) for folder in folders)
    assert source.pop("format") == "seplace-source-export"
    assert program.pop("format") == "seplace-program-export"
    sums = [config.pop("sha256") for config in (source, program)]
    assert source == program
    assert sums[0]["model.safetensors"] == sums[1]["model.safetensors"]


def test_weights_are_the_same_bytes_each_time(trained):
    assert weights(trained) == weights(trained)
    assert len(weights(trained)) % 4 == 0
