"""Cost tables in files, each with the key of what was counted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from seplace.costs.table import CostTable
from seplace.errors import CorruptResults, DataError, InputError
from seplace.files.atomic import is_file, sha256_of, write_atomically
from seplace.files.former_words import COST_FILE
from seplace.files.plain_json import read_json, refuse_newer
from seplace.placement import Placement
from seplace.version import __version__

if TYPE_CHECKING:
    from seplace.space import SearchSpace

_SCHEMA = 1
"""The version of the format, as `schema` in a file; files before 0.14 do not say it."""

_KEYS = {"schema", "seplace", "key", "table", "sha256"}
_OF_0_10 = "no check sum, as in results of version 0.10"


def cost_file(folder: Path) -> Path:
    """Return the path of the cost table in a results folder; before version 0.12 the file had another name."""
    path, former = folder / "costs.json", folder / COST_FILE
    return former if is_file(former) and not is_file(path) else path


def claim_cost_file(folder: Path) -> Path:
    """Return the path of the cost table that a run writes; a file with the former name is renamed to it."""
    path, present = folder / "costs.json", cost_file(folder)
    if present != path:
        with suppress(OSError):  # a file that cannot be renamed is counted again
            present.replace(path)
    return path


def store_cost_table(path: Path, table: CostTable, *, key: Mapping[str, object]) -> None:
    """Write a table with the key of what was counted, and a check sum of both."""
    content = {"schema": _SCHEMA, "seplace": __version__, "key": dict(key), "table": table.to_record()}
    write_atomically(path, json.dumps(content | {"sha256": _sum_of(content)}, indent=1) + "\n")


def _sum_of(content: Mapping[str, object]) -> str:
    summed = {name: content[name] for name in ("schema", "seplace", "key", "table") if name in content}
    return sha256_of(json.dumps(summed, sort_keys=True).encode())


def read_cost_table(path: Path, *, key: Mapping[str, object]) -> CostTable | None:
    """Read a cost table; return None without a readable file, or if `key` is not part of its key.

    Needs no torch. Raises CorruptResults where the file is damaged, or of a newer version.
    """
    if not is_file(path):  # a FIFO would be read for ever
        return None
    try:
        data = path.read_bytes()
    except OSError:
        return None
    try:
        content = read_json(data)
        refuse_newer(path, content, reads=_SCHEMA)
        is_damaged = content.get("sha256", _OF_0_10) not in (_OF_0_10, _sum_of(content)) or not _KEYS.issuperset(
            content
        )
        table = CostTable.from_record(content["table"])
        is_same = all(content["key"].get(name) == value for name, value in key.items())
    except (ValueError, KeyError, TypeError, AttributeError, InputError) as error:
        raise _damaged(path, str(error)) from error
    if is_damaged:
        raise _damaged(path, "its content does not match its check sum")
    return table if is_same else None


def add_missing_sum(path: Path) -> None:
    """Add the check sum to a cost table of version 0.10, which had none."""
    content = read_json(path.read_bytes())
    if "sha256" not in content:
        write_atomically(path, json.dumps(content | {"sha256": _sum_of(content)}, indent=1) + "\n")


def _damaged(path: Path, how: str) -> CorruptResults:
    return CorruptResults(
        f"{path}: the cost table is damaged ({how[:300]}); delete the file, and the next run of the study counts it "
        "again"
    )


class WithCosts(Protocol):
    """An evaluation with the costs of its placement."""

    @property
    def placement(self) -> Placement:
        """The placement."""

    @property
    def costs(self) -> Mapping[str, float]:
        """The costs by name."""


def cost_table_of_results(
    folder: Path, *, key: Mapping[str, object], space: SearchSpace, rows: Iterable[WithCosts]
) -> CostTable:
    """Read the cost table of a results folder, whose study searched a space.

    Raises:
        DataError: The folder has no cost table, or one of another space.
        CorruptResults: It is damaged, lacks a choice of the space, or differs from the costs of the rows in the ledger.

    """
    path = cost_file(folder)
    table = read_cost_table(path, key=key)
    if table is None:
        raise DataError(f"{folder}: costs.json is missing, or belongs to another space; run the study first")
    for variant in space.backbones:
        own = table.variants.get(variant) if variant else table
        if own is None or len(own.extras) != len(space.choices) or own.names != table.names:
            raise _damaged(path, "it is not of the study's backbones")
        missing = [
            each
            for extras, stage in zip(own.extras, space.choices, strict=True)
            for each in stage
            if each not in extras
        ]
        if missing:
            raise _damaged(path, f"the choice {missing[0]} is missing")
    for row in rows:
        try:
            costs = table.costs_of(row.placement)
        except (KeyError, ValueError) as error:
            raise _damaged(path, f"{row.placement} is missing") from error
        if row.costs and not row.costs.keys() >= costs.keys():
            raise _damaged(path, f"it has costs that {row.placement} has not in the ledger")
        if any(row.costs.get(name, value) != value for name, value in costs.items()):
            raise _damaged(path, f"the costs of {row.placement} differ from the ledger")
    return table
