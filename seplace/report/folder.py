"""The files of a results folder beside its ledger: tables, figures and provenance."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seplace.files.atomic import write_atomically
from seplace.results.tables import to_csv

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from seplace.api import Results


def write_folder(results: Results, *, figures: bool) -> None:
    """Write the tables, the provenance and, on request, the figures of a study into its folder.

    One that fails keeps none of the others from being written; the first error is raised at the end.
    """
    names = ["evaluations", "placements", "front", "recommended", "effects"]
    names += ["rungs"] * bool(results.rung_rows) + ["proxies"] * bool(results.proxy_records)
    views = [partial(_write_table, results, name) for name in names]
    views.append(partial(_write_provenance, results))
    if figures:
        for suffix in ("png", "svg"):
            views.append(partial(_draw, results, results.plot, f"front.{suffix}"))
            views.append(partial(_draw, results, results.plot_effects, f"effects.{suffix}"))
    failures = [error for error in map(_failure_of, views) if error is not None]
    if failures:
        raise failures[0]


def _failure_of(view: Callable[[], None]) -> Exception | None:
    try:
        view()
    except Exception as error:
        return error
    return None


def _write_table(results: Results, name: str) -> None:
    write_atomically(results.folder / f"{name}.csv", to_csv(getattr(results, name)))


def _draw(results: Results, plot: Callable[[Path], Figure], name: str) -> None:
    if len(results.placements):
        plot(results.folder / name)


def _write_provenance(results: Results) -> None:
    trained = [*results.rows, *results.rung_rows]
    provenance = {
        "study": results.config.name,
        "seplace": results.command or _earlier_command(results.folder),
        "finished": results.finished,
        "versions": _distinct([dict(row.versions) for row in trained]),
        "devices": _distinct([row.device for row in trained]),
        "threads": _distinct([row.threads for row in trained]),
        "processors": os.cpu_count(),
        "seeds": sorted({row.seed for row in results.rows}),
        "trainings": len(results.rows),
        "training_seconds": round(sum(row.seconds for row in trained), 1),
        "latency": results.latencies,
        "proxy_seconds": {
            name: round(row.seconds + row.shared_seconds, 1) for name, row in results.proxy_records.items()
        },
        "verdict": results.verdict,
        "outlook": results.outlook,
        "rungs": results.rungs_note,
    }
    write_atomically(results.folder / "provenance.json", json.dumps(provenance, indent=1) + "\n")


def _earlier_command(folder: Path) -> str:
    """Return the command that was written before: a ledger of version 0.2 does not know it."""
    try:
        known = json.loads((folder / "provenance.json").read_text())
    except (OSError, ValueError):
        known = {}
    return str(known.get("seplace", "seplace.run")) if isinstance(known, dict) else "seplace.run"


def _distinct(values: list[Any]) -> list[Any]:
    """Return the distinct values in order of appearance."""
    return [value for at, value in enumerate(values) if value not in values[:at]]
