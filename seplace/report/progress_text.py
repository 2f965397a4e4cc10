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
    return (
        f"front {front.front_size}, {hypervolume_text(progress.metric, front)}{_best(progress.metric, front)}{failed}"
    )


def hypervolume_text(metric: Metric, front: Standing) -> str:
    """Return the hypervolume of a front: a share of the box, or the metric that it has on average over the costs."""
    if metric.best_score is not None and metric.worst_score is not None:
        return f"hypervolume {front.hypervolume:.4f}"
    better = "higher" if metric.goal == "maximize" else "lower"
    known = metric.text(front.hypervolume) if front.front_size else "not known yet"
    return f"mean {metric.label} over costs {known} ({better} is better)"


def _best(metric: Metric, front: Standing) -> str:
    if front.best_value is None:
        return ""
    where = " in the space" * front.is_of_space
    return f", best{where} {metric.text(front.best_value)} of {front.best} ({counted(front.best_seeds, 'seed')})"
