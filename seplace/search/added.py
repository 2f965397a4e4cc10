"""Trainings that were added to a study beside its search: the tables use them, and the search does not see them.

A search that goes on makes the proposals, and confirms the placements, that it would have without them. Once it comes
to a training that was added, that result answers, since trainings are repeatable; from then on it is its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seplace.results.evaluation import Evaluation, EvaluationKey
    from seplace.results.ledger import Ledger

FACT = "added"
"""The fact that lists the keys of trainings that were added; ledgers before 0.15 have none."""


def added_keys(ledger: Ledger) -> set[EvaluationKey]:
    """Return the keys of the trainings that were added, and that the search has not come to."""
    return {(placement, seed, epochs) for placement, seed, epochs in ledger.fact(FACT) or []}


def note_added(ledger: Ledger, keys: Iterable[EvaluationKey]) -> None:
    """Commit the keys of the trainings that were added."""
    ledger.set_fact(FACT, sorted(map(list, keys)))


def at_rung(whole: Evaluation, epochs: int) -> Evaluation | None:
    """Return the result at a rung of a complete training; None where its curve does not have that epoch."""
    point = next((each for each in whole.curve if each["epoch"] == epochs), None)
    if whole.state == "failed" or point is None:
        return None
    return replace(
        whole,
        epochs=epochs,
        value=point["value"],
        cross_entropy=point["cross_entropy"],
        correct=None,
        sample_scores=None,
        curve=tuple(each for each in whole.curve if (each["epoch"] or 0) <= epochs),
        seconds=whole.seconds * epochs / whole.epochs,
        weights=None,
        weights_sha256=None,
    )
