"""The rank correlation check: how proxies rank the placements of a finished study, compared with their trainings.

A proxy must beat FLOPs, which cost nothing. A rank correlation means little without its ceiling: with noisy trainings,
even the true accuracies do not rank placements as the means of trainings do.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seplace.costs import main_count
from seplace.errors import InputError
from seplace.interval import UNKNOWN, Interval
from seplace.placement import Placement
from seplace.proxies import PROXIES
from seplace.rank_correlation import bootstrap_weights, ceiling, kendall, partial_kendall, reliability, signs
from seplace.results.evaluation import Evaluation
from seplace.results.summaries import seed_effects
from seplace.seeds import derive_seed
from seplace.study.config import StudyConfig
from seplace.user_code import user_errors_if

if TYPE_CHECKING:
    import pandas as pd

    from seplace.evaluators.study_networks import StudyNetworks
    from seplace.metric import Metric
    from seplace.proxies.proxy import Effort

FLOPS = "flops"
LEAST_PLACEMENTS = 5
"""The least number of placements that a check needs."""

_RESAMPLES = 1000

OnScore = Callable[[str, int], None]
"""Called with the name of a proxy and the number of placements that it has scored."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The stand-alone trainings of a placement; values by seed, larger is better."""

    placement: Placement
    flops: float
    score: Mapping[int, float]
    """Of the metric, without the seed effects."""
    negative_cross_entropy: Mapping[int, float]
    """In nats, without the seed effects."""


Target = Callable[[Trained], Mapping[int, float]]
"""What a proxy should rank placements by: the mean of it over seeds."""


def targets_of(metric: Metric) -> dict[str, Target]:
    """Return the targets of the check by name: the metric, with a minus where it is minimized, and cross-entropy."""
    name = metric.column if metric.is_maximized else f"-{metric.column}"
    of_images: dict[str, Target] = {"-cross_entropy": lambda trained: trained.negative_cross_entropy}
    return {name: lambda trained: trained.score, **(of_images if metric.is_accuracy else {})}


@dataclass(frozen=True, kw_only=True)
class Scores:
    """The scores that a proxy gives some placements, and the time that they took."""

    proxy: str
    values: tuple[float, ...]
    seconds: float
    """The average of a placement."""
    shared_seconds: float
    """Once for all placements."""


def rank_correlation_table(
    config: StudyConfig,
    evaluations: Iterable[Evaluation],
    *,
    proxies: Sequence[str],
    placements: int | None,
    seed: int,
    effort: Effort,
    device: str,
    on_score: OnScore,
) -> pd.DataFrame:
    """Score trained placements of a study by proxies and compare; the columns are those of `compare`.

    `placements` is the number drawn from those that were trained in full; None takes all. The proxies have a seed that
    no training of the study has, and never see the test split. Raises InputError where there are too few placements.
    """
    from seplace.evaluators.study_networks import StudyNetworks

    if config.own_training is not None:
        raise InputError(
            f"{config.name}: proxies score networks by labeled images, which its training of your own does not show"
        )
    for name in proxies:
        PROXIES.entry(name)  # refuses an unknown name before any work
    known = trained_placements(evaluations, config.metric, epochs=config.training.epochs)
    trained = sampled(known, placements, seed=seed)
    networks = StudyNetworks(config, device=device)
    names = [name for name in dict.fromkeys(proxies) if name != FLOPS]
    scores = measure_scores(networks, trained, names, seed=seed, effort=effort, on_score=on_score)
    return compare(trained, scores, config.metric, seed=seed)


def trained_placements(evaluations: Iterable[Evaluation], metric: Metric, *, epochs: int) -> list[Trained]:
    """Return the placements with complete evaluations of `epochs` epochs, in the order of their texts."""
    rows: dict[Placement, list[Evaluation]] = defaultdict(list)
    for row in evaluations:
        if row.state == "complete" and row.epochs == epochs:
            rows[row.placement].append(row)
    candidates = sorted(rows.items(), key=lambda item: str(item[0]))
    groups = [group for _, group in candidates]
    scores = _adjusted(
        [{row.seed: metric.score(row.value) for row in each if row.value is not None} for each in groups]
    )
    gains = _adjusted(
        [{row.seed: -row.cross_entropy for row in each if row.cross_entropy is not None} for each in groups]
    )
    return [
        Trained(
            placement=placement,
            flops=group[0].costs[main_count(group[0].costs)],
            score=score,
            negative_cross_entropy=gain,
        )
        for (placement, group), score, gain in zip(candidates, scores, gains, strict=True)
    ]


def _adjusted(values: Sequence[Mapping[int, float]]) -> list[dict[int, float]]:
    """Return values by seed without the seed effects."""
    effects = seed_effects(values)
    return [{seed: value - effects[seed] for seed, value in by_seed.items()} for by_seed in values]


def sampled(trained: Sequence[Trained], count: int | None, *, seed: int) -> list[Trained]:
    """Return `count` placements drawn with `seed`, or all, in order; raises InputError where these are too few."""
    chosen = list(range(len(trained)))
    if count is not None and count < len(trained):
        chosen = sorted(random.Random(derive_seed(seed, "rank_correlation")).sample(chosen, count))
    if len(chosen) < LEAST_PLACEMENTS:
        raise InputError(
            f"a rank correlation check needs at least {LEAST_PLACEMENTS} trained placements (got {len(chosen)})"
        )
    return [trained[at] for at in chosen]


def measure_scores(
    networks: StudyNetworks,
    trained: Sequence[Trained],
    proxies: Sequence[str],
    *,
    seed: int,
    effort: Effort,
    on_score: OnScore,
) -> list[Scores]:
    """Score each placement by each proxy; reading the study's data does not count as time of a proxy."""
    from seplace.models import holds_own_code

    networks.images  # noqa: B018 - reads the data
    own_seed = derive_seed(seed, "proxy")  # not the seed of a training, whose chance it would share
    measured = []
    for name in proxies:
        start = time.perf_counter()
        space = networks.config.search_space
        own = PROXIES.is_external(name)
        with user_errors_if(
            own or any(backbone.is_own for backbone in space.backbones.values()), f"proxy {name} fails"
        ):
            proxy = PROXIES[name](networks, seed=own_seed, effort=effort)
        ready = time.perf_counter()
        values = []
        for done, each in enumerate(trained, start=1):
            holds_own = own or holds_own_code(space.backbone_of(each.placement), each.placement)
            with user_errors_if(holds_own, f"proxy {name} fails for {each.placement}"):
                values.append(proxy.score(each.placement))
            on_score(name, done)
        seconds = (time.perf_counter() - ready) / len(trained)
        measured.append(
            Scores(proxy=name, values=tuple(values), seconds=seconds, shared_seconds=ready - start),
        )
    return measured


def compare(trained: Sequence[Trained], scores: Sequence[Scores], metric: Metric, *, seed: int) -> pd.DataFrame:
    """Return a row for each proxy and target (`targets_of`), FLOPs first.

    Columns: proxy; against, the target; placements, and the number replicated on several seeds; tau, Kendall's tau-b
    with the mean of the target over seeds; ceiling, the tau that the true values would reach, NaN where no placement is
    replicated; beyond_flops, the partial tau given FLOPs; each with the bounds of its 90 % interval (`_lower`,
    `_upper`), bootstrapped over placements; verdict; seconds of a placement, and shared by all.

    The ceiling assumes that all placements are as noisy as the replicated ones. In a search those are the baselines and
    the confirmed front, not a random sample.
    """
    import pandas as pd

    weights = bootstrap_weights(len(trained), resamples=_RESAMPLES, seed=derive_seed(seed, "bootstrap"))
    flops = signs([each.flops for each in trained])
    free = Scores(proxy=FLOPS, values=tuple(each.flops for each in trained), seconds=0.0, shared_seconds=0.0)
    highest, targets = {}, targets_of(metric)
    for target, values_of in targets.items():
        values = [values_of(each) for each in trained]
        highest[target] = Interval.of_resamples(
            ceiling(reliability(values, weights), [len(by_seed) for by_seed in values])
        )
    rows: list[dict[str, Any]] = []
    for score in (free, *scores):
        ranked = signs(score.values)
        for target, values_of in targets.items():
            truth = signs([float(np.mean(list(values_of(each).values()))) for each in trained])
            tau = Interval.of_resamples(kendall(ranked, truth, weights))
            beyond = None
            if score is not free:
                beyond = Interval.of_resamples(partial_kendall(ranked, truth, flops, weights))
            rows.append(
                {
                    "proxy": score.proxy,
                    "against": target,
                    "placements": len(trained),
                    "replicated": sum(len(each.score) > 1 for each in trained),
                    **tau.columns("tau"),
                    **highest[target].columns("ceiling"),
                    **(beyond or UNKNOWN).columns("beyond_flops"),
                    "verdict": verdict(tau, beyond),
                    "seconds": score.seconds,
                    "shared_seconds": score.shared_seconds,
                }
            )
    return pd.DataFrame(rows)


def verdict(tau: Interval, beyond_flops: Interval | None) -> str:
    """Return the verdict on a proxy, at the level of the intervals; `beyond_flops` is None for FLOPs themselves.

    `ranks backwards`: tau is below 0. `useless`: tau may be 0, or all scores are equal. `no better than FLOPs`: the
    partial tau given FLOPs may be 0. `helps` otherwise.
    """
    if tau.upper < 0:
        return "ranks backwards"
    if not tau.lower > 0:
        return "useless"
    if beyond_flops is not None and not beyond_flops.lower > 0:
        return "no better than FLOPs"
    return "helps"
