"""The JSON schemas: what is shipped is valid by them, and typical mistakes are not."""

import copy
from typing import Any

import jsonschema
import pytest
import yaml

from seplace.files.shipped import shipped
from seplace.files.yaml_reader import read_document
from seplace.report.json_schema import schema_of
from tests.pages import marked
from tests.pages.keys import blocks_of, rows_of
from tests.study_texts import STUDY, TINY_SPACE

VALIDATORS = {kind: jsonschema.Draft202012Validator(schema_of(kind)) for kind in ("study", "space")}


def problems_of(kind: str, values: Any) -> list[str]:
    """Validate a file as an editor does; lists are tuples to our reader."""
    return [error.json_path for error in VALIDATORS[kind].iter_errors(_as_lists(values))]


def _as_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_lists(each) for key, each in value.items()}
    return [_as_lists(each) for each in value] if isinstance(value, tuple | list) else value


@pytest.mark.parametrize("kind", VALIDATORS)
def test_they_are_schemas(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema_of(kind))


@pytest.mark.parametrize(("kind", "files"), [("study", "studies"), ("space", "search_spaces")])
def test_all_that_is_shipped_is_valid(kind: str, files: Any) -> None:
    found = {name: problems_of(kind, read_document(path)[0].values) for name, path in shipped(files).items()}
    assert not {name: problems for name, problems in found.items() if problems}


def test_the_files_of_the_first_page_are_valid() -> None:
    for kind in VALIDATORS:
        assert not problems_of(kind, yaml.safe_load(marked("README.md", f"{kind}.yaml")))


@pytest.mark.parametrize("kind", VALIDATORS)
def test_every_key_is_described_and_none_is_forgotten(kind: str) -> None:
    from seplace.report.json_schema import MODELS

    made = schema_of(kind)
    blocks = {model.__name__: model for _, model in blocks_of(MODELS[kind])}
    for name, model in {"": MODELS[kind], **blocks}.items():
        properties = (made["$defs"][name] if name else made)["properties"]
        for key, *_, meaning in rows_of(model):
            inside = properties[key.strip("`")]
            assert inside.get("description") == meaning or "$ref" in inside
        assert len(properties) == len(rows_of(model))


def _changed(text: str, path: str, value: Any) -> Any:
    values = copy.deepcopy(yaml.safe_load(text))
    *outer, last = path.split(".")
    inner = values
    for key in outer:
        inner = inner.setdefault(key, {})
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return values


GOOD = [
    ("study", "space", "./a.yaml"),
    ("study", "data.name", "my_package.data:load"),
    ("study", "data.image_size", None),
    ("study", "objective", {"cost": "my:cost", "limits": {"params": 1e6, "my:cost": 3}}),
    ("study", "search.hours", None),
    ("study", "search", {"hours": 1.5, "seeds": 2, "seed": 0, "proxies": ["naswot"], "rungs": [1, 2]}),
    ("study", "run", {"executor": "ray", "workers": "auto", "gpus": 0.5, "loggers": ["csv", "my:log"]}),
    ("space", "backbone", "cifar_resnet8[width=0.5]"),
    ("space", "backbone", "my.nets:build[depth=3]"),
    ("space", "variants", ["resnet18"]),
    ("space", "stages", [{"modules": ["none", "se[squeeze=max]", "my:Gate"], "ratios": [8], "attachments": ["post"]}]),
]
BAD = [
    ("study", "schema", 2),
    ("study", "space", "digits-resnet9"),
    ("study", "data.nois", 0.1),
    ("study", "data.name", "cifar11"),
    ("study", "data.image_size", 0),
    ("study", "training.epochs", "3"),
    ("study", "training.epochs", 0),
    ("study", "training.epochs", ...),
    ("study", "training.momentum", 1),
    ("study", "training.schedule", "cosin"),
    ("study", "training.flip", "yes"),
    ("study", "objective.cost", "flps"),
    ("study", "objective.limits", {"flps": 1}),
    ("study", "search.sampler", "nsga3"),
    ("study", "search.trainings", ...),
    ("study", "search.hours", 1),
    ("study", "search.proxies", ["naswo"]),
    ("study", "confirm", {"seeds": 2}),
    ("study", "run.workers", "many"),
    ("study", "run.workers", 0),
    ("study", "run.loggers", ["tensorbord"]),
    ("space", "backbone", "resnet19"),
    ("space", "gate.init", "papers"),
    ("space", "granularity", "blocks"),
    ("space", "stages", []),
    ("space", "stages", ...),
    ("space", "choices", {"modules": ["none"]}),
    ("space", "stages", [{"modules": ["none", "sse"]}]),
    ("space", "stages", [{"modules": ["eca[squeeze=max]"]}]),
    ("space", "stages", [{"modules": ["se"], "attachments": ["serail"]}]),
]


@pytest.mark.parametrize(("kind", "path", "value"), GOOD)
def test_what_may_be_written(kind: str, path: str, value: Any) -> None:
    assert not problems_of(kind, _changed(STUDY if kind == "study" else TINY_SPACE, path, value))


@pytest.mark.parametrize(("kind", "path", "value"), BAD)
def test_typical_mistakes(kind: str, path: str, value: Any) -> None:
    assert problems_of(kind, _changed(STUDY if kind == "study" else TINY_SPACE, path, value))
