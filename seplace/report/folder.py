"""The files of a results folder beside its ledger: tables, figures and provenance."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seplace.files.atomic import is_file, write_atomically
from seplace.files.plain_json import read_json
from seplace.results.tables import to_csv

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
"""The version of the tables in a results folder, as `schema` in provenance.json; folders before 0.14 do not say it."""


def write_folder(
    folder: Path,
    *,
    tables: Mapping[str, Callable[[], pd.DataFrame]],
    figures: Mapping[str, Callable[[Path], None]],
    provenance: Callable[[], dict[str, Any]],
) -> None:
    """Write the tables, the provenance and the figures of a study into its folder, each under its name.

    A view that cannot be written does not keep the others from it; the first error is raised at the end.
    """
    views = [partial(_write_table, folder / f"{name}.csv", make) for name, make in tables.items()]
    views.append(partial(_write_provenance, folder / "provenance.json", provenance))
    for suffix in ("png", "svg"):
        views += [partial(draw, folder / f"{name}.{suffix}") for name, draw in figures.items()]
    failures = [error for error in map(_failure_of, views) if error is not None]
    if failures:
        raise failures[0]


def _failure_of(view: Callable[[], None]) -> Exception | None:
    try:
        view()
    except Exception as error:
        return error
    return None


def _write_table(path: Path, make: Callable[[], pd.DataFrame]) -> None:
    write_atomically(path, to_csv(make()))


def _write_provenance(path: Path, make: Callable[[], dict[str, Any]]) -> None:
    provenance = make()
    provenance["seplace"] = provenance["seplace"] or _earlier_command(path)
    write_atomically(path, json.dumps({"schema": SCHEMA} | provenance, indent=1) + "\n")


def _earlier_command(path: Path) -> str:
    """Return the command that was written before: a ledger of version 0.2 does not know it."""
    try:
        known = read_json(path.read_bytes()) if is_file(path) else {}
    except (OSError, ValueError):
        known = {}
    return str(known.get("seplace", "seplace.run")) if isinstance(known, dict) else "seplace.run"
