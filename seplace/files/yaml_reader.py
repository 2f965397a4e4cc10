"""YAML files as plain values with their positions, and all problems of a file at once.

The reader works on PyYAML's events, so that a file cannot make it construct objects: no tags, no anchors, no aliases,
no duplicate keys, at most 1 MiB, 20,000 keys and values, and 20 levels. Scalars follow the core schema of YAML 1.2:
`1e-3` is a number, `yes` and `off` are text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import yaml

from seplace.errors import InvalidStudy, UnknownName, nearest

Keys = tuple[str | int, ...]
"""The path of a value in a document: keys of mappings and, from 0, positions in lists."""
Mark = tuple[int, int]
"""Line and column, both from 1."""

MAX_BYTES = 1 << 20
MAX_DEPTH = 20
MAX_VALUES = 20_000
MAX_PROBLEMS = 50
"""How many problems of files are shown; the rest are counted."""

_NULL = re.compile(r"|~|null|Null|NULL")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITY = re.compile(r"([-+]?)\.(?:inf|Inf|INF)")
_NAN = re.compile(r"\.(?:nan|NaN|NAN)")
_SIMPLE_KEY = re.compile(r"[\w.:-]{1,64}")
_MAX_DIGITS = 24
_LONGEST_RULE = 1000
_LONGEST_LIST = 10_000


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A problem in a file, shown as `file:line:column: key: rule (got …). Did you mean …?`."""

    file: str
    line: int | None = None
    """From 1; None where the problem is the whole file's."""
    column: int | None = None
    """From 1."""
    key: str | None = None
    """The path of the value, such as `stages[2].modules[1]`; list positions count from 1, as stages do."""
    rule: str
    got: str | None = None
    """The offending value as YAML."""
    suggestion: str | None = None
    """The known name that is nearest to the one in the file."""

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        key = f"{self.key}: " if self.key else ""
        got = "" if self.got is None else f" (got {self.got})"
        suggestion = "" if self.suggestion is None else f". Did you mean {self.suggestion!r}?"
        rule = " ".join(self.rule.split("\n"))
        rule = rule if len(rule) <= _LONGEST_RULE else f"{rule[: _LONGEST_RULE - 1]}…"
        return f"{place}: {key}{rule}{got}{suggestion}"


def refuse(problems: Iterable[Problem]) -> NoReturn:
    """Raise InvalidStudy with all problems, one a line, sorted by file and position."""
    ordered = sorted(
        set(problems), key=lambda each: (each.file, each.line or 0, each.column or 0, each.key or "", each.rule)
    )
    lines: list[str] = []
    for problem in ordered[:MAX_PROBLEMS]:
        if sum(map(len, lines)) < _LONGEST_LIST:
            lines.append(str(problem))
    if len(ordered) > len(lines):
        lines.append(f"… and {len(ordered) - len(lines):,} more problems")
    raise InvalidStudy("\n".join(lines))


@dataclass(frozen=True, kw_only=True)
class Document:
    """The values of a file (dict, tuple, str, int, float, bool, None) and the position of each key and value."""

    file: str
    """The path as problems show it."""
    text: str
    values: dict[str, Any]
    key_marks: dict[Keys, Mark] = field(default_factory=dict)
    value_marks: dict[Keys, Mark] = field(default_factory=dict)
    origins: dict[Keys, str] = field(default_factory=dict)
    """Where values come from that are not in the file, such as an option of the command line."""

    def problem(
        self,
        keys: Keys,
        rule: str,
        *,
        at_key: bool = False,
        got: str | None = None,
        suggestion: str | None = None,
    ) -> Problem:
        """Return a problem at the value of `keys`, or at its key.

        The position of a missing value is that of the nearest mapping or list around it; a value that is not in the
        file has its origin instead.
        """
        prefixes = (keys[:size] for size in range(len(keys), -1, -1))
        present = next(each for each in prefixes if each in self.value_marks or each in self.origins)
        line: int | None = None
        column: int | None = None
        if at_key and keys in self.key_marks:
            line, column = self.key_marks[keys]
        elif present not in self.origins:
            line, column = self.value_marks[present]
        return Problem(
            file=self.origins.get(present, self.file) if line is None else self.file,
            line=line,
            column=column,
            key=_dotted(keys),
            rule=rule,
            got=got,
            suggestion=suggestion,
        )

    def unknown_name(self, keys: Keys, error: UnknownName, *, at_key: bool = False) -> Problem:
        """Return the problem that the name at `keys` is unknown."""
        return self.problem(
            keys,
            f"unknown {error.kind}; known: {', '.join(error.known)}",
            at_key=at_key,
            got=spelled(error.name),
            suggestion=nearest(error.name, error.known),
        )


def read_document(path: Path) -> tuple[Document | None, list[Problem]]:
    """Read a YAML file whose top level is a mapping; never raises.

    The document is None where its values are unknown: the file cannot be read, is not UTF-8, is empty, has a syntax
    error or an alias, or is nested too deeply. With duplicate keys, tags, anchors and keys that are not text there is a
    document beside the problems, so that the rest of it can be checked, too.
    """
    file = str(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return None, [Problem(file=file, rule=f"cannot be read: {reason}")]
    if len(data) > MAX_BYTES:
        return None, [Problem(file=file, rule=f"is larger than {MAX_BYTES:,} bytes")]
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        line, column = _mark_at(before, len(before))
        got = f"byte 0x{data[error.start]:02x}"
        return None, [Problem(file=file, line=line, column=column, rule="the file must be UTF-8", got=got)]
    return read_text(file, text)


def read_text(file: str, text: str) -> tuple[Document | None, list[Problem]]:
    """Read a text as `read_document` reads a file; `file` is its name in problems."""
    return _Reader(file, text).read()


def read_value(text: str, *, file: str, keys: Keys) -> tuple[Any, list[Problem]]:
    """Read one value, with the same rules as those in a file; never raises.

    Problems are those of the value at `keys`, and have no line. An empty text is null.
    """
    return _Reader(file, text).read_value(keys)


def spelled(value: object) -> str:
    """Return a value as YAML, cut to one short line; for mappings and lists, their kind."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, tuple | list):
        return "a list" if value else "an empty list"
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return f"{'-' if value < 0 else ''}.{'nan' if value != value else 'inf'}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


class _StopReading(Exception):
    """Ends the reading of a file: nothing after this problem can be read."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem


class _Reader:
    """Builds the values of a text from PyYAML's events."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.problems: list[Problem] = []
        self.values = 0
        self.key_marks: dict[Keys, Mark] = {}
        self.value_marks: dict[Keys, Mark] = {}

    def read(self) -> tuple[Document | None, list[Problem]]:
        try:
            self._events = yaml.parse(self.text, Loader=yaml.SafeLoader)
            values = self._document()
        except _StopReading as stop:
            return None, [*self.problems, stop.problem]
        except yaml.reader.ReaderError as error:
            line, column = _mark_at(self.text, error.position)
            rule = f"not valid YAML: character {chr(error.character)!r} is not allowed"
            return None, [*self.problems, Problem(file=self.file, line=line, column=column, rule=rule)]
        except yaml.MarkedYAMLError as error:
            return None, [*self.problems, self._syntax(error)]
        except (yaml.YAMLError, ValueError, OverflowError) as error:  # from chr() and int() in PyYAML
            return None, [*self.problems, Problem(file=self.file, rule=f"not valid YAML: {error}")]
        document = Document(
            file=self.file,
            text=self.text,
            values=values,
            key_marks=self.key_marks,
            value_marks=self.value_marks,
        )
        return document, self.problems

    def read_value(self, keys: Keys) -> tuple[Any, list[Problem]]:
        value: Any = None
        try:
            self._events = yaml.parse(self.text, Loader=yaml.SafeLoader)
            self._next()  # the start of the stream
            if isinstance(event := self._next(), yaml.DocumentStartEvent):
                value = self._value(self._next(), keys)
                self._next()  # the end of the document
                event = self._next()
            if not isinstance(event, yaml.StreamEndEvent):
                self._stop(event, keys, "must be one value")
        except _StopReading as stop:
            self.problems.append(stop.problem)
        except yaml.MarkedYAMLError as error:
            self.problems.append(self._syntax(error))
        except (yaml.YAMLError, ValueError, OverflowError) as error:  # as in `read`
            self.problems.append(Problem(file=self.file, rule=f"not valid YAML: {' '.join(str(error).split())}"))
        found = [replace(each, line=None, column=None, key=each.key or _dotted(keys)) for each in self.problems]
        return value, found

    def _document(self) -> dict[str, Any]:
        self._next()  # the start of the stream
        event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            raise _StopReading(Problem(file=self.file, rule="the file is empty"))
        event = self._next()
        values = self._value(event, ())
        if not isinstance(values, dict):
            self._stop(event, (), "the top level must be a mapping of keys", got=spelled(values))
        self._next()  # the end of the document
        event = self._next()
        if not isinstance(event, yaml.StreamEndEvent):
            self._stop(event, (), "a file holds one document only")
        return values

    def _value(self, event: Any, keys: Keys) -> Any:
        if isinstance(event, yaml.AliasEvent):
            self._stop(event, keys, "aliases are not read; write the value out")
        self.value_marks[keys] = _mark(event)
        if event.anchor is not None:
            self._note(event, keys, "anchors are not read; write the value out each time")
        if event.tag is not None:
            self._note(event, keys, "tags are not read; write the plain value", got=spelled(event.tag))
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, keys)
        if len(keys) >= MAX_DEPTH:
            self._stop(event, (), f"values are nested more than {MAX_DEPTH} deep")
        return self._sequence(keys) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(keys)

    def _sequence(self, keys: Keys) -> tuple[Any, ...]:
        items: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._value(event, (*keys, len(items))))
        return tuple(items)

    def _mapping(self, keys: Keys) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event, keys)
            if key is None:
                self._skip(self._next())
            elif key in values:
                first = self.key_marks[(*keys, key)][0]
                self._note(event, (*keys, key), f"duplicate key, first written on line {first}")
                self._skip(self._next())
            else:
                self.key_marks[(*keys, key)] = _mark(event)
                values[key] = self._value(self._next(), (*keys, key))
        return values

    def _key(self, event: Any, keys: Keys) -> str | None:
        """Return the text of a key, or note that it is not text and return None."""
        if isinstance(event, yaml.AliasEvent):
            self._stop(event, keys, "aliases are not read; write the value out")
        if not isinstance(event, yaml.ScalarEvent):
            self._note(event, keys, "a key must be text")
            self._skip(event)
            return None
        if event.anchor is not None or event.tag is not None:
            self._note(event, keys, "a key takes no anchor and no tag")
        key = self._scalar(event, keys)
        if isinstance(key, str):
            return key
        self._note(event, keys, "a key must be text", got=spelled(key))
        return None

    def _scalar(self, event: Any, keys: Keys) -> Any:
        text: str = event.value
        if event.style is not None:  # quoted or a block of text
            return text
        # int() refuses thousands of digits; such a number is far over 64 bits anyway.
        value = text if _is_integer(text) and len(text) > _MAX_DIGITS else resolve_scalar(text)
        if _is_integer(text) and not (isinstance(value, int) and -(2**63) <= value < 2**63):
            self._stop(event, keys, "a whole number must fit in 64 bits", got=spelled(text))
        return value

    def _skip(self, event: Any) -> None:
        depth = 0
        while True:
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth == 0:
                return
            if depth > MAX_DEPTH:  # the time that PyYAML takes grows with the square of the depth
                self._stop(event, (), f"values are nested more than {MAX_DEPTH} deep")
            event = self._next()

    def _next(self) -> Any:
        event = next(self._events)
        self.values += isinstance(event, yaml.NodeEvent)
        if self.values > MAX_VALUES:
            self._stop(event, (), f"a file holds at most {MAX_VALUES:,} keys and values")
        return event

    def _problem(self, event: Any, keys: Keys, rule: str, got: str | None) -> Problem:
        line, column = _mark(event)
        return Problem(file=self.file, line=line, column=column, key=_dotted(keys), rule=rule, got=got)

    def _note(self, event: Any, keys: Keys, rule: str, *, got: str | None = None) -> None:
        self.problems.append(self._problem(event, keys, rule, got))

    def _stop(self, event: Any, keys: Keys, rule: str, *, got: str | None = None) -> NoReturn:
        raise _StopReading(self._problem(event, keys, rule, got))

    def _syntax(self, error: yaml.MarkedYAMLError) -> Problem:
        mark = error.problem_mark or error.context_mark
        assert mark is not None
        if self.text[mark.index : mark.index + 1] == "\t":
            rule = "not valid YAML: a tab cannot stand here; indent with spaces"
        else:
            context = f" {error.context}" if error.context else ""
            rule = f"not valid YAML: {error.problem}{context}"
        return Problem(file=self.file, line=mark.line + 1, column=mark.column + 1, rule=rule)


def resolve_scalar(text: str) -> Any:
    """Return the value of an unquoted scalar in the core schema of YAML 1.2."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return text.lower() == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text) or _HEXADECIMAL.fullmatch(text):
        return int(text, 0)
    if NUMBER.fullmatch(text):
        return float(text)
    if match := _INFINITY.fullmatch(text):
        return float(f"{match[1]}inf")
    return float("nan") if _NAN.fullmatch(text) else text


def _is_integer(text: str) -> bool:
    return any(pattern.fullmatch(text) for pattern in (_INTEGER, _OCTAL, _HEXADECIMAL))


def _dotted(keys: Keys) -> str | None:
    """Return a path as text, with list positions from 1; a key that is not a plain word is quoted."""
    text = ""
    for key in keys:
        if isinstance(key, int):
            text += f"[{key + 1}]"
        else:
            text += ("." if text else "") + (key if _SIMPLE_KEY.fullmatch(key) else spelled(key))
    return text or None


def _mark(event: Any) -> Mark:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _mark_at(text: str, index: int) -> Mark:
    return text.count("\n", 0, index) + 1, index - (text.rfind("\n", 0, index) + 1) + 1
