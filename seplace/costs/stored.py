"""Cost tables in files, each with what it was counted for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from seplace.costs.table import CostTable
from seplace.errors import CorruptResults, DataError, InputError
from seplace.files.atomic import is_file, sha256_of, write_atomically
from seplace.files.former_words import COST_FILE
from seplace.placement import Placement

_KEYS = {"key", "table", "sha256"}
_OF_0_10 = "no check sum, as in results of version 0.10"


def cost_file(folder: Path) -> Path:
    """Return the file of a cost table in a results folder, whose name was another before version 0.12."""
    path, former = folder / "costs.json", folder / COST_FILE
    return former if is_file(former) and not is_file(path) else path


def store_cost_table(path: Path, table: CostTable, *, key: Mapping[str, object]) -> None:
    """Write a table with what it was counted for, and a check sum of both."""
    content = {"key": dict(key), "table": table.to_record()}
    write_atomically(path, json.dumps(content | {"sha256": _sum_of(content)}, indent=1) + "\n")


def _sum_of(content: Mapping[str, object]) -> str:
    return sha256_of(json.dumps({name: content[name] for name in ("key", "table")}, sort_keys=True).encode())


def read_cost_table(path: Path, *, key: Mapping[str, object]) -> CostTable | None:
    """Read a table back if it is there and was counted for the same thing; needs no torch.

    What the table was counted for may say more than `key` does.
    """
    if not is_file(path):  # a FIFO would be read for ever
        return None
    try:
        data = path.read_bytes()
    except OSError:
        return None
    try:
        content = json.loads(data)
        is_damaged = content.get("sha256", _OF_0_10) not in (_OF_0_10, _sum_of(content)) or not _KEYS.issuperset(
            content
        )
        table = CostTable.from_record(content["table"])
        is_same = all(content["key"].get(name) == value for name, value in key.items())
    except (ValueError, KeyError, TypeError, AttributeError, InputError) as error:
        raise _damaged(path, str(error)) from error
    if is_damaged:
        raise _damaged(path, "its content is not what was written")
    return table if is_same else None


def add_missing_sum(path: Path) -> None:
    """Give the costs that version 0.10 has left their check sum; they were read before."""
    content = json.loads(path.read_bytes())
    if "sha256" not in content:
        write_atomically(path, json.dumps(content | {"sha256": _sum_of(content)}, indent=1) + "\n")


def _damaged(path: Path, how: str) -> CorruptResults:
    return CorruptResults(
        f"{path}: the costs are damaged ({how}); remove the file, and the next run of the study counts them again"
    )


class WithCosts(Protocol):
    """What was trained, with its costs."""

    @property
    def placement(self) -> Placement:
        """What was trained."""

    @property
    def costs(self) -> Mapping[str, float]:
        """By name."""


def cost_table_of_results(folder: Path, *, key: Mapping[str, object], rows: Iterable[WithCosts]) -> CostTable:
    """Read the costs that a study has left in its results folder; DataError where they are not there, or another's.

    CorruptResults where they are not those of the rows that were trained: of version 0.10 they have no check sum.
    """
    path = cost_file(folder)
    table = read_cost_table(path, key=key)
    if table is None:
        raise DataError(f"{folder}: costs.json is not there, or is of another space; run the study first")
    for row in rows:
        try:
            costs = table.costs_of(row.placement)
        except (KeyError, ValueError) as error:
            raise _damaged(path, f"{row.placement} has none") from error
        if any(row.costs.get(name, value) != value for name, value in costs.items()):
            raise _damaged(path, f"those of {row.placement} are others in the ledger")
    return table
