"""The standing of a run as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seplace.results.verdict import counted

if TYPE_CHECKING:
    from seplace.search.progress import Progress, Standing


def standing(progress: Progress) -> str:
    """Return the size and hypervolume of the front, the best accuracy, and failures."""
    front = progress.standing
    if front is None:
        return f"{progress.trained:,} known"
    failed = f", {progress.failed} failed" if progress.failed else ""
    return f"front {front.front_size}, hypervolume {front.hypervolume:.4f}{_best(front)}{failed}"


def _best(front: Standing) -> str:
    if front.best_accuracy is None:
        return ""
    return f", best {front.best_accuracy:.2f} % of {front.best} ({counted(front.best_seeds, 'seed')})"
