"""What no line of seplace may do with what comes from outside, held against the source."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

import seplace

PACKAGE = Path(seplace.__file__).parent

CALLS = {
    # Between a run and its own workers, and between a worker and the processes of its devices.
    ("pickle", "loads"): {
        "evaluators/own_ranks.py",
        "executors/executor.py",
        "executors/ray_worker.py",
        "testing/evaluators.py",
    },
    ("pickle", "load"): set(),
    ("yaml", "load"): set(),
    ("yaml", "unsafe_load"): set(),
    ("yaml", "full_load"): set(),
    ("yaml", "parse"): {"files/yaml_reader.py"},
    ("os", "system"): set(),
    ("os", "popen"): set(),
    ("tar", "extractall"): set(),
    ("tar", "extract"): set(),
    ("tarfile", "extractall"): set(),
    ("shutil", "unpack_archive"): set(),
    ("zipfile", "ZipFile"): set(),
    ("np", "load"): {"exporters/predict_outputs.py"},
    ("joblib", "load"): set(),
    ("marshal", "loads"): set(),
    ("storages", "RDBStorage"): {"search/study_in_file.py"},
}
"""Calls, as `(name, attribute)`, with the files that may make them."""

STORAGES = {"JournalStorage", "JournalFileBackend", "JournalRedisBackend", "RedisStorage", "GrpcStorageProxy"}
"""Storages of Optuna that take addresses or unpickle; CMA-ES keeps its state pickled in attributes of trials."""

RUNS = {
    "exec": {"backbones/foreign/slotted.py", "exporters/verify.py", "exporters/fresh_process.py"},
    "eval": set(),
    "__import__": set(),
}
"""What runs text as code: code of seplace's own or of the user's network, and what was just exported."""


@functools.cache
def nodes() -> list[tuple[str, list[ast.AST]]]:
    """Return all that stands in each file; parsing and walking them takes longer than all tests here."""
    paths = sorted(PACKAGE.rglob("*.py"))
    return [(path.relative_to(PACKAGE).as_posix(), list(ast.walk(ast.parse(path.read_text())))) for path in paths]


def calls() -> Iterator[tuple[str, ast.Call]]:
    for name, inside in nodes():
        yield from ((name, node) for node in inside if isinstance(node, ast.Call))


def test_what_unpickles_extracts_or_opens_a_storage_is_listed():
    found: dict[tuple[str, str], set[str]] = {call: set() for call in CALLS}
    for name, call in calls():
        if isinstance(call.func, ast.Attribute):
            holder = call.func.value
            key = (holder.id if isinstance(holder, ast.Name) else getattr(holder, "attr", ""), call.func.attr)
            if key in found:
                found[key].add(name)
    assert found == CALLS


def test_torch_loads_weights_only_and_says_so():
    loads = [
        (name, {each.arg: ast.unparse(each.value) for each in call.keywords})
        for name, call in calls()
        if ast.unparse(call.func) == "torch.load"
    ]
    assert [name for name, _ in loads] == ["exporters/predict_outputs.py", "training/checkpoints.py"]
    assert all(keywords["weights_only"] == "True" for _, keywords in loads)


def test_numpy_loads_no_pickles_and_says_so():
    loads = [call for _, call in calls() if ast.unparse(call.func) == "np.load"]
    assert all(
        {each.arg: ast.unparse(each.value) for each in call.keywords}["allow_pickle"] == "False" for call in loads
    )


@pytest.mark.parametrize("file", ["training/fit.py", "training/own_fit.py"])
def test_the_trainer_of_lightning_resumes_with_weights_only(file):
    fits = [call for name, call in calls() if name == file and ast.unparse(call.func) == "trainer.fit"]
    assert fits
    for call in fits:
        assert {each.arg: ast.unparse(each.value) for each in call.keywords}["weights_only"] == "True"


def test_no_storage_of_optuna_takes_an_address_or_unpickles():
    for name, inside in nodes():
        names = {node.id for node in inside if isinstance(node, ast.Name)}
        names |= {node.attr for node in inside if isinstance(node, ast.Attribute)}
        names |= {each.name for node in inside if isinstance(node, ast.ImportFrom) for each in node.names}
        assert not names & STORAGES, name
        assert "CmaEsSampler" not in names, name


def test_text_runs_as_code_where_it_is_listed():
    found: dict[str, set[str]] = {each: set() for each in RUNS}
    for name, call in calls():
        if isinstance(call.func, ast.Name) and call.func.id in found:
            found[call.func.id].add(name)
    assert found == RUNS


def test_no_process_is_started_through_a_shell():
    for name, call in calls():
        assert "shell" not in {each.arg for each in call.keywords}, name
