"""The tables of a study: one row for each evaluation, training at a rung, placement, or front point.

A value of the metric or a gain is a posterior mean with a 90 % credible interval. The best of many noisy means is too
good to be true; means over seeds stand beside the estimates as `observed_…`; single trainings are in the table of
evaluations.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seplace.files.plain_text import printable
from seplace.interval import UNKNOWN, Interval
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation, EvaluationKey
from seplace.results.pairing import unpaired_keys
from seplace.results.summaries import PlacementSummary, mean_and_error

if TYPE_CHECKING:
    import pandas as pd

    from seplace.costs.table import CostTable
    from seplace.effects.estimates import Estimates
    from seplace.metric import Metric
    from seplace.results.both_splits import BothSplits

LATENCY_COLUMNS = ("latency_ms", "latency_ms_lower", "latency_ms_upper", "extra_latency_ms")


_FORMULA = ("=", "+", "-", "@", "\t", "\n")
"""The beginnings of a cell that a spreadsheet runs as a formula, or skips to find one."""


def to_csv(table: pd.DataFrame) -> str:
    """Return a table as CSV; text that a spreadsheet would run is quoted, and what a terminal would obey is escaped."""

    def quoted(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return f"'{printable(value)}" if value.startswith(_FORMULA) else printable(value)

    if not len(table.columns):
        return ""
    return table.rename(columns=quoted).map(quoted).to_csv(index=False, float_format="%.6g")


def to_json(table: pd.DataFrame, metric: Metric) -> str:
    """Return a table of a study as JSON; numbers of a metric of the user's own have all their significant digits."""
    if metric.is_accuracy:
        return str(table.to_json(orient="records", indent=1))
    rows = [{name: _plain(value) for name, value in row.items()} for row in table.to_dict("records")]
    return json.dumps(rows, indent=1, allow_nan=False)


def _plain(value: Any) -> Any:
    """Return a value of a table as a type of JSON; None for what is not known."""
    if isinstance(value, float):
        return float(f"{value:.10g}") if math.isfinite(value) else None
    return value


def evaluations_frame(evaluations: Sequence[Evaluation], metric: Metric) -> pd.DataFrame:
    """Return one row for each evaluation, in the order given: placement, stages, seed, metric, costs, seconds.

    The metric has the name of its column. Where any training knows its top-5 accuracy, as with more than five classes,
    that is a column too.
    """
    import pandas as pd

    has_top5 = any(row.top5_accuracy is not None for row in evaluations)
    orders_itself = any(row.batches is not None for row in evaluations)
    unpaired = unpaired_keys(evaluations)
    return pd.DataFrame(
        [
            {
                "placement": str(row.placement),
                **stage_columns(row.placement),
                "seed": row.seed,
                "epochs": row.epochs,
                "state": row.state,
                **({"paired": row.key not in unpaired} if orders_itself else {}),
                metric.column: row.value,
                **({"top5_accuracy": row.top5_accuracy} if has_top5 else {}),
                **({"cross_entropy": row.cross_entropy} if metric.is_accuracy else {}),
                **row.costs,
                "seconds": round(row.seconds, 3),
                "device": row.device,
                "attempts": row.attempts,
                "reason": row.reason,
            }
            for row in evaluations
        ]
    )


def rungs_frame(rungs: Sequence[Evaluation], evaluations: Sequence[Evaluation], metric: Metric) -> pd.DataFrame:
    """Return one row for each training at a rung, in the order given: placement, stages, seed, metric, costs, seconds.

    epochs is the rung; reached is the last epoch of the training.
    """
    import pandas as pd

    reached: dict[tuple[Placement, int], int] = defaultdict(int)
    for row in (*rungs, *evaluations):
        training = (row.placement, row.seed)
        reached[training] = max(reached[training], row.epochs)
    return pd.DataFrame(
        [
            {
                "placement": str(row.placement),
                **stage_columns(row.placement),
                "seed": row.seed,
                "epochs": row.epochs,
                "reached": reached[row.placement, row.seed],
                metric.column: row.value,
                **({"cross_entropy": row.cross_entropy} if metric.is_accuracy else {}),
                **row.costs,
                "seconds": round(row.seconds, 3),
            }
            for row in rungs
        ]
    )


def stage_columns(placement: Placement) -> dict[str, str]:
    """Return the choices by stage (stage1, stage2, …), and the backbone unless it is the first of the space."""
    variant = {"variant": placement.variant} if placement.variant else {}
    return variant | {f"stage{number}": str(choice) for number, choice in enumerate(placement.choices, start=1)}


def paired_gain(summary: PlacementSummary, plain: PlacementSummary | None) -> tuple[float, float, int]:
    """Return the gain over the plain backbone on the same seeds: mean and standard error, number of seeds.

    Networks of another backbone share no weights on a seed: their gain is the difference of two means, of no pairs.
    """
    if plain is None:
        return math.nan, math.nan, 0
    if summary.placement.variant != plain.placement.variant:
        (mean, error), (other, its_error) = (mean_and_error(list(each.scores.values())) for each in (summary, plain))
        return mean - other, math.hypot(error, its_error), 0
    one, other_one = summary.paired_scores, plain.paired_scores
    seeds = sorted(one.keys() & other_one.keys())
    mean, error = mean_and_error([one[seed] - other_one[seed] for seed in seeds])
    return mean, error, len(seeds)


def placements_frame(
    summaries: Sequence[PlacementSummary],
    estimates: Estimates | None,
    *,
    cost: str,
    plain_costs: Mapping[str, float],
    baselines: Mapping[str, str],
    both_splits: BothSplits,
    test_top5: Mapping[EvaluationKey, float],
    latencies: Mapping[str, Mapping[str, float]],
) -> pd.DataFrame:
    """Return one row for each placement, cheapest first; empty without estimates, when no training is complete.

    placement, variant (in a space of several backbones), stage1…, baseline (its name or empty)
    on_front: whether it is on the front of posterior means
    p_front: P(non-dominated), the probability that no other trained candidate dominates it
    n: number of seeds
    accuracy (or the name of another metric), gain (over the plain backbone), gain_vs_baseline (over best_baseline, the
        best baseline that costs no more): posterior means in the unit of the metric, with _lower and _upper of a 90 %
        credible interval; a gain is positive where it is better, also of a metric that is minimized
    p_better: the probability of a gain above 0
    observed_accuracy (mean over seeds, adjusted for seed effects; the standard error is that of the adjusted values),
        observed_gain (paired by seed, of gain_pairs seeds), cross_entropy (nats, with accuracy): each with its
        standard error over seeds
    top5_accuracy, test_top5_accuracy: means in percent over the seeds where they are known, with standard errors
        over seeds; the columns are left out where no training knows its top-5 accuracy, as with five classes or fewer
    Of more than MOST placements the most promising and the baselines have estimates.
    test_accuracy, test_gain (over the plain backbone, on the same test_n or test_pairs seeds and the same images):
        means over the seeds that were scored on the test split, each with its standard error over seeds and new images.
        They are about the placement, as the estimates are, and not about the weights of one training. The error is that
        over seeds alone where the images are not known, and that over images alone where no placement has two seeds
    observed_gap (the observed gain minus the test gain of the same trainings: how much too good the validation split
        looks to those who chose by it), with its standard error over the images of both splits
    every cost and its extra over the plain backbone; latency with its quartiles where it was measured
    """
    import pandas as pd

    if estimates is None:
        return pd.DataFrame()
    metric = both_splits.metric
    name = metric.column
    measured = (*LATENCY_COLUMNS, *_own_costs(latencies))
    plain = next((row for row in summaries if row.placement.is_plain), None)
    marks = [Placement.parse(text) for text in baselines]
    on_front = set(estimates.front)
    tested: dict[str, list[float]] = defaultdict(list)
    for (text, _, _), value in test_top5.items():
        tested[text].append(value)
    has_top5 = bool(tested) or any(summary.top5_accuracies for summary in summaries)
    rows: list[dict[str, Any]] = []
    for summary in sorted(summaries, key=lambda row: (row.costs[cost], str(row.placement))):
        placement, text = summary.placement, str(summary.placement)
        observed, observed_se = mean_and_error(summary.adjusted_scores)
        gain, gain_se, pairs = paired_gain(summary, plain)
        test_value, test_gain = both_splits.value(placement), both_splits.gain(placement)
        gap = both_splits.observed_gap(placement)
        is_known = placement in estimates.position  # of very many, not all have estimates
        rival = estimates.best_no_dearer(placement, marks) if is_known else None
        compared = plain.placement if plain is not None and is_known else None
        timing = latencies.get(text, {})
        rows.append(
            {
                "placement": text,
                **stage_columns(placement),
                "baseline": baselines.get(text, ""),
                "on_front": placement in on_front,
                "p_front": estimates.front_probabilities.get(placement, math.nan),
                "n": summary.n,
                **value_of(estimates.score(placement) if is_known else UNKNOWN, metric).columns(name),
                **(UNKNOWN if compared is None else estimates.difference(placement, compared)).columns("gain"),
                "p_better": math.nan if compared is None else estimates.is_better(placement, compared),
                **(UNKNOWN if rival is None else estimates.difference(placement, rival)).columns("gain_vs_baseline"),
                "best_baseline": "" if rival is None else baselines[str(rival)],
                f"observed_{name}": metric.value(observed),
                f"observed_{name}_se": observed_se,
                "observed_gain": gain,
                "observed_gain_se": gain_se,
                "gain_pairs": pairs,
                **_cross_entropy_columns(summary),
                **(_top5_columns(summary, tested[text]) if has_top5 else {}),
                **{cost: value for cost, value in summary.costs.items() if cost in plain_costs},
                **{f"extra_{cost}": summary.costs[cost] - plain_costs[cost] for cost in plain_costs},
                **{column: timing.get(column, math.nan) for column in measured},
                metric.test_column: test_value.value,
                f"{metric.test_column}_se": test_value.error,
                "test_n": test_value.seeds,
                "test_gain": test_gain.value,
                "test_gain_se": test_gain.error,
                "test_pairs": test_gain.seeds,
                "observed_gap": gap.value,
                "observed_gap_se": gap.error,
            }
        )
    table = pd.DataFrame(rows)
    return table.fillna({"variant": ""}) if "variant" in table else table


def value_of(score: Interval, metric: Metric) -> Interval:
    """Return an interval of scores as one of values, within the bounds of the metric."""
    if not metric.is_maximized:
        score = score.negated()
    return score.clipped(metric.lower, metric.upper)


def _cross_entropy_columns(summary: PlacementSummary) -> dict[str, float]:
    if not summary.metric.is_accuracy:
        return {}
    mean, error = mean_and_error(list(summary.cross_entropies.values()))
    return {"cross_entropy": mean, "cross_entropy_se": error}


def _top5_columns(summary: PlacementSummary, tested: Sequence[float]) -> dict[str, float]:
    (value, error), (test_value, test_error) = (
        mean_and_error(list(each)) for each in (summary.top5_accuracies.values(), tested)
    )
    return {
        "top5_accuracy": value,
        "top5_accuracy_se": error,
        "test_top5_accuracy": test_value,
        "test_top5_accuracy_se": test_error,
    }


def recommended_frame(
    recommended: Sequence[Placement],
    estimates: Estimates,
    *,
    metric: Metric,
    cost_table: CostTable,
    evaluations: Sequence[Evaluation],
    latencies: Mapping[str, Mapping[str, float]],
) -> pd.DataFrame:
    """Return one row for each recommended placement, trained or not, in the order given.

    placement, variant (in a space of several backbones), stage1…
    n: number of seeds
    accuracy (or the name of another metric), gain (over the plain backbone): posterior means in the unit of the metric,
        with _lower and _upper of a 90 % credible interval
    every counted cost and its extra over the plain backbone; latency_ms where it was measured
    """
    import pandas as pd

    measured = ("latency_ms", *_own_costs(latencies))
    plain = next((each for each in estimates.placements if each.is_plain), None)
    drawn = estimates.foreseen([*recommended, *([] if plain is None else [plain])])
    seeds = Counter(row.placement for row in evaluations if row.value is not None)
    rows: list[dict[str, Any]] = []
    for placement, scores in zip(recommended, drawn.T, strict=False):
        costs = dict(cost_table.costs_of(placement))
        gain = UNKNOWN if plain is None else Interval.of_draws(scores - drawn[:, -1])
        rows.append(
            {
                "placement": str(placement),
                **stage_columns(placement),
                "n": seeds[placement],
                **value_of(Interval.of_draws(scores), metric).columns(metric.column),
                **gain.columns("gain"),
                **costs,
                **{
                    f"extra_{name}": costs[name] - cost
                    for name, cost in zip(cost_table.names, cost_table.plain, strict=True)
                },
                **{name: latencies.get(str(placement), {}).get(name, math.nan) for name in measured},
            }
        )
    table = pd.DataFrame(rows)
    return table.fillna({"variant": ""}) if "variant" in table else table


def front_frame(placements: pd.DataFrame) -> pd.DataFrame:
    """Return the front points and, after them, the baselines that are not on the front."""
    if placements.empty:
        return placements
    import pandas as pd

    beside = placements[~placements["on_front"] & (placements["baseline"] != "")]
    points = placements[placements["on_front"]]
    return pd.concat([points, beside], ignore_index=True)


def _own_costs(latencies: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the columns of the user's costs that were measured beside latency: each cost and its extra."""
    columns = (
        name
        for row in latencies.values()
        for name in row
        if (cost := name.removeprefix("extra_")) != "latency_ms" and f"extra_{cost}" in row
    )
    return list(dict.fromkeys(columns))
