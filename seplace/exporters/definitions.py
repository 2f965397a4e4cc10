"""Collect the definitions that some objects need, by following the names in their source.

Only modules of the packages that the objects come from are followed; everything else has to be imported by
the text, and so has to be on the list of allowed imports.
"""

from __future__ import annotations

import ast
import builtins
import copy
import functools
import inspect
import re
import symtable
import sys
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import Any

from seplace.exporters.code_check import UnexportableCode, is_allowed_import

_COMPREHENSIONS = frozenset({"listcomp", "setcomp", "dictcomp", "genexpr"})


@dataclass(frozen=True, kw_only=True)
class Definition:
    """A class, function or constant at the top level of a module."""

    place: tuple[int, int]
    """The number of its module, in the order in which modules were found, and its line."""
    text: str
    is_constant: bool
    needed_before: frozenset[str]
    """The names that executing the definition looks up: bases, decorators, defaults, class attributes."""
    needed: frozenset[str]
    """All names of the module that it uses, when it is executed or later."""


@dataclass(frozen=True, kw_only=True)
class Import:
    """One name that an import binds: `import module as alias` or `from module import name as alias`."""

    module: str
    name: str | None
    alias: str | None


@dataclass(frozen=True)
class _Source:
    """A module's lines, and the statement that binds each name at its top level."""

    name: str
    lines: list[str]
    bindings: dict[str, ast.stmt | Import | None]
    """None for a name that is bound more than once."""
    _used: dict[int, tuple[set[str], set[str]]] = field(default_factory=dict)

    def used_names(self, statement: ast.stmt) -> tuple[set[str], set[str]]:
        """Return `_used_names` of a statement of this module, computed once."""
        if statement.lineno not in self._used:
            self._used[statement.lineno] = _used_names(statement, self.bindings)
        return self._used[statement.lineno]


class Definitions:
    """The definitions that some objects need, and the imports of these definitions.

    UnexportableCode where the source is not to be had, where a name stands for two things in two modules, and
    where something is imported that exported code may not import.
    """

    def __init__(self, objects: Iterable[Any], *, reserved: Iterable[str] = ()) -> None:
        """Collect for `objects` at the top level of their modules; no definition may have a `reserved` name."""
        objects = list(objects)
        self.imports: set[Import] = set()
        self._packages = {_top_package(name) for name in ("seplace", *(each.__module__ for each in objects))}
        self._sources: dict[str, _Source] = {}
        self._meanings: dict[str, tuple[str, object]] = {name: ("the exporter", name) for name in reserved}
        self._found: dict[tuple[str, int], Definition] = {}
        self._names: dict[str, Definition] = {}
        for each in objects:
            self._follow(each.__module__, name_of(each))

    def in_order(self) -> list[Definition]:
        """Return the definitions, each after those that it needs, otherwise in the order of their modules."""
        waiting = sorted(self._found.values(), key=lambda definition: definition.place)
        ordered: list[Definition] = []
        while waiting:
            missing = {name for name, definition in self._names.items() if definition in waiting}
            ready = [each for each in waiting if all(self._names[name] is each for name in each.needed & missing)]
            # Definitions that use each other when they run are never ready; what one needs before decides.
            ready += [each for each in waiting if not each.needed_before & missing]
            ordered.append((ready or waiting)[0])
            waiting.remove(ordered[-1])
        return ordered

    def _follow(self, module: str, name: str) -> None:
        """Collect the definition of `name` in `module`, and the definitions that it needs."""
        source = self._source(module)
        if name not in source.bindings:
            if not hasattr(builtins, name):
                raise UnexportableCode(f"{module} uses {name}, which no single statement at its top defines")
            self._mean(name, ("builtins", name))
            return
        statement = source.bindings[name]
        if statement is None:
            raise UnexportableCode(f"{module} binds {name} more than once")
        if isinstance(statement, Import):
            self._follow_import(module, name, statement)
        elif self._mean(name, (module, statement.lineno)):
            self._define(source, name, statement)

    def _follow_import(self, module: str, name: str, binding: Import) -> None:
        if is_allowed_import(binding.module):
            plain = binding.name is None and binding.alias is None
            # `import torch.nn as nn` and `from torch import nn` mean the same: the first to be met is written.
            known = name in self._meanings
            self._mean(name, ("import", name if plain else ".".join(filter(None, [binding.module, binding.name]))))
            if plain or not known:
                self.imports.add(binding)
        elif _top_package(binding.module) not in self._packages:
            raise UnexportableCode(
                f"{module} imports {binding.module}; exported code imports torch, collections, contextlib, math, typing"
            )
        elif binding.name is None or binding.alias not in (None, binding.name):
            raise UnexportableCode(f"{module}: write `from {binding.module} import …` without renaming, not {name}")
        else:
            self._follow(binding.module, binding.name)

    def _define(self, source: _Source, name: str, statement: ast.stmt) -> None:
        place = (source.name, statement.lineno)
        if place not in self._found:
            before, needed = source.used_names(statement)
            self._found[place] = Definition(
                place=(list(self._sources).index(source.name), statement.lineno),
                text=_text_of(statement, source.lines),
                is_constant=isinstance(statement, ast.Assign | ast.AnnAssign),
                needed_before=frozenset(before),
                needed=frozenset(needed),
            )
            self._names[name] = self._found[place]
            # In the order of the text, so that the same network always gives the same file.
            for used in sorted(needed):
                self._follow(source.name, used)
        self._names[name] = self._found[place]

    def _mean(self, name: str, meaning: tuple[str, object]) -> bool:
        """Record the meaning of a name, and return whether its definition is still to be collected."""
        known = self._meanings.setdefault(name, meaning)
        if known != meaning:
            raise UnexportableCode(
                f"{name} would stand for two things in one file, of {known[0]} and {meaning[0]}: rename one"
            )
        return name not in self._names

    def _source(self, module: str) -> _Source:
        if module not in self._sources:
            try:
                text = inspect.getsource(sys.modules[module])
            except (KeyError, OSError, TypeError) as error:
                raise UnexportableCode(f"the source of {module} is not to be had") from error
            package = sys.modules[module].__package__ or ""
            self._sources[module] = _read(module, text, package)
        return self._sources[module]


@functools.lru_cache(maxsize=128)
def _read(module: str, text: str, package: str) -> _Source:
    """Parse a module; the result is cached by the module's text."""
    return _Source(module, text.splitlines(), _bindings(ast.parse(text).body, package))


def name_of(top: Any) -> str:
    """Return the name of a class, a function or a constant at the top of its module.

    Raises UnexportableCode for anything else.
    """
    module = sys.modules.get(top.__module__)
    qualified = getattr(top, "__qualname__", None)
    found = vars(module).items() if qualified is None else [(qualified, getattr(module, qualified, None))]
    for name, value in found:
        if value is top:
            return name
    raise UnexportableCode(
        f"{top.__module__}:{qualified or repr(top)} is no class, function or constant at the top of its module"
    )


def _top_package(module: str) -> str:
    return module.partition(".")[0]


def _bindings(statements: list[ast.stmt], package: str) -> dict[str, ast.stmt | Import | None]:
    """Map names to the statements that bind them, without those under a condition."""
    bindings: dict[str, ast.stmt | Import | None] = {}
    for statement in statements:
        found: dict[str, ast.stmt | Import | None] = {}
        match statement:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                found = {name: statement}
            case ast.Assign(targets=targets):
                names = (node for target in targets for node in ast.walk(target))
                found = {node.id: statement for node in names if isinstance(node, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)) if statement.value is not None:
                found = {name: statement}
            case ast.Import(names=aliases):
                for alias in aliases:
                    bound = alias.asname or _top_package(alias.name)
                    found[bound] = Import(module=alias.name, name=None, alias=alias.asname)
            case ast.ImportFrom(names=aliases):
                module = ".".join(filter(None, [_parent(package, statement.level), statement.module]))
                found = {
                    alias.asname or alias.name: Import(module=module, name=alias.name, alias=alias.asname)
                    for alias in aliases
                }
            case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"), body=body):
                found = _bindings(body, package)
        bindings |= {name: None if bindings.get(name, what) != what else what for name, what in found.items()}
    return bindings


def _parent(package: str, level: int) -> str:
    """Return the package that `level` leading dots of a relative import refer to."""
    if level == 0:
        return ""
    parts = package.split(".")
    return ".".join(parts[: len(parts) - level + 1])


def _text_of(statement: ast.stmt, lines: list[str]) -> str:
    """Return the source of a statement with its decorators and the comment lines right above it."""
    decorators = getattr(statement, "decorator_list", [])
    first = min([statement.lineno, *(decorator.lineno for decorator in decorators)]) - 1
    while first > 0 and lines[first - 1].startswith("#"):
        first -= 1
    return "\n".join(lines[first : statement.end_lineno])


def _used_names(statement: ast.stmt, bound: Container[str]) -> tuple[set[str], set[str]]:
    """Return the names that a definition looks up in its module when it is executed, and all that it ever looks up."""
    bare = ast.unparse(ast.fix_missing_locations(_WithoutAnnotations().visit(copy.deepcopy(statement))))
    before, later = _looked_up(symtable.symtable(bare, "<definition>", "exec"))
    return before, before | later | _annotation_names(statement, bound)


def _looked_up(table: symtable.SymbolTable) -> tuple[set[str], set[str]]:
    """Return the global names that a scope looks up itself, and those that functions inside it look up."""
    at_top = table.get_type() == "module"
    before = {
        symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced() and (at_top or symbol.is_global())
    }
    later: set[str] = set()
    for child in table.get_children():
        child_before, child_later = _looked_up(child)
        if child.get_type() == "function" and child.get_name() not in _COMPREHENSIONS:
            later |= child_before | child_later
        else:
            before |= child_before
            later |= child_later
    return before, later


class _WithoutAnnotations(ast.NodeTransformer):
    """Drops annotations: they are never executed, because the text begins with the future import."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(value=None)
        return self.generic_visit(node)


def _annotation_names(statement: ast.stmt, bound: Container[str]) -> set[str]:
    """Return the names in annotations; of names written as text, those that are `bound`."""
    names: set[str] = set()
    for node in ast.walk(statement):
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            for part in ast.walk(annotation) if isinstance(annotation, ast.AST) else ():
                if isinstance(part, ast.Name):
                    names.add(part.id)
                elif isinstance(part, ast.Constant) and isinstance(part.value, str):
                    names.update(word for word in re.findall(r"\w+", part.value) if word in bound)
    return names
