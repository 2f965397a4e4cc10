"""The public face: what `import seplace` shows, to a reader, to completion and to type checkers."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import seplace

ROOT = Path(seplace.__file__).resolve().parents[1]

each_public_name = pytest.mark.parametrize("name", seplace.__all__)


TREE = ast.parse(Path(seplace.__file__).read_text())


def imported_for_type_checkers() -> dict[str, str]:
    """The names under `if TYPE_CHECKING`, with their modules."""
    block = next(each for each in TREE.body if isinstance(each, ast.If) and ast.unparse(each.test) == "TYPE_CHECKING")
    imports = [each for each in block.body if isinstance(each, ast.ImportFrom)]
    return {alias.name: str(each.module) for each in imports for alias in each.names}


def test_type_checkers_take_no_other_name_for_one_of_the_package() -> None:
    assert not any(isinstance(each, ast.FunctionDef) and each.name == "__getattr__" for each in TREE.body)


def test_completion_type_checkers_and_the_lazy_table_know_the_same_names() -> None:
    assert [name for name in dir(seplace) if not name.startswith("_")] == sorted(seplace.__all__)
    assert imported_for_type_checkers() == seplace._HOMES
    assert sorted(seplace._HOMES) == sorted(seplace.__all__)
    assert (Path(seplace.__file__).parent / "py.typed").exists()


def test_importing_it_imports_nothing_else() -> None:
    program = (
        "import sys; before = set(sys.modules); import seplace; dir(seplace)\n"
        "print(*sorted(name for name in set(sys.modules) - before if name.partition('.')[0] not in "
        "sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["seplace", "seplace.version"]


def test_listing_names_needs_no_torch() -> None:
    program = (
        "import sys, seplace\n"
        "seplace.list_backbones(), seplace.list_modules(), seplace.list_attachments()\n"
        "seplace.Placement.parse('none-se16'), seplace.load_space('digits-resnet8')\n"
        "sys.exit(bool({'torch', 'optuna', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_unknown_names_are_no_attributes() -> None:
    with pytest.raises(AttributeError, match="no attribute 'lod'") as caught:
        _ = seplace.lod
    assert (caught.value.name, caught.value.obj) == ("lod", seplace)  # Python suggests the nearest name of its `dir`


@each_public_name
def test_every_public_name_is_documented(name: str) -> None:
    public = getattr(seplace, name)
    assert len(inspect.getdoc(public) or "") > 60
    if inspect.isclass(public):
        methods = [method for key, method in inspect.getmembers(public, callable) if not key.startswith("_")]
        assert all(inspect.getdoc(method) for method in methods)


@each_public_name
def test_the_examples_of_a_docstring_are_true(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    public = getattr(seplace, name)
    home = importlib.import_module(public.__module__)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    own, *of_methods = doctest.DocTestFinder().find(public, name, module=home, globs={})
    assert own.examples, "it has no example"
    report: list[str] = []
    for example in (own, *of_methods):
        runner.run(example, out=report.append)
    assert not report, "".join(report)


SPACE = seplace.load_space("digits-resnet8")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: seplace.create_model("vgg11_bn", "none", num_classes="3"),
            "num_classes is a whole number of at least 1",
        ),
        (
            lambda: seplace.create_model("vgg11_bn", "none", min_hidden="x"),
            "min_hidden is a whole number of at least 1",
        ),
        (lambda: seplace.create_model("vgg11_bn", "none", seed=1.5), "seed is a whole number of at least 0"),
        (lambda: seplace.load_space(None), "a search space is the path of a file"),
        (lambda: seplace.load(3), "results is the path of a folder"),
        (lambda: seplace.run(None), "a study is the path of a file"),
        (lambda: seplace.list_modules(3), "a pattern is a text"),
        (lambda: seplace.Placement.parse(None), "a placement is a text"),
        (lambda: seplace.SearchSpace.from_choices("vgg11_bn", "none", init="paper"), "choices is a list of texts"),
        (lambda: seplace.register_count("a::b", None), "rule is a function"),
        (lambda: seplace.EffectsSampler(SPACE, seed=-1), "seed is a whole number of at least 0"),
        (lambda: seplace.EffectsSampler(SPACE, cost=None), "cost is the name of a cost"),
        (lambda: seplace.EffectsSampler(SPACE, limits={"flops": "x"}), "flops is a number greater than 0"),
        (lambda: seplace.EffectsSampler(SPACE, limits={"flops": 1}), "no placement of the space keeps them"),
    ],
)
def test_arguments_of_another_type_are_refused_in_one_line(call, says):
    with pytest.raises(seplace.SeplaceError, match=says):
        call()
