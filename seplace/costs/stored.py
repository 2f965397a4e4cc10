"""Price tables in files, each with what it was counted for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from seplace.costs.table import PriceTable
from seplace.files import write_atomically


def store_prices(path: Path, table: PriceTable, *, key: Mapping[str, object]) -> None:
    """Write a table with what it was counted for."""
    write_atomically(path, json.dumps({"key": dict(key), "table": json.loads(table.to_json())}, indent=1) + "\n")


def read_prices(path: Path, *, key: Mapping[str, object]) -> PriceTable | None:
    """Read a table back if it is there and was counted for the same thing; needs no torch."""
    try:
        content = json.loads(path.read_text())
        return PriceTable.from_json(json.dumps(content["table"])) if content["key"] == dict(key) else None
    except (OSError, ValueError, KeyError):
        return None
