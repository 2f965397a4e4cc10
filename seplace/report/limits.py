"""The limits of a study in lines: how many placements keep them, and which baselines do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seplace.report.numbers import quantity

if TYPE_CHECKING:
    from seplace.search.plan import Plan


def limit_lines(plan: Plan) -> list[str]:
    """Return how many placements keep the limits of a study, and the range of their costs."""
    limits = plan.config.objective.limits
    if not limits:
        return []
    wanted = ", ".join(f"{name} at most {quantity(limit)}" for name, limit in limits.items())
    if plan.kept is None:
        return [f"limits ({wanted}): known once the costs are counted, or measured"]
    count = plan.kept.share * len(plan.config.search_space)
    if plan.kept.is_exact:
        kept = f"{round(count):,} of {len(plan.config.search_space):,} placements keep the limits"
    elif plan.kept.spans:
        kept = (
            f"about {100 * plan.kept.share:.2g} % of the placements ({count:.2g}) keep the limits, by a random sample"
        )
    else:
        kept = "less than 0.1 % of the placements keep the limits: none of a random sample does"
    spans = ", ".join(f"{name} {quantity(low)} to {quantity(high)}" for name, (low, high) in plan.kept.spans.items())
    lines = [f"{kept} ({wanted})" + (f": {spans}" if spans else "")]
    left_out = [name for name in plan.config.search_space.baselines if name not in plan.baselines]
    if left_out:
        lines.append(f"not trained, since they are over a limit: {', '.join(left_out)}")
    return lines
