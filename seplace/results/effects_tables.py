"""The tables of effects: of each choice, and of the score of each proxy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seplace.interval import UNKNOWN
from seplace.placement import StageChoice, placed_alone
from seplace.results.evaluation import Evaluation
from seplace.results.verdict import NAMED, proxy_verdict

if TYPE_CHECKING:
    import pandas as pd

    from seplace.costs.table import CostTable
    from seplace.effects.contributions import Contribution
    from seplace.effects.covariates import Covariate
    from seplace.effects.estimates import Estimates


def effects_frame(
    estimates: Estimates | None,
    *,
    cost_table: CostTable,
    evaluations: Sequence[Evaluation],
    latencies: Mapping[str, Mapping[str, float]],
) -> pd.DataFrame:
    """Return the effects of choices, modules, ratios and attachments, averaged over the rest of the space.

    kind: choice, module, ratio, attachment, backbone, pair (the interaction of two modules), or proxy (the effect of
        one standard deviation of its score)
    stage: from 1; 0 for the mean over stages, for a pair, which names its stages, and for a proxy
    name
    effect: over no attention in the stage, in points; with effect_lower and effect_upper of a 90 % credible interval
    p_positive: the probability of an effect above 0
    trainings: complete trainings of placements that have it
    extra_…: the mean cost of the choices that are averaged over; extra_latency_ms where they were timed alone
    """
    import pandas as pd

    from seplace.effects.contributions import Contributions, weights_of

    if estimates is None:
        return pd.DataFrame()
    found = Contributions(estimates.posterior)
    trained = [row.placement for row in evaluations if row.value is not None]
    numbers: dict[StageChoice, int] = {}
    held = np.array([[numbers.setdefault(choice, len(numbers)) for choice in each.choices] for each in trained])
    variants = np.array([each.variant for each in trained])
    rows: list[dict[str, Any]] = []
    for each in (*found.backbones(), *found.choices(), *found.modules(), *found.ratios(), *found.attachments()):
        holds = (variants == each.name) & (each.kind == "backbone")
        for stage, choice in each.choices:
            holds |= held[:, stage - 1] == numbers.get(choice, -1)
        rows.append(
            {
                "kind": each.kind,
                "stage": each.stage or 0,
                "name": each.name,
                **each.effect.columns("effect"),
                "p_positive": each.positive,
                "trainings": int(holds.sum()),
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
    """Return one row for each proxy of a study.

    proxy; scored: placements with a score; fit: R² of scores that were left out, predicted from the effects of choices
    on the score
    effect: of one standard deviation of the score in points, beside the effects of choices, with effect_lower and
        effect_upper of a 90 % credible interval; p_positive; NaN where the proxy is left out
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
    """Return the mean latency in ms of the choices, each alone in its stage; NaN unless all were timed so."""
    alone = [str(placed_alone(choice, stage, stages=stages)) for stage, choice in contribution.choices]
    timed = [latencies[text]["extra_latency_ms"] for text in alone if text in latencies]
    return float(np.mean(timed)) if timed and len(timed) == len(alone) else math.nan
