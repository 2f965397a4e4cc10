"""Values of a study that stand on the command line instead of in its file: `--set training.epochs=5`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from seplace.files.yaml_reader import Document, Keys, Problem, read_text, read_value, resolve_scalar, spelled

_PLAIN = re.compile(r"[A-Za-z0-9_./][\w./-]*")
"""Texts that need no quotes, whatever stands around them."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The value of a key of a study, as it was given beside its file."""

    keys: Keys
    value: Any
    text: str
    """As it was written: `training.epochs=5`."""


def read_settings(texts: Sequence[str]) -> tuple[list[Setting], list[Problem]]:
    """Read `key=value` texts, in which a key is dotted and a value is YAML; never raises.

    Of two values of one key the last is taken, so that a command can be repeated with another value behind it.
    """
    settings: list[Setting] = []
    problems: list[Problem] = []
    for text in texts:
        origin = _origin(text)
        dotted, equals, written = text.partition("=")
        keys: Keys = tuple(dotted.strip().split("."))
        if not equals or not all(keys):
            rule = "must be KEY=VALUE with a dotted key of the study file, such as training.epochs=5"
            problems.append(Problem(file=origin, rule=rule))
            continue
        settings = [each for each in settings if each.keys != keys]
        value, more = read_value(written, file=origin, keys=keys)
        problems += more
        if not more:
            settings.append(Setting(keys=keys, value=value, text=text))
    return settings, problems


def with_settings(document: Document, settings: Sequence[Setting]) -> tuple[Document, list[Problem]]:
    """Return a document with other values, whose problems name the setting that they come from."""
    problems: list[Problem] = []
    for setting in settings:
        values, keys, origin = _copy(document.values), setting.keys, _origin(setting.text)
        inner, made = values, len(keys)
        for at, key in enumerate(keys[:-1], start=1):
            below = inner.get(str(key))
            if below is None:
                below, made = {}, min(made, at)
            if not isinstance(below, dict):
                rule = f"has no keys below it (it is {spelled(below)})"
                problems.append(Problem(file=origin, key=".".join(map(str, keys[:at])), rule=rule))
                break
            inner[str(key)] = below
            inner = below
        else:
            inner[str(keys[-1])] = setting.value
            top = keys[:made]
            document = replace(
                document,
                values=values,
                key_marks=_without(document.key_marks, top),
                value_marks=_without(document.value_marks, top),
                origins={**_without(document.origins, top), top: origin},
            )
    if settings and not problems:
        document = replace(document, text=_text_with(document, settings))
    return document, problems


def _origin(text: str) -> str:
    shown = text if text.isprintable() else spelled(text)
    return f"--set {shown if len(shown) <= 120 else f'{shown[:119]}…'}"


def _copy(value: Any) -> Any:
    return {key: _copy(each) for key, each in value.items()} if isinstance(value, dict) else value


def _without(marks: Mapping[Keys, Any], top: Keys) -> dict[Keys, Any]:
    """Return marks without those at and below `top`."""
    return {keys: mark for keys, mark in marks.items() if keys[: len(top)] != top}


def _text_with(document: Document, settings: Sequence[Setting]) -> str:
    """Return the text of a study with other values, its comments kept where its layout allows it."""
    head = "".join(f"# {_origin(setting.text)}\n" for setting in settings)
    text = document.text
    for setting in settings:
        text = _edited(text, setting)
    again, problems = read_text(document.file, text)
    if problems or again is None or _canonical(again.values) != _canonical(document.values):
        text = "".join(f"{key}: {in_yaml(value)}\n" for key, value in document.values.items())
    return head + text


def _canonical(values: Mapping[str, Any]) -> str:
    """Return values as a text that is the same for the same values of the same types."""
    return json.dumps(values, sort_keys=True)


def _edited(text: str, setting: Setting) -> str:
    """Return a text with one value replaced or added; what comes of an odd layout is checked by the caller."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return text  # an edit before this one went wrong
    for at, key in enumerate(setting.keys):
        if not isinstance(node, yaml.MappingNode):
            break  # as above
        found = next((value for name, value in node.value if name.value == key), None)
        value, below = setting.value, setting.keys[at + 1 :]
        if found is not None and below and isinstance(found, yaml.MappingNode):
            node = found
            continue
        for outer in reversed(below):
            value = {str(outer): value}
        return _added(text, node, str(key), in_yaml(value)) if found is None else _replaced(text, found, in_yaml(value))
    return text


def _replaced(text: str, node: yaml.Node, written: str) -> str:
    begin, end = node.start_mark.index, node.end_mark.index
    kept = text[begin:end].rstrip()
    return f"{text[:begin]}{' ' * (not kept)}{written}{text[begin + len(kept) :]}"


def _added(text: str, node: yaml.MappingNode, key: str, written: str) -> str:
    at = node.start_mark.index
    if node.flow_style:
        return f"{text[: at + 1]}{in_yaml(key)}: {written}{', ' * bool(node.value)}{text[at + 1 :]}"
    if not node.start_mark.column:
        return f"{text.rstrip()}\n{in_yaml(key)}: {written}\n"
    return f"{text[:at]}{in_yaml(key)}: {written}\n{' ' * node.start_mark.column}{text[at:]}"


def in_yaml(value: Any) -> str:
    """Return a value as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{in_yaml(key)}: {in_yaml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(in_yaml, value)) + "]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and isinstance(resolve_scalar(value), str):
        return value
    return json.dumps(value, ensure_ascii=False)
