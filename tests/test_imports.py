"""What the import contracts in pyproject.toml cannot see: imports that only type checkers read."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1] / "seplace"


def imports_of(root: Path) -> dict[str, set[str]]:
    """The modules of a package with the modules of it that they import, anywhere in them."""
    paths = {module_name(path, root): path for path in root.rglob("*.py")}
    return {name: set(imported(path, known=paths)) - {name} for name, path in paths.items()}


def module_name(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root.parent).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path, *, known: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            of = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in known else node.module for name in of]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        yield from (name for name in names if name in known)


def test_no_circle_of_modules() -> None:
    imports = imports_of(ROOT)
    assert len(imports) > 200
    TopologicalSorter(imports).prepare()  # raises CycleError, which names the modules of a circle


def test_a_circle_for_type_checkers_alone_is_found(tmp_path: Path) -> None:
    root = tmp_path / "pack"
    root.mkdir()
    (root / "__init__.py").touch()
    (root / "first.py").write_text("def f():\n    from pack.second import g\n    g()\n")
    (root / "second.py").write_text("if TYPE_CHECKING:\n    from pack import first\n")
    with pytest.raises(CycleError, match="cycle") as caught:
        TopologicalSorter(imports_of(root)).prepare()
    assert set(caught.value.args[1]) == {"pack.first", "pack.second"}
