"""JSON from files that may come from anybody."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from seplace.errors import CorruptResults


def read_json(text: object) -> Any:
    """Read plain JSON; raises ValueError for anything else, NaN, infinities, and what is nested too deeply."""
    if not isinstance(text, str | bytes):
        raise ValueError(f"a {type(text).__name__} is no JSON")
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def refuse_newer(path: Path, content: Mapping[str, Any], *, reads: int) -> None:
    """Raise CorruptResults where the `schema` of a file is newer than what this version reads; 1 where it has none."""
    schema = content.get("schema", 1)
    if isinstance(schema, int) and schema > reads:
        writer = content.get("seplace")
        by = f", {writer[:40]}" if isinstance(writer, str) else ""
        raise CorruptResults(f"{path}: written by a newer seplace{by} (schema {schema}, this one reads {reads})")
