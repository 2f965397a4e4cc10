"""The shapes of what a ledger holds as JSON: the facts, and the records of evaluations.

A ledger may come from anybody, and its check sums are no signatures. What has another shape is refused where it is
read, so that nobody else has to look again. A fact that is not listed has any shape.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    TypeAdapter,
    ValidationError,
)

from seplace.files.atomic import path_problem

_MANY = 2**53
"""More than any count in a ledger: larger ones are not exact where they meet other numbers."""

_Count = Annotated[int, Field(ge=0, le=_MANY)]
_LARGEST, _LARGEST_SHARE = 1e15, 1e6
_Number = Annotated[float, Field(ge=-_LARGEST, le=_LARGEST)]
_Share = Annotated[float, Field(ge=-_LARGEST_SHARE, le=_LARGEST_SHARE)]
_Text = Annotated[str, Field(max_length=100_000)]


def _text(value: object) -> object:
    if isinstance(value, str):
        return value
    raise ValueError("input should be text")


def _path(value: str) -> str:
    if problem := path_problem(value):
        raise ValueError(problem)
    return value


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _plain(latency: dict[str, Any]) -> dict[str, Any]:
    """Conditions of a measurement may have any form; what tables show is a number."""
    for name, value in latency.items():
        is_shown = ":" in name or name.removeprefix("extra_").startswith("latency_ms")
        if is_shown and not (value is None or (type(value) in (int, float) and abs(value) <= _LARGEST)):
            raise ValueError(f"{name[:200]} should be a number")
    return latency


_OfSystem = Annotated[Any, PlainValidator(_text)]
"""A text in which a path may stand: the name of a file may have bytes that are no UTF-8, which pydantic refuses."""

_FileName = Annotated[str, Field(pattern=r"^[^/\\\x00-\x1f]{1,255}$")]


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False, extra="ignore")


class _Point(_Shape):
    epoch: _Number
    value: _Number | None = None
    cross_entropy: _Number | None = None
    train_loss: _Number | None = None


class _Record(_Shape):
    placement: _Text
    seed: _Count
    epochs: _Count
    state: Literal["complete", "failed"]
    value: _Number | None
    cross_entropy: _Number | None
    top5_accuracy: _Share | None = None
    curve: Annotated[list[_Point], BeforeValidator(_listed)]
    costs: dict[_Text, _Number]
    seconds: _Number
    device: _Text | None = ""
    threads: _Count = 0
    weights: _FileName | None = None
    weights_sha256: _Text | None = None
    reason: _Text = ""
    message: _OfSystem = ""
    attempts: _Count = 1
    versions: dict[_Text, _Text] = {}
    batches: _Text | None = None


class _Images(_Shape):
    """What an evaluator says of its images: one of the user's own says what it likes of their form."""

    training_images: _Count | None = None
    validation_images: _Count | None = None
    uses: dict[_Text, dict[_Text, Any]] | None = None
    notes: list[_OfSystem] = []


class _Described(_Images):
    """What networks are built from, and what an export needs beside."""

    classes: list[_OfSystem]
    channels: Annotated[int, Field(ge=1, le=_MANY)]
    image_size: Annotated[int, Field(ge=1, le=_MANY)]
    mean: list[_Number] = []
    std: list[_Number] = []
    resampling: Literal["pillow", "torch"] = "pillow"


class _Regret(_Shape):
    settled: bool
    mean: _Number
    upper: _Number
    trainings: _Count


class _Rung(_Shape):
    epochs: _Count
    on: bool
    tau: _Number | None
    pairs: _Count


class _Rungs(_Shape):
    stopped: _Count
    rungs: list[_Rung]


class _Workers(_Shape):
    number: Annotated[int, Field(ge=1, le=1024)]
    steps_per_second: dict[Annotated[str, Field(pattern=r"^[1-9][0-9]{0,8}$")], _Number]
    held_bytes: _Count
    limit: _OfSystem


class _Shared(_Shape):
    seconds: _Number
    reason: _OfSystem


class _Scored(_Shared):
    score: Annotated[float, Field(ge=-1e30, le=1e30)] | None


_Width = Annotated[int, Field(ge=1, le=_MANY)]


class _Widths(_Shape):
    model_config = ConfigDict(strict=True, extra="allow")
    __pydantic_extra__: dict[str, _Width]

    serial: _Width


class _Site(_Shape):
    path: _Text
    widths: _Widths
    in_channels: _Width
    channels: _Width


class _Backbone(_Shape):
    text: _Text
    granularity: Literal["stage", "block"]
    stages: Annotated[list[Annotated[list[_Site], Field(min_length=1)]], Field(min_length=1)]
    image_size: _Width
    num_classes: _Width
    min_image_size: _Width
    blocks: list[_Text] = []


class _Gate(_Shape):
    init: Literal["paper", "identity"]
    min_hidden: _Width


class _Space(_Shape):
    name: _Text
    backbone: _Backbone
    variants: list[_Backbone]
    choices: list[list[_Text]]
    gate: _Gate


_Choices = list[_Text]

_Key = Annotated[list[_Text | _Count], Field(min_length=3, max_length=3)]

_FACTS: Mapping[str, Any] = {
    "added": list[_Key],
    "baselines_overlap": bool,
    "command": _OfSystem,
    "confirms_each_once": bool,
    "confirm_rounds": list[list[Annotated[list[_Text | _Count], Field(min_length=2, max_length=2)]]],
    "fingerprint": dict[_Text, Any],
    "finished": bool,
    "front_of_space": bool,
    "identity": dict[_Text, dict[_Text, Any]],
    "images": _Images,
    "latencies": dict[_Text, Annotated[dict[_Text, Any], AfterValidator(_plain)]],
    "learning": dict[_Text, list[_Text] | None],
    "name": _Text,
    "own_baselines": dict[_Text, _Text],
    "regret": _Regret,
    "rungs": _Rungs,
    "search_seconds": _Number,
    "settings": list[_OfSystem],
    "space": _Space,
    "stopped": _OfSystem,
    "study_folder": Annotated[_OfSystem, AfterValidator(_path)],
    "test_note": _OfSystem,
    "trained_on": Literal["train", "train+validation"],
    "units": dict[_Text, _Text],
    "untested": _OfSystem,
    "workers": _Workers,
}
_PREFIXES: Mapping[str, Any] = {"score/": _Scored, "proxy/": _Shared, "test_top5/": _Share}
"""The shapes of facts by the beginnings of their keys."""


@functools.cache
def _adapter(key: str) -> TypeAdapter[Any]:
    kind = _PREFIXES.get(key) or _FACTS.get(key, Any)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return TypeAdapter(kind)
    return TypeAdapter(kind, config=ConfigDict(strict=True, allow_inf_nan=False))


_RECORD: TypeAdapter[Any] = TypeAdapter(_Record)
_DESCRIBED: TypeAdapter[Any] = TypeAdapter(_Described)


def check_fact(key: str, value: Any) -> None:
    """Raise ValueError where a fact has another shape than all versions gave it; any may be null."""
    prefix = next((each for each in _PREFIXES if key.startswith(each)), None)
    if prefix is None and (value is None or key not in _FACTS):
        return
    _check(_adapter(prefix or key), value)
    if key == "fingerprint":
        for name, part in value.items():
            if name.startswith("space.choices["):
                _check(TypeAdapter(_Choices), part)


def check_described(images: Any) -> None:
    """Raise ValueError where a description of images says too little to build networks from it."""
    _check(_DESCRIBED, images)


def check_record(record: Any) -> None:
    """Raise ValueError where the record of an evaluation has another shape than all versions gave it."""
    _check(_RECORD, record)
    if record["state"] == "complete" and record["value"] is None:
        raise ValueError("no value of the metric in a training that is complete")


def is_test(value: object, cross_entropy: object) -> bool:
    """Return whether two numbers are the metric on the test split and the cross-entropy, which may be missing."""
    return (
        isinstance(value, float)
        and abs(value) <= _LARGEST
        and (cross_entropy is None or (isinstance(cross_entropy, float) and abs(cross_entropy) <= _LARGEST))
    )


def _check(adapter: TypeAdapter[Any], value: Any) -> None:
    try:
        adapter.validator.validate_python(value)  # TypeAdapter's own method doubles the time
    except ValidationError as error:
        first, *_ = error.errors(include_url=False)
        where = ".".join(map(str, first["loc"]))[:200]
        raise ValueError(f"{where + ': ' if where else ''}{first['msg']}") from error
