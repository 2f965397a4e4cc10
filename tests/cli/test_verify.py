"""`seplace verify`: what it says of an export that is as it was written, and of one that is not."""

import json
import os
import shutil

import pytest

from seplace.errors import InputError
from seplace.exporters.examination import examine_export
from seplace.exporters.source import export_source
from seplace.files.atomic import sha256_of
from tests.exporters.networks import trained_network


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """An export whose verification is what these tests are about."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seplace.exporters.source.verify", lambda *_: None)
        return export_source(trained_network(), tmp_path_factory.mktemp("written") / "export")


@pytest.fixture
def export(written, tmp_path):
    return shutil.copytree(written, tmp_path / "export")


def change(folder, name: str, text: str, by: str) -> None:
    """Change a file, and note its new check sum."""
    content = (folder / name).read_text()
    assert text in content
    (folder / name).write_text(content.replace(text, by))
    config = json.loads((folder / "config.json").read_text())
    if name != "config.json":
        config["sha256"][name] = sha256_of((folder / name).read_bytes())
        (folder / "config.json").write_text(json.dumps(config))


def test_an_export_is_verified_in_lines(cli, export):
    code, output, error = cli("verify", export)
    assert (code, error) == (0, "")
    lines = [line.split(maxsplit=2) for line in output.splitlines()]
    assert [line[1] for line in lines[:-1]] == [
        *("files", "code", "network", "logits", "parameters", "FLOPs", "preprocess", "predict"),
    ]
    assert {line[0] for line in lines[:-1]} == {"ok"}
    assert "equal to those recorded, to the bit" in output
    assert lines[-1] == ["verified:", str(export)]
    assert not list(export.glob("__pycache__"))


def test_a_changed_file_is_named_and_nothing_is_run(cli, export):
    (export / "model.py").write_text("raise SystemExit('run')")
    (export / "model.safetensors").unlink()
    code, output, error = cli("verify", export)
    assert code == 3
    assert "FAILED files" in output
    assert "model.py was changed" in output
    assert "model.safetensors cannot be read" in output
    assert len(output.splitlines()) == 1
    assert "does not give what was recorded: files" in error


@pytest.mark.parametrize(
    ("name", "text", "by", "problem"),
    [
        pytest.param(
            "model.py", "return u * gate", "return u * gate * 1.01", "logits", id="logits", marks=pytest.mark.long
        ),
        pytest.param("model.py", "import math", "import math, os", "code", id="code"),
        pytest.param("config.json", '"params": ', '"params": 1', "parameters", id="parameters"),
        pytest.param("config.json", '"flops": ', '"flops": 1', "FLOPs", id="FLOPs"),
        pytest.param("predict.py", "top + side", "side", "preprocess", id="preprocess", marks=pytest.mark.long),
        pytest.param("predict.py", "def load()", "def other()", "network", id="network", marks=pytest.mark.long),
    ],
)
def test_what_differs_is_named(export, monkeypatch, name, text, by, problem):
    if problem in ("code", "parameters", "FLOPs"):  # found without running the network
        report = {"difference": 0.0, "scale": 1.0, "params": 19_118, "class": ["cat", 0.5]}
        monkeypatch.setattr("seplace.exporters.examination._caught_report", lambda *_: report)
    change(export, name, text, by)
    assert problem in {finding.subject for finding in examine_export(export) if finding.passed is False}


def test_a_folder_without_an_export_is_exit_2(cli, tmp_path, export):
    code, _, error = cli("verify", tmp_path)
    assert code == 2
    assert "there is no config.json" in error
    (export / "config.json").write_text("{}")
    with pytest.raises(InputError, match="no format or no check sums"):
        next(examine_export(export))


def test_a_file_outside_of_the_export_is_not_read(export):
    change(export, "config.json", '"sha256": {', '"sha256": {"../secret": "0", ')
    with pytest.raises(InputError, match="outside of the export"):
        next(examine_export(export))


def test_an_export_of_an_earlier_version_is_to_be_written_anew(export):
    config = json.loads((export / "config.json").read_text())
    del config["sha256"]["predict.py"]
    (export / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="export it anew"):
        next(examine_export(export))


@pytest.mark.parametrize("name", ["torch.py", "numpy/__init__.py"])
def test_a_file_that_would_stand_in_for_a_module_is_named(export, name):
    """As `python predict.py` looks into its own folder first."""
    (export / name).parent.mkdir(exist_ok=True)
    (export / name).write_text("")
    (export / "notes.txt").write_text("")
    (finding,) = examine_export(export)
    assert finding.passed is False
    assert finding.text.startswith(f"{name.partition('/')[0]!r} is no part of the export")


def test_a_pipe_is_no_file_of_an_export(export):
    (export / "README.md").unlink()
    os.mkfifo(export / "README.md")
    (finding,) = examine_export(export)
    assert finding.text.startswith("README.md is no file")


def test_a_config_of_endless_depth_cannot_be_read(cli, export):
    (export / "config.json").write_text("[" * 200_000)
    code, _, error = cli("verify", export)
    assert (code, error.count("\n")) == (2, 1)
