"""The reference of every key of studies and search spaces, from the models that their files are held against."""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from seplace.files.schema import SCHEMA
from seplace.study.space_file import SpaceFile
from seplace.study.study_file import StudyFile
from tests.pages import markdown_table

_NOUNS = {int: "whole number", float: "number", str: "text", bool: "`true` or `false`"}
_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def _models(annotation: object) -> list[type[BaseModel]]:
    """Return the models inside an annotation, such as X of an optional X or of a list of X."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for each in get_args(annotation) for found in _models(each)]


def _bounds(metadata: tuple[Any, ...]) -> str:
    """Return the bounds of a value, such as `≥ 1, ≤ 1,024`; bounds that only guard memory are left out."""
    found: dict[str, float] = {}
    for each in metadata:
        for part in getattr(each, "metadata", None) or [each]:
            for name, sign in _SIGNS.items():
                limit = getattr(part, name, None)
                if limit is not None and abs(limit) < 1_000_000:
                    found[sign] = limit
    return ", ".join(f"{sign} {limit:,}" for sign, limit in found.items())


def _value(annotation: object, metadata: tuple[Any, ...] = ()) -> str:
    """Say what stands at a key."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _value(inside[0], inside[1:])
    if origin in (Union, types.UnionType) and any(get_origin(each) is Literal for each in inside):
        return " or ".join(_value(each) for each in inside if each is not type(None))
    if origin in (Union, types.UnionType) and {int, float} <= set(inside):
        return "number"
    if origin in (Union, types.UnionType) and len(_models(annotation)) < 2:
        return _value(next(each for each in inside if each is not type(None)), metadata)
    if origin is Literal:
        return " or ".join(f"`{each}`" for each in inside)
    if origin is tuple and inside[-1] is not Ellipsis:
        return f"list of {len(inside)}: {_value(inside[0])}"
    if origin is tuple:
        return f"list of: {_value(inside[0])}"
    if origin is dict:
        return f"names, each with a {_value(inside[1])}"
    if models := _models(annotation):
        return "block, see " + " or ".join(f"[below](#{_anchor(model)})" for model in models)
    if annotation is Any:
        return "value"
    bounds = _bounds(metadata)
    if annotation is int and bounds == f"≥ {SCHEMA}, ≤ {SCHEMA}":
        return f"`{SCHEMA}`"
    return _NOUNS[annotation] + (f" {bounds}" if bounds else "")  # type: ignore[index]


def _anchor(model: type[BaseModel]) -> str:
    return f"block-{model.__name__.strip('_').lower()}"


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "**required**"
    value = info.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        written = ", ".join(f"{key}: {value.model_dump()[key]}" for key in sorted(value.model_fields_set))
        return f"`{{{written}}}`" if written else "its defaults"
    if value in (None, (), {}):
        return "none"
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def rows_of(model: type[BaseModel]) -> list[list[str]]:
    """Return one row a key: its name, its value, its default, and what it means."""
    return [
        [
            f"`{info.alias or name}`",
            _value(info.annotation, tuple(info.metadata)),
            _default(info),
            " ".join((info.description or "").split()),
        ]
        for name, info in model.model_fields.items()
    ]


def blocks_of(model: type[BaseModel]) -> list[tuple[str, type[BaseModel]]]:
    """Return the blocks inside a model with the keys at which they stand, in order; one that stands twice once.

    Blocks inside a block follow it, with dotted keys.
    """
    found: dict[type[BaseModel], str] = {}
    for name, info in model.model_fields.items():
        for inner in _models(info.annotation):
            for key, block in [(name, inner), *((f"{name}.{key}", block) for key, block in blocks_of(inner))]:
                found[block] = f"{found[block]}`, `{key}" if block in found else key
    return [(name, block) for block, name in found.items()]


def _reference(model: type[BaseModel]) -> str:
    heads = ["key", "value", "default", "meaning"]
    parts = [markdown_table(heads, rows_of(model))]
    for name, block in blocks_of(model):
        parts += [
            f'<a name="{_anchor(block)}"></a>\n**`{name}`**',
            " ".join((block.__doc__ or "").split("\n\n")[0].split()),
            markdown_table(heads, rows_of(block)),
        ]
    return "\n\n".join(part for part in parts if part)


MAKERS = {"keys of a study": lambda: _reference(StudyFile), "keys of a space": lambda: _reference(SpaceFile)}
