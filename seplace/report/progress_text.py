"""The standing of a run as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seplace.results.verdict import counted

if TYPE_CHECKING:
    from seplace.metric import Metric
    from seplace.search.progress import Progress, Standing


def standing(progress: Progress) -> str:
    """Return the size and hypervolume of the front, the best value of the metric, and failures."""
    front = progress.standing
    if front is None:
        return f"{progress.trained:,} known"
    failed = f", {progress.failed} failed" if progress.failed else ""
    return f"front {front.front_size}, hypervolume {front.hypervolume:.4f}{_best(progress.metric, front)}{failed}"


def _best(metric: Metric, front: Standing) -> str:
    if front.best_value is None:
        return ""
    return f", best {metric.text(front.best_value)} of {front.best} ({counted(front.best_seeds, 'seed')})"
