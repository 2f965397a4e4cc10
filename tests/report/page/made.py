"""Results for the tests of the page: hostile names, a study without a result, and one of very many placements."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

import numpy as np

from seplace.placement import Placement
from seplace.results.evaluation import Evaluation
from seplace.results.ledger import Ledger

HOSTILE = (
    "</script><script>window.harmed=1</script><img src=x onerror='window.harmed=1'><b>bold</b>{{7*7}}\u202e\"&amp;"
)
"""A name that would be markup, a template and a change of direction if it were not text."""


def hostile(finished: Path, folder: Path) -> Path:
    """Return a copy of results whose data, failures, device and study file are named `HOSTILE`."""
    path = copytree(finished, folder, ignore=ignore_patterns("weights", "lock"))
    study = path / "study.yaml"
    study.write_text(f"{study.read_text()}# {HOSTILE.translate({0x202E: None})}\n")
    with Ledger(path / "ledger.sqlite") as ledger:
        images = dict(ledger.fact("images") or {})
        classes = [f"{number} {HOSTILE}" for number in range(len(images["classes"]))]
        ledger.set_fact("images", images | {"classes": classes, "notes": [f"note {HOSTILE}"]})
        ledger.set_fact("stopped", f"stopped {HOSTILE}")
        ledger.set_fact("finished", False)
        first = ledger.evaluations()[0]
        ledger.add(
            Evaluation(
                placement=first.placement,
                seed=99,
                epochs=first.epochs,
                state="failed",
                costs=first.costs,
                device=HOSTILE,
                reason="error",
                message=HOSTILE,
            )
        )
    return path


def facts_of(folder: Path) -> dict[str, Any]:
    """Return all facts of a ledger."""
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as connection:
        return {key: json.loads(value) for key, value in connection.execute("SELECT key, value FROM facts")}


def with_evaluations(source: Path, folder: Path, evaluations: list[Evaluation], more: Mapping[str, Any]) -> Path:
    """Return results with the study of others, and with these evaluations alone."""
    path = copytree(source, folder, ignore=ignore_patterns("weights", "lock", "ledger.sqlite", "optuna.db", "*.csv"))
    with Ledger(path / "ledger.sqlite") as ledger:
        for key, value in (facts_of(source) | more).items():
            if key != "schema_version":
                ledger.set_fact(key, value)
        for evaluation in evaluations:
            ledger.add(evaluation)
    return path


def empty(finished: Path, folder: Path) -> Path:
    """Return results of a study that has begun and trained nothing yet."""
    return with_evaluations(finished, folder, [], {"finished": False, "regret": None})


def failed(finished: Path, folder: Path) -> Path:
    """Return results of a study whose plain backbone failed."""
    plain = Placement.uniform(Placement.parse("none").choices[0], 3)
    row = Evaluation(placement=plain, seed=0, epochs=1, state="failed", reason="diverged", message="loss is nan")
    return with_evaluations(finished, folder, [row], {"finished": True, "regret": None})


def many(source: Path, folder: Path, count: int) -> Path:
    """Return results of `count` trainings of about as many placements of a large space."""
    from seplace.api import Results

    study = Results.load(source)
    space, table, random = study.config.search_space, study.cost_table, np.random.default_rng(0)
    placements = [
        *study.baselines.values(),
        *(space.placement_at(int(at)) for at in random.choice(len(space), size=min(count, len(space)), replace=False)),
    ]
    rows = {}
    for number, placement in enumerate((placements * 3)[:count]):
        costs = {name: float(value) for name, value in table.costs_of(placement).items()}
        gates = sum(choice.module != "none" for choice in placement.choices)
        accuracy = round(60 + gates + random.normal(), 2)
        row = Evaluation(
            placement=placement,
            seed=number // len(placements),
            epochs=8,
            state="complete",
            value=accuracy,
            cross_entropy=2.0 - accuracy / 100,
            curve=tuple(
                {"epoch": at, "value": accuracy * at / 8, "cross_entropy": 2.0, "train_loss": 2.0} for at in (3, 6, 8)
            ),
            costs=costs,
            seconds=60.0,
            device="cpu x86_64",
        )
        rows.setdefault(row.key, row)
    return with_evaluations(source, folder, list(rows.values()), {"finished": True})
