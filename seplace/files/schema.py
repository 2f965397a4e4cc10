"""The schema of files: documents checked against strict pydantic models, every error located and in plain words."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Generic, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from seplace.errors import nearest
from seplace.files.yaml_reader import MAX_PROBLEMS, NUMBER, Document, Keys, Problem, spelled

SCHEMA = 1
"""The newest `schema:` of study and search space files that this version reads."""
Schema = Annotated[int, Field(ge=SCHEMA, le=SCHEMA)]
"""The type of `schema:`; a Literal[1] would take `true` and `1.0`, which equal 1."""

MANY = 1_000_000_000
"""The largest count: a larger one would exhaust the memory, or never end."""

Count = Annotated[int, Field(ge=1, le=MANY)]
Natural = Annotated[int, Field(ge=0)]
MAX_PIXELS = 16_384
Pixels = Annotated[int, Field(ge=0, le=MAX_PIXELS)]
"""A length inside an image, or its side."""
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class Section(BaseModel):
    """A mapping of a file: strict types, unknown keys refused, numbers finite, texts short, frozen once read.

    The docstring of a key is its description in the reference of all keys.
    """

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        str_max_length=4096,
        use_attribute_docstrings=True,
    )

    refused: ClassVar[Mapping[str, str]] = {}
    """Keys that a user may look for here, each with the reason why it is missing."""


S = TypeVar("S", bound=Section)


@dataclass(frozen=True, kw_only=True)
class Checked(Generic[S]):
    """A document that was checked against the model of its file."""

    document: Document
    section: S | None
    """The values as an instance of the model; None where there are problems."""
    problems: list[Problem]
    refused: frozenset[Keys]
    """Paths of the values that broke a rule."""

    def sound(self, *keys: str | int) -> Any:
        """Return the value at `keys`; None where it is absent, or where it or a section around it broke a rule.

        So rules between two values can be checked although a third value is wrong.
        """
        if any(keys[:size] in self.refused for size in range(len(keys) + 1)):
            return None
        value: Any = self.document.values
        for key in keys:
            if isinstance(value, dict):
                value = value.get(str(key))
            elif isinstance(value, tuple) and isinstance(key, int) and key < len(value):
                value = value[key]
            else:
                return None
        return value


def check_shape(document: Document, section: type[S]) -> Checked[S]:
    """Check a document against the model of its file; a newer schema is the only problem that is reported."""
    schema = document.values.get("schema")
    if isinstance(schema, int) and not isinstance(schema, bool) and schema > SCHEMA:
        rule = f"is newer than this version of seplace, which reads schema {SCHEMA}; upgrade seplace"
        problem = document.problem(("schema",), rule, got=spelled(schema))
        return Checked(document=document, section=None, problems=[problem], refused=frozenset({()}))
    try:
        value = section.model_validate(document.values)
    except ValidationError as error:
        return Checked(
            document=document,
            section=None,
            problems=problems_of(error, document, section=section),
            refused=frozenset(each["loc"] for each in _errors(error)),
        )
    return Checked(document=document, section=value, problems=[], refused=frozenset())


def problems_of(error: ValidationError, document: Document, *, section: type[BaseModel]) -> list[Problem]:
    """Return the errors of checking `document` against the model `section`, located and in plain words."""
    problems = []
    for number, each in enumerate(_errors(error)):
        keys, kind, value = each["loc"], each["type"], each["input"]
        context = each.get("ctx", {})
        if kind == "extra_forbidden":
            is_shown = number < MAX_PROBLEMS  # of many unknown keys most are only counted
            around = _sections_at(section, keys[:-1])
            reason = next((each.refused[str(keys[-1])] for each in around if str(keys[-1]) in each.refused), None)
            suggestion = nearest(str(keys[-1]), _keys_of(around)) if is_shown and reason is None else None
            problems.append(document.problem(keys, reason or "unknown key", at_key=True, suggestion=suggestion))
        elif kind == "missing":
            problems.append(document.problem(keys, "is missing and required"))
        elif kind == "literal_error":
            names = re.findall(r"'([^']*)'", context["expected"])
            rule = f"must be {'one of ' + ', '.join(names) if names else context['expected']}"
            suggestion = nearest(value, names) if isinstance(value, str) else None
            problems.append(document.problem(keys, rule, got=spelled(value), suggestion=suggestion))
        else:
            problems.append(document.problem(keys, _rule(kind, each["msg"], context, value), got=spelled(value)))
    return problems


def rules_of(error: ValidationError) -> list[str]:
    """Return a sentence for each error of values that are in no file, such as `workers must be at least 1 (got 0)`."""
    return [
        f"{'.'.join(map(str, each['loc']))} {_rule(each['type'], each['msg'], each.get('ctx', {}), each['input'])} "
        f"(got {spelled(each['input'])})"
        for each in _errors(error)
    ]


def _errors(error: ValidationError) -> list[ErrorDetails]:
    """Return pydantic's errors, without the one that a list is too short where all its elements are wrong."""
    errors = error.errors(include_url=False)
    return [each for each in errors if not (each["type"] == "too_short" and each["input"])]


def _rule(kind: str, message: str, context: dict[str, Any], value: object) -> str:
    """Return the rule that a pydantic error of this kind reports, in plain words."""
    types_of_value = {
        "int_type": "a whole number",
        "float_type": "a number",
        "finite_number": "a finite number",
        "string_type": "text",
        "bool_type": "true or false",
        "tuple_type": "a list",
        "dict_type": "a mapping of keys",
        "model_type": "a mapping of keys",
    }
    if kind in types_of_value:
        # Without its quotes this text would have been a number.
        quoted = kind in ("int_type", "float_type") and isinstance(value, str) and NUMBER.fullmatch(value)
        return f"must be {types_of_value[kind]}{', without quotes' if quoted else ''}"
    bounds = {
        "greater_than": ("greater than", "gt"),
        "greater_than_equal": ("at least", "ge"),
        "less_than": ("less than", "lt"),
        "less_than_equal": ("at most", "le"),
    }
    if kind in bounds:
        words, name = bounds[kind]
        limit = context[name]
        return f"must be {words} {f'{limit:,}' if isinstance(limit, int) else f'{limit:g}'}"
    if kind == "too_short":
        return "must not be empty"
    if kind == "string_too_long":
        return f"must have at most {context['max_length']:,} characters"
    if kind == "too_long":
        return f"must have at most {context['max_length']:,} entries"
    return message[:1].lower() + message[1:]


def _sections_at(section: object, keys: Keys) -> list[type[Section]]:
    """Return the sections that may stand at `keys` below the model `section`: one, or those of a union."""
    found = [section]
    for key in keys:
        inside: list[object] = []
        for each in found:
            if isinstance(each, type) and issubclass(each, BaseModel):
                by_key = {info.alias or name: info.annotation for name, info in each.model_fields.items()}
                inside += _bare(by_key[str(key)]) if str(key) in by_key else []
            elif get_args(each):
                inside += _bare(get_args(each)[-1 if get_origin(each) is dict else 0])
        found = inside
    return [each for each in found if isinstance(each, type) and issubclass(each, Section)]


def _keys_of(sections: Iterable[type[Section]]) -> list[str]:
    return [info.alias or name for section in sections for name, info in section.model_fields.items()]


def _bare(annotation: object) -> list[object]:
    """Return the parts of a union without None, X for an annotated X, and anything else as it is."""
    if get_origin(annotation) in (Union, types.UnionType):
        return [each for part in get_args(annotation) if part is not type(None) for each in _bare(part)]
    return _bare(get_args(annotation)[0]) if get_origin(annotation) is Annotated else [annotation]
