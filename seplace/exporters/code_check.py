"""Check exported code: it has imports of torch and a few modules, definitions, and constants."""

from __future__ import annotations

import ast

from seplace.errors import InputError

ALLOWED_IMPORTS = frozenset({"__future__", "collections", "collections.abc", "contextlib", "math", "typing"})
"""The modules that exported code may import, besides torch and its submodules."""

_REFUSED_NAMES = frozenset({"__builtins__", "__import__", "breakpoint", "compile", "eval", "exec", "globals", "open"})
_REFUSED_ATTRIBUTES = frozenset(
    {"__builtins__", "__code__", "__globals__", "__import__", "__loader__", "__spec__", "__subclasses__"}
    | {"builtins", "hub", "importlib", "os", "shutil", "subprocess", "sys"}
)
"""Python's inner attributes, and modules that torch's own modules import and so would hand on."""

_TOP_LEVEL = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef, ast.Assign, ast.AnnAssign)


class UnexportableCode(InputError):
    """Code that cannot be exported as a model.py that needs torch alone; the message names what and where."""


def is_allowed_import(module: str) -> bool:
    """Return whether exported code may import a module."""
    return module in ALLOWED_IMPORTS or module == "torch" or module.startswith("torch.")


def check_code(text: str) -> None:
    """Raise UnexportableCode unless `text` has only allowed imports, definitions and constants.

    This holds the text to what it claims to be; it is no sandbox, since the code ran before it was exported.
    """
    tree = ast.parse(text)
    for statement in tree.body:
        if not (isinstance(statement, _TOP_LEVEL) or _is_text(statement)):
            raise _refused(statement, "a statement that defines nothing")
    for node in ast.walk(tree):
        for module in _imported_modules(node):
            if not is_allowed_import(module):
                raise _refused(node, f"an import of {module}")
        if isinstance(node, ast.Name) and node.id in _REFUSED_NAMES:
            raise _refused(node, node.id)
        if isinstance(node, ast.Attribute) and node.attr in _REFUSED_ATTRIBUTES:
            raise _refused(node, f".{node.attr}")
        if isinstance(node, ast.alias) and node.name in _REFUSED_ATTRIBUTES:
            raise _refused(node, f"an import of {node.name}")


def _imported_modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return ["." * node.level + (node.module or "")]
    return []


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _refused(node: ast.AST, what: str) -> UnexportableCode:
    allowed = ", ".join(sorted(ALLOWED_IMPORTS - {"__future__"}))
    return UnexportableCode(
        f"model.py, line {getattr(node, 'lineno', 0)}: {what} cannot be exported "
        f"(allowed: definitions, constants, and imports of torch, {allowed})"
    )
