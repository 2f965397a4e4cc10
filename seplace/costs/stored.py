"""Price tables in files, each with what it was counted for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from seplace.costs.table import PriceTable
from seplace.errors import DataError
from seplace.files import write_atomically


def store_prices(path: Path, table: PriceTable, *, key: Mapping[str, object]) -> None:
    """Write a table with what it was counted for."""
    write_atomically(path, json.dumps({"key": dict(key), "table": table.to_record()}, indent=1) + "\n")


def read_prices(path: Path, *, key: Mapping[str, object]) -> PriceTable | None:
    """Read a table back if it is there and was counted for the same thing; needs no torch.

    What the table was counted for may say more than `key` does.
    """
    try:
        content = json.loads(path.read_text())
        is_same = all(content["key"][name] == value for name, value in key.items())
        return PriceTable.from_record(content["table"]) if is_same else None
    except (OSError, ValueError, KeyError):
        return None


def prices_of_results(folder: Path, *, key: Mapping[str, object]) -> PriceTable:
    """Read the prices that a study has left in its results folder; DataError where they are not there, or another's."""
    table = read_prices(folder / "prices.json", key=key)
    if table is None:
        raise DataError(f"{folder}: prices.json is not there, or is of another space; run the study first")
    return table
