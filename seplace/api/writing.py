"""The files that are written beside the ledger: tables, figures, provenance, and the note in the Optuna file."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from seplace.report.folder import write_folder
from seplace.results.trained import FOLDER
from seplace.search.optuna_note import note_text, write_note

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from seplace.api.conclusions import ResultsConclusions


def write_tables(results: ResultsConclusions, *, figures: Mapping[str, Callable[[Path], None]]) -> None:
    """Write the tables and the provenance of a study, and the figures that are given as functions, by name."""
    names = ["evaluations", "curves", "placements", "front", "recommended", "effects"]
    names += ["rungs"] * bool(results.rung_rows) + ["proxies"] * bool(results.proxy_records)
    names += ["trained"] * bool(results.trained_sets) + ["ablation"] * bool(results.config.search.placements)
    of_recipes = {
        f"{FOLDER}/{recipe.name}/{name}": partial(getattr, recipe, name)
        for recipe in results.trained_sets.values()
        for name in ("evaluations", "curves")
    }
    write_folder(
        results.folder,
        tables={name: partial(getattr, results, name) for name in names} | of_recipes,
        figures=figures,
        provenance=lambda: results.provenance,
    )


def note_in_optuna_file(results: ResultsConclusions) -> None:
    """Let optuna-dashboard show the verdict and the advice; a file that cannot be written keeps its note."""
    text = note_text(results.verdict, results.advice, also=[results.outlook, results.rungs_note])
    with suppress(sqlite3.Error):
        write_note(results.folder / "optuna.db", results.config.name, text)
