"""The tutorial notebook runs, and shows what it says."""

import ast
import shutil
from pathlib import Path

import pytest

from seplace.report.figures import KINDS
from seplace.study.config import load_study
from tests.pages.tutorial import code_of, executed, read


@pytest.fixture(scope="module")
def notebook():
    return read()


def test_its_code_is_python_and_its_outputs_are_kept(notebook, tmp_path, monkeypatch):
    code = code_of(notebook)
    names = {node.attr for source in code for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}
    assert {"load_space", "Placement", "run", "plot", "front", "front_as", "export"} <= names
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in shown if output.output_type == "error"]
    assert len([output for output in shown if "image/png" in output.get("data", {})]) == 3
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
    # The files that it writes are a study and its space.
    monkeypatch.chdir(tmp_path)
    for source in code:
        for call in [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]:
            if isinstance(call.func, ast.Attribute) and call.func.attr == "write_text":
                path = call.func.value.args[0].value
                Path(path).write_text(call.args[0].value)
    assert len(load_study("my-study.yaml").search_space) == 64
    kinds = [
        word.value.value
        for source in code
        for word in ast.walk(ast.parse(source))
        if getattr(word, "arg", "") == "kind"
    ]
    assert set(kinds) <= set(KINDS)


@pytest.mark.long
def test_it_runs_in_a_fresh_kernel(notebook, tmp_path):
    done = executed(notebook, tmp_path)
    displays = [
        output.data for cell in done.cells for output in cell.get("outputs", []) if output.output_type != "stream"
    ]
    pictures = [data for data in displays if "image/png" in data]
    assert len(pictures) == 3  # without a magic line
    progress = [data for data in displays if "<progress" in data.get("text/html", "")]
    assert len(progress) == 1  # one display, updated in place
    assert "test" in progress[0]["text/html"]  # the last phase
    assert (tmp_path / "front.pdf").exists()
    shutil.rmtree(tmp_path / "results")
