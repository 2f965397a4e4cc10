"""The JSON schemas of study and space files, by which editors complete keys and names and mark mistakes.

They are made of the models that the files are held against, with the names of the shelves. What a file may say is a
little more than a schema can tell: the rules between values are checked when it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from seplace.attachments import ATTACHMENTS
from seplace.attention import ATTENTION
from seplace.backbones import BACKBONES
from seplace.costs import COSTS
from seplace.datasets import DATASETS
from seplace.evaluators import EVALUATORS
from seplace.executors import EXECUTORS
from seplace.files.schema import SCHEMA, Section
from seplace.files.shipped import shipped
from seplace.loggers import LOGGERS
from seplace.proxies import PROXIES
from seplace.samplers import SAMPLERS
from seplace.study.space_file import SpaceFile
from seplace.study.study_file import MAX_PARALLEL, StudyFile

Json = dict[str, Any]
MODELS: dict[str, type[Section]] = {"study": StudyFile, "space": SpaceFile}
"""The kinds of files, each with its model."""
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_IMPORT_PATH = r"^[\w.]+:[\w.]+"


def schema_of(kind: str) -> Json:
    """Return the JSON schema of study files or of space files."""
    made: Json = _without_titles(MODELS[kind].model_json_schema(by_alias=True))
    made = {"$schema": _DIALECT, "title": f"seplace {kind}", **made}
    made["properties"]["schema"] = {"const": SCHEMA, "description": made["properties"]["schema"]["description"]}
    (_add_names_of_study if kind == "study" else _add_names_of_space)(made["properties"], made["$defs"])
    if kind == "study":
        made["anyOf"] = [{"required": ["data"]}, {"properties": {"training": {"required": ["module"]}}}]
    if kind == "space":
        made["oneOf"] = [_with("choices", "object"), _with("stages", "array")]
    return made


def names_by_key(kind: str) -> dict[str, list[str]]:
    """Return the dotted keys of a kind of file, each with the names that may stand there, if there are any."""
    made = schema_of(kind)
    return dict(_named_keys(made, made["$defs"], prefix=""))


def _named_keys(block: Json, blocks: Json, *, prefix: str) -> Iterator[tuple[str, list[str]]]:
    for key, inside in block["properties"].items():
        options = [inside, *inside.get("anyOf", ())]
        inner = [each["$ref"].rpartition("/")[2] for each in options if "$ref" in each]
        if inner:
            for name in inner:
                yield from _named_keys(blocks[name], blocks, prefix=f"{prefix}{key}.")
            continue
        names = [str(name) for each in options for name in each.get("enum", ())]
        names += [str(each["const"]) for each in options if "const" in each]
        names += ["true", "false"] if any(each.get("type") == "boolean" for each in options) else []
        yield f"{prefix}{key}", names


def _add_names_of_study(top: Json, blocks: Json) -> None:
    run, search = blocks["RunSection"]["properties"], blocks["SearchSection"]["properties"]
    _restrict(top["space"], shipped("search_spaces"), r"/|\.yaml$")
    _restrict(blocks["DataSection"]["properties"]["name"], DATASETS, _IMPORT_PATH)
    blocks["DataSection"]["properties"]["in_memory"] |= {"anyOf": [{"type": "boolean"}, {"const": "auto"}]}
    _restrict(blocks["EvaluatorSection"]["properties"]["name"], EVALUATORS, _IMPORT_PATH)
    _restrict(blocks["ObjectiveSection"]["properties"]["cost"], COSTS, _IMPORT_PATH)
    blocks["ObjectiveSection"]["properties"]["limits"]["propertyNames"] = _named(COSTS, _IMPORT_PATH)
    _restrict(search["sampler"], SAMPLERS, _IMPORT_PATH)
    _restrict(search["proxies"]["items"], PROXIES, _IMPORT_PATH)
    _restrict(run["executor"], EXECUTORS, _IMPORT_PATH)
    _restrict(run["loggers"]["items"], LOGGERS, _IMPORT_PATH)
    run["workers"] |= {"anyOf": [{"type": "integer", "minimum": 1, "maximum": MAX_PARALLEL}, {"const": "auto"}]}
    blocks["SearchSection"]["oneOf"] = [_with("trainings", "integer"), _with("hours", "number")]


def _add_names_of_space(top: Json, blocks: Json) -> None:
    with_options = rf"^({'|'.join(map(re.escape, BACKBONES))})\[.*\]$|{_IMPORT_PATH}"
    for text in (top["backbone"], top["variants"]["items"]):
        _restrict(text, BACKBONES, with_options)
    choices = blocks["ChoicesSection"]["properties"]
    options = "|".join(filter(None, map(_with_its_options, ATTENTION.built_in)))
    _restrict(choices["modules"]["items"], ATTENTION, rf"{options}|{_IMPORT_PATH}")
    _restrict(choices["attachments"]["items"], ATTACHMENTS, _IMPORT_PATH)


def _with_its_options(name: str) -> str:
    """Return the pattern of a module with options; empty for one that has none."""
    keys = "|".join(ATTENTION.entry(name).options)
    option = rf"({keys})=[^,\[\]]+"
    return rf"^{name}\[{option}(,{option})*\]$" if keys else ""


def _restrict(text: Json, names: Iterable[str], pattern: str) -> None:
    """Allow some names in place of any text, and what matches a pattern."""
    text.update(_named(names, pattern))


def _named(names: Iterable[str], pattern: str) -> Json:
    return {"anyOf": [{"enum": list(names)}, {"pattern": pattern}]}


def _with(key: str, kind: str) -> Json:
    return {"required": [key], "properties": {key: {"type": kind}}}


def _without_titles(value: Any) -> Any:
    """Return a schema without the titles that repeat its keys, its descriptions each on one line."""
    if isinstance(value, list):
        return [_without_titles(each) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {key: each for key, each in value.items() if not (key == "title" and isinstance(each, str))}
    return {
        key: " ".join(each.split()) if key == "description" and isinstance(each, str) else _without_titles(each)
        for key, each in kept.items()
    }
