"""Which trainings are paired: on one seed every placement must see the same data in the same order.

seplace's own recipe orders the data itself. A training of the user's own says what it saw in a digest of its first
batches, which is compared with that of the plain backbone on the same seed.
"""

from __future__ import annotations

from collections.abc import Iterable

from seplace.results.evaluation import Evaluation, EvaluationKey


def unpaired_keys(evaluations: Iterable[Evaluation]) -> frozenset[EvaluationKey]:
    """Return the keys of the trainings that saw other data than the plain backbone on their seed.

    Where the plain backbone was not trained on a seed, the first training on it takes its place.
    """
    known = sorted((row for row in evaluations if row.batches is not None), key=lambda row: row.key)
    seen: dict[int, str | None] = {}
    for row in sorted(known, key=lambda row: not row.placement.is_plain):
        seen.setdefault(row.seed, row.batches)
    return frozenset(row.key for row in known if row.batches != seen[row.seed])


def pairing_note(evaluations: Iterable[Evaluation]) -> str:
    """Return a sentence on trainings that are not paired; empty where all are."""
    rows = [row for row in evaluations if row.state == "complete"]
    unpaired = unpaired_keys(rows)
    if not unpaired:
        return ""
    text, seed, _ = min(unpaired)
    said = "1 training" if len(unpaired) == 1 else f"{len(unpaired):,} trainings"
    return (
        f"{said} of {len(rows):,} saw other data, or in another order, than the plain backbone on the same seed "
        f"({text}, seed {seed}, for one): they are not paired with it, and their gains are less certain."
    )
