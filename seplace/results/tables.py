"""The tables of a study: one row a placement that was trained, the front, and the verdict in words.

What is printed as a placement's accuracy or gain is the mean of what the model of effects believes, with an interval of
90 %: the best of many noisy means is too good to be true, so plain means stand beside it as `observed_…`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seplace.interval import UNKNOWN, Interval
from seplace.pareto import knee
from seplace.placement import Placement, placed_alone
from seplace.results.evaluation import Evaluation, PlacementSummary, is_candidate, mean_and_error, stage_columns
from seplace.results.verdict import NAMED, proxy_verdict

if TYPE_CHECKING:
    import pandas as pd

    from seplace.costs.table import CostTable
    from seplace.effects.contributions import Contribution
    from seplace.effects.covariates import Covariate
    from seplace.effects.estimates import Estimates
    from seplace.space import SearchSpace

LATENCY_COLUMNS = ("latency_ms", "latency_ms_lower", "latency_ms_upper", "extra_latency_ms")


def paired_gain(summary: PlacementSummary, plain: PlacementSummary | None) -> tuple[float, float, int]:
    """Return mean and standard error of accuracy minus that of none on the same seeds, in points, and their number."""
    if plain is None:
        return math.nan, math.nan, 0
    seeds = sorted(summary.accuracies.keys() & plain.accuracies.keys())
    mean, error = mean_and_error([summary.accuracies[seed] - plain.accuracies[seed] for seed in seeds])
    return mean, error, len(seeds)


def placements_frame(
    summaries: Sequence[PlacementSummary],
    estimates: Estimates | None,
    *,
    cost: str,
    plain_costs: Mapping[str, float],
    baselines: Mapping[str, str],
    tests: Mapping[tuple[str, int], float],
    latencies: Mapping[str, Mapping[str, float]],
) -> pd.DataFrame:
    """Return one row a placement, cheapest first; without estimates, and so without rows, where nothing is complete.

    placement, variant (in a space of several backbones), stage1…, baseline (its name or empty)
    on_front, p_front: whether it is on the front of the believed means, and the probability that no placement that was
        trained dominates it
    n: seeds
    accuracy, gain (over none), gain_vs_baseline (over the best baseline that costs no more, named in
        best_baseline): believed means in percent or points, each with _lower and _upper of its 90 % interval;
        p_better: the probability of a gain above 0
    observed_accuracy (mean over seeds, adjusted for which seeds they were), observed_gain (paired by seed, of
        gain_pairs seeds), cross_entropy (nats), test_accuracy (where the test split has been read): each with its
        standard error
    every cost and its extra over the plain backbone; latency with its quartiles where it was measured

    `tests` holds the test accuracy by (placement, seed).
    """
    import pandas as pd

    if estimates is None:
        return pd.DataFrame()
    measured = (*LATENCY_COLUMNS, *_own_costs(latencies))
    plain = next((row for row in summaries if row.placement.is_plain), None)
    marks = [Placement.parse(text) for text in baselines]
    on_front = set(estimates.front)
    rows: list[dict[str, Any]] = []
    for summary in sorted(summaries, key=lambda row: (row.costs[cost], str(row.placement))):
        placement, text = summary.placement, str(summary.placement)
        observed, observed_se = mean_and_error(summary.adjusted_accuracies)
        cross_entropy, cross_entropy_se = mean_and_error(list(summary.cross_entropies.values()))
        gain, gain_se, pairs = paired_gain(summary, plain)
        test_accuracy, test_accuracy_se = mean_and_error([value for key, value in tests.items() if key[0] == text])
        rival = estimates.best_no_dearer(placement, marks)
        timing = latencies.get(text, {})
        rows.append(
            {
                "placement": text,
                **stage_columns(placement),
                "baseline": baselines.get(text, ""),
                "on_front": placement in on_front,
                "p_front": estimates.front_probabilities[placement],
                "n": summary.n,
                **estimates.accuracy(placement).clipped(0.0, 100.0).columns("accuracy"),
                **(UNKNOWN if plain is None else estimates.difference(placement, plain.placement)).columns("gain"),
                "p_better": math.nan if plain is None else estimates.is_better(placement, plain.placement),
                **(UNKNOWN if rival is None else estimates.difference(placement, rival)).columns("gain_vs_baseline"),
                "best_baseline": "" if rival is None else baselines[str(rival)],
                "observed_accuracy": observed,
                "observed_accuracy_se": observed_se,
                "observed_gain": gain,
                "observed_gain_se": gain_se,
                "gain_pairs": pairs,
                "cross_entropy": cross_entropy,
                "cross_entropy_se": cross_entropy_se,
                **{name: value for name, value in summary.costs.items() if name in plain_costs},
                **{f"extra_{name}": summary.costs[name] - plain_costs[name] for name in plain_costs},
                **{column: timing.get(column, math.nan) for column in measured},
                "test_accuracy": test_accuracy,
                "test_accuracy_se": test_accuracy_se,
            }
        )
    table = pd.DataFrame(rows)
    return table.fillna({"variant": ""}) if "variant" in table else table


def recommended_frame(
    recommended: Sequence[Placement],
    estimates: Estimates,
    *,
    cost_table: CostTable,
    evaluations: Sequence[Evaluation],
    latencies: Mapping[str, Mapping[str, float]],
) -> pd.DataFrame:
    """Return one row a recommended placement, trained or not, in the order given.

    placement, variant (in a space of several backbones), stage1…
    n: seeds
    accuracy, gain (over none): what is believed in percent or points, each with _lower and _upper of its 90 % interval
    every counted cost and its extra over the plain backbone; latency_ms where it was measured
    """
    import pandas as pd

    measured = ("latency_ms", *_own_costs(latencies))
    plain = next((each for each in estimates.placements if each.is_plain), None)
    drawn = estimates.foreseen([*recommended, *([] if plain is None else [plain])])
    seeds = Counter(row.placement for row in evaluations if row.accuracy is not None)
    rows: list[dict[str, Any]] = []
    for placement, accuracies in zip(recommended, drawn.T, strict=False):
        costs = dict(cost_table.costs_of(placement))
        gain = UNKNOWN if plain is None else Interval.of_draws(accuracies - drawn[:, -1])
        rows.append(
            {
                "placement": str(placement),
                **stage_columns(placement),
                "n": seeds[placement],
                **Interval.of_draws(accuracies).clipped(0.0, 100.0).columns("accuracy"),
                **gain.columns("gain"),
                **costs,
                **{f"extra_{name}": costs[name] - cost for name, cost in zip(cost_table.names, cost_table.plain, strict=True)},
                **{name: latencies.get(str(placement), {}).get(name, math.nan) for name in measured},
            }
        )
    table = pd.DataFrame(rows)
    return table.fillna({"variant": ""}) if "variant" in table else table


def effects_frame(
    estimates: Estimates | None,
    *,
    cost_table: CostTable,
    evaluations: Sequence[Evaluation],
    latencies: Mapping[str, Mapping[str, float]],
) -> pd.DataFrame:
    """Return what each choice, module, ratio and attachment adds on average over the rest of the space.

    kind: choice, module, ratio, attachment, backbone, pair (what two modules add together beyond what each adds), or
        proxy (what one standard deviation more of its score is worth)
    stage: from 1; 0 for all stages together, for a pair, which names its stages, and for a proxy
    name
    effect in points over none in the same place, with effect_lower and effect_upper of its 90 % interval; p_positive
    trainings: complete trainings of placements that have it
    extra_…: the mean cost of the choices that it stands for; extra_latency_ms where they were timed alone
    """
    import pandas as pd

    from seplace.effects.contributions import Contributions, weights_of

    if estimates is None:
        return pd.DataFrame()
    found = Contributions(estimates.posterior)
    trained = [row.placement for row in evaluations if row.accuracy is not None]
    rows: list[dict[str, Any]] = []
    for each in (*found.backbones(), *found.choices(), *found.modules(), *found.ratios(), *found.attachments()):
        holds = [
            any(placement.choices[stage - 1] == choice for stage, choice in each.choices)
            or (each.kind == "backbone" and placement.variant == each.name)
            for placement in trained
        ]
        rows.append(
            {
                "kind": each.kind,
                "stage": each.stage or 0,
                "name": each.name,
                **each.effect.columns("effect"),
                "p_positive": each.positive,
                "trainings": sum(holds),
                **_mean_extras(each, cost_table),
                "extra_latency_ms": _mean_latency(each, latencies, stages=len(estimates.placements[0])),
            }
        )
    for pair in found.interactions(sure=NAMED):
        rows.append(
            {
                "kind": "pair",
                "stage": 0,
                "name": f"{pair.first} with {pair.second}",
                **pair.effect.columns("effect"),
                "p_positive": pair.positive,
            }
        )
    for weight in weights_of(estimates.posterior):
        rows.append(
            {
                "kind": "proxy",
                "stage": 0,
                "name": weight.name,
                **weight.effect.columns("effect"),
                "p_positive": weight.positive,
            }
        )
    return pd.DataFrame(rows)


def proxies_frame(
    estimates: Estimates | None, covariates: Mapping[str, Covariate], *, seconds: Mapping[str, tuple[float, float]]
) -> pd.DataFrame:
    """Return one row a proxy of the study.

    proxy; scored: placements with a score; fit: R² of scores that were left out, by what was learned of each choice
    effect: what one standard deviation more of the score is worth in points, beside what the trainings say of each
        choice, with effect_lower and effect_upper of its 90 % interval; p_positive; NaN where it is left out
    verdict: ranks forwards, ranks backwards (at 95 %), says nothing here, or why it is left out
    seconds: of all placements together; shared_seconds: once for all (`seconds` holds both by proxy)
    """
    import pandas as pd

    from seplace.effects.contributions import weights_of

    weights = {} if estimates is None else {each.name: each for each in weights_of(estimates.posterior)}
    rows: list[dict[str, Any]] = []
    for name, covariate in covariates.items():
        weight = weights.get(name)
        rows.append(
            {
                "proxy": name,
                "scored": covariate.scored,
                "fit": covariate.fit,
                **(UNKNOWN if weight is None else weight.effect).columns("effect"),
                "p_positive": math.nan if weight is None else weight.positive,
                "verdict": proxy_verdict(covariate, weight),
                "seconds": seconds[name][0],
                "shared_seconds": seconds[name][1],
            }
        )
    return pd.DataFrame(rows)


def front_frame(placements: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the front and, after them, those of the baselines that are not on it."""
    if placements.empty:
        return placements
    import pandas as pd

    beside = placements[~placements["on_front"] & (placements["baseline"] != "")]
    candidates = placements[placements["on_front"]]
    return pd.concat([candidates, beside], ignore_index=True)


def front_of_candidates(placements: pd.DataFrame, space: SearchSpace, *, cost: str) -> pd.DataFrame:
    """Return the rows that a front point is picked from: of the space and the plain backbone, cheapest first."""
    if placements.empty:
        return placements
    listed = [is_candidate(Placement.parse(text), space) for text in placements["placement"]]
    ordered = placements[listed].sort_values([cost, "accuracy"], ascending=[True, False], kind="stable")
    return ordered[ordered["accuracy"] > ordered["accuracy"].cummax().shift(fill_value=-np.inf)]


def knee_of(candidates: pd.DataFrame, cost: str) -> int:
    """Return the position of the front's knee among its candidates (one row each)."""
    return knee(np.stack([100 - candidates["accuracy"].to_numpy(), candidates[cost].to_numpy(dtype=float)], axis=1))


def _mean_extras(contribution: Contribution, cost_table: CostTable) -> dict[str, float]:
    if contribution.kind == "backbone":
        plain = cost_table.variants[contribution.name].plain
        return {
            f"extra_{name}": float(more - less)
            for name, more, less in zip(cost_table.names, plain, cost_table.plain, strict=True)
        }
    extras = np.mean([cost_table.extras[stage - 1][choice] for stage, choice in contribution.choices], axis=0)
    return {f"extra_{name}": float(extra) for name, extra in zip(cost_table.names, extras, strict=True)}


def _mean_latency(contribution: Contribution, latencies: Mapping[str, Mapping[str, float]], *, stages: int) -> float:
    """Return what the choices take alone in their stages, in ms; NaN where not all of them were timed so."""
    alone = [str(placed_alone(choice, stage, stages=stages)) for stage, choice in contribution.choices]
    timed = [latencies[text]["extra_latency_ms"] for text in alone if text in latencies]
    return float(np.mean(timed)) if timed and len(timed) == len(alone) else math.nan


def _own_costs(latencies: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the columns of costs of the user's own that were measured beside latency; an import path has a colon."""
    return list(dict.fromkeys(name for row in latencies.values() for name in row if ":" in name))
