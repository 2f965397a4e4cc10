"""What a shell completes: names of shelves, studies, results folders, placements and keys; each takes little time."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import typer

from seplace.files.shipped import shipped

_PICKS = ("best", "knee", "cheapest")
_MOST_FOLDERS = 200


def studies(incomplete: str) -> list[str]:
    """Complete studies: the files of this folder, and the shipped names. Paths are left to the shell."""
    files = [path.name for path in sorted(Path().glob("*.yaml")) if _is_study(path)]
    return [name for name in (*files, *shipped("studies")) if name.startswith(incomplete)]


def _is_study(path: Path) -> bool:
    try:
        text = path.read_text("utf-8") if path.is_file() else ""
    except (OSError, UnicodeDecodeError):
        return False
    return "\nsearch:" in text or text.startswith("search:")


def results_folders(incomplete: str) -> list[str]:
    """Complete folders that hold the results of a study; the others are left to the shell."""
    parent = incomplete.rpartition("/")[0]
    places = [Path(parent or "/")] if "/" in incomplete else [Path(), Path("results")]
    return [name for place in places for name in map(str, _with_a_ledger(place)) if name.startswith(incomplete)]


def _with_a_ledger(place: Path) -> Iterator[Path]:
    try:
        folders = sorted(place.iterdir())[:_MOST_FOLDERS] if place.is_dir() else []
    except OSError:
        return
    yield from (folder for folder in folders if (folder / "ledger.sqlite").is_file())


def picks(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Complete what a command takes from the results folder that stands before it: a pick, or a trained placement."""
    found = [(pick, "of the front") for pick in _PICKS if pick.startswith(incomplete)]
    return [*found, *placements(ctx, incomplete)]


def placements(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Complete the placements that were trained in the results folder that stands before, with what they reach."""
    # What an unfinished command line has before it is parsed, or left over.
    folder = ctx.params.get("results") or next((each for each in ctx.args if not each.startswith("-")), None)
    if folder is None:
        return []
    try:
        with (Path(folder) / "placements.csv").open(newline="", encoding="utf-8") as file:
            rows = [(row["placement"], _said_of(row)) for row in csv.DictReader(file)]
    except (OSError, KeyError, TypeError, ValueError, csv.Error):
        return []
    return [(name, what) for name, what in rows if name.isprintable() and name.startswith(incomplete)]


def _said_of(row: Mapping[str, str]) -> str:
    gain, name = row.get("gain") or "", row.get("baseline") or ""
    return ", ".join(filter(None, [name, f"gain {float(gain):+.2f} points" if gain else ""]))


def settings(incomplete: str) -> list[str]:
    """Complete the keys of a study file, `training.epochs=`, and after the `=` the names that may stand there."""
    from seplace.report.json_schema import names_by_key

    names = names_by_key("study")
    key, equals, value = incomplete.partition("=")
    if not equals:
        return [f"{each}=" for each in names if each.startswith(key)]
    return [f"{key}={name}" for name in names.get(key, ()) if name.startswith(value)]


def backbones(incomplete: str) -> list[str]:
    """Complete backbones of seplace."""
    from seplace.backbones import BACKBONES

    return [name for name in BACKBONES.built_in if name.startswith(incomplete)]


def exporters(incomplete: str) -> list[str]:
    """Complete exporters of seplace."""
    from seplace.exporters import EXPORTERS

    return [name for name in EXPORTERS.built_in if name.startswith(incomplete)]


def executors(incomplete: str) -> list[str]:
    """Complete executors of seplace."""
    from seplace.executors import EXECUTORS

    return [name for name in EXECUTORS.built_in if name.startswith(incomplete)]


def proxies(incomplete: str) -> list[str]:
    """Complete proxies of seplace."""
    from seplace.proxies import PROXIES

    return [name for name in PROXIES.built_in if name.startswith(incomplete)]


def samplers(incomplete: str) -> list[str]:
    """Complete samplers of seplace."""
    from seplace.samplers import SAMPLERS

    return [name for name in SAMPLERS.built_in if name.startswith(incomplete)]


def kinds(incomplete: str) -> list[tuple[str, str]]:
    """Complete the kinds of names that can be listed."""
    from seplace.report.catalogue import KINDS

    return [(name, kind.about) for name, kind in KINDS.items() if name.startswith(incomplete)]


def listed_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the names of the kind that stands before."""
    from seplace.report.catalogue import KINDS

    kind = KINDS.get(ctx.params.get("kind") or "")
    return [] if kind is None else [name for name in kind.names() if name.startswith(incomplete)]
