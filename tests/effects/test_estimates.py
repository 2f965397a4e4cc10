import functools
from dataclasses import replace

import numpy as np
import pytest

from seplace.effects import estimates as estimates_module
from seplace.effects.design import SCALES, Design
from seplace.effects.estimates import Estimates
from seplace.effects.model import Observation
from seplace.placement import Placement, StageChoice
from tests.effects.toy import SMALL, cost_table_of, observed, parse, space_with, trainings

NONE = Placement.parse("none-none-none")
DESIGN = Design(SMALL)
COST_TABLE = cost_table_of(SMALL, most=3)


def estimates_of(observations: list[Observation], *, design: Design = DESIGN) -> Estimates:
    """Costs are low, so several placements cost the same."""
    costs = {each.placement: float(COST_TABLE.costs_of(each.placement)["flops"]) for each in observations}
    return Estimates(design, observations, costs)


@functools.cache
def usual() -> Estimates:
    random = np.random.default_rng(0)
    truth = {SMALL.placement_at(at): 80 + float(random.normal()) for at in range(0, 27, 2)}
    return estimates_of(observed(truth, seeds=2, noise=0.5, random=random, luck=0.3))


def test_front_probabilities_are_shares_of_draws():
    estimates = usual()
    assert len(set(estimates.costs)) < len(estimates.costs)
    draws, costs = estimates.scores, estimates.costs
    for at, placement in enumerate(estimates.placements):
        dominated = np.zeros(len(draws), dtype=bool)
        for other in range(len(costs)):
            if costs[other] <= costs[at]:
                dominated |= (draws[:, other] >= draws[:, at]) & (
                    (draws[:, other] > draws[:, at]) | (costs[other] < costs[at])
                )
        assert estimates.front_probabilities[placement] == pytest.approx(1 - dominated.mean())


def test_the_front_is_what_no_mean_dominates():
    estimates = usual()
    means, costs = estimates.scores.mean(axis=0), estimates.costs
    candidates = [
        (costs[at], placement)
        for at, placement in enumerate(estimates.placements)
        if not any(
            means[other] >= means[at] and costs[other] <= costs[at] and other != at for other in range(len(means))
        )
    ]
    assert estimates.front == [placement for _, placement in sorted(candidates, key=lambda candidate: candidate[0])]


def test_estimates_are_means_and_quantiles():
    estimates = usual()
    one, other = estimates.placements[3:5]
    samples = estimates.scores[:, 3]
    estimate = estimates.score(one)
    assert estimate.value == pytest.approx(samples.mean())
    assert (samples < estimate.lower).mean() == pytest.approx(0.05, abs=0.002)
    assert (samples > estimate.upper).mean() == pytest.approx(0.05, abs=0.002)
    difference = estimates.difference(one, other)
    assert difference.value == pytest.approx(estimate.value - estimates.score(other).value)
    assert difference.upper == pytest.approx(-estimates.difference(other, one).lower)
    wins = sum(a > b for a, b in estimates.scores[:, 3:5].tolist())
    assert estimates.is_better(one, other) == pytest.approx(wins / len(samples))
    assert estimates.is_better(one, one) == 0


def test_what_was_not_trained_is_foreseen_with_what_is_its_own():
    """The truth is private to each placement: what the effects of stages foretell alone is far too sure."""
    covered: list[tuple[float, float]] = []
    for seed in range(8):
        random = np.random.default_rng(seed)
        truth = {placement: 80 + float(random.normal()) for placement in SMALL}
        trained, others = list(SMALL)[::2], list(SMALL)[1::2]
        estimates = estimates_of(observed({each: truth[each] for each in trained}, seeds=3, noise=0.1, random=random))
        foreseen = estimates.foreseen([*others, *estimates.placements])
        assert foreseen[:, len(others) :] == pytest.approx(estimates.scores)
        shared = estimates.posterior.sample_at(DESIGN.levels(others), 2000)
        true = np.array([truth[each] for each in others])
        bounds = [np.quantile(drawn, [0.05, 0.95], axis=0) for drawn in (foreseen[:, : len(others)], shared)]
        covered.append(tuple(np.mean((lower < true) & (true < upper)) for lower, upper in bounds))
    predicted, without = np.mean(covered, axis=0)
    assert predicted > 0.78
    assert without < 0.7


def test_paired_seeds_make_differences_surer():
    """What a seed gives to all alike is no part of a difference."""
    random = np.random.default_rng(1)
    truth = {SMALL.placement_at(at): 80.0 for at in range(0, 27, 2)}
    estimates = estimates_of(observed(truth, seeds=2, noise=0.1, random=random, luck=3.0))
    one, other = estimates.placements[:2]
    accuracy, difference = estimates.score(one), estimates.difference(one, other)
    assert difference.upper - difference.lower < 0.25 * (accuracy.upper - accuracy.lower)


def test_the_best_that_costs_no_more():
    estimates = usual()
    strangers = [Placement.parse("se16-se16-se16")]
    for at, placement in enumerate(estimates.placements):
        cheaper = [
            (estimates.means[other], each)
            for other, each in enumerate(estimates.placements)
            if estimates.costs[other] <= estimates.costs[at] and other != at
        ]
        expected = max(cheaper, key=lambda pair: pair[0])[1] if cheaper else None
        assert estimates.best_no_dearer(placement, [*estimates.placements, *strangers]) == expected
    assert estimates.best_no_dearer(estimates.placements[0], strangers) is None


def test_a_winner_is_named():
    """Ten standard deviations of the noise above the rest, on three seeds."""
    winner = Placement.parse("none-none-eca")
    random = np.random.default_rng(2)
    truth = {SMALL.placement_at(at): 80.0 for at in range(0, 27, 3)} | {NONE: 80.0, winner: 83.0}
    estimates = estimates_of(observed(truth, seeds=3, noise=0.3, random=random, luck=0.3))
    assert winner in estimates.surely_better(NONE)
    assert estimates.front[-1] == winner
    assert estimates.surely_better(winner) == []
    assert estimates.is_better(winner, NONE) > 0.99
    assert estimates.difference(winner, NONE).value == pytest.approx(3.0, abs=0.5)


def test_the_band_holds_for_all_together():
    """Among the draws, all statements of being better hold at once in 95 of 100 at least."""
    random = np.random.default_rng(3)
    truth = {SMALL.placement_at(at): 80.0 + at / 6 for at in range(0, 27, 2)}
    estimates = estimates_of(observed(truth, seeds=2, noise=0.5, random=random))
    better = [estimates.position[each] for each in estimates.surely_better(NONE)]
    assert better
    differences = estimates.scores - estimates.scores[:, [estimates.position[NONE]]]
    assert (differences[:, better] > 0).all(axis=1).mean() >= 0.95


def test_nothing_is_better_than_itself():
    assert estimates_of([Observation(placement=NONE, seed=0, score=80.0)]).surely_better(NONE) == []


def test_the_same_data_give_the_same_estimates():
    random = np.random.default_rng(4)
    observations = observed({SMALL.placement_at(at): 80.0 for at in (0, 1, 9)}, seeds=2, noise=0.5, random=random)
    assert estimates_of(observations).scores.tolist() == estimates_of(observations).scores.tolist()


@pytest.fixture
def quick(monkeypatch):
    """Fewer draws, for hundreds of studies."""
    monkeypatch.setattr(estimates_module, "_SCALES", 12)
    monkeypatch.setattr(estimates_module, "_SAMPLES", 500)


LEAN = Design(space_with(*[parse("none", "se16", "eca")] * 3))


def null_study(number: int) -> list[Observation]:
    """Twelve placements as good as the plain backbone, one to three seeds each."""
    random = np.random.default_rng([5, number])
    chosen = [0, *random.choice(np.arange(1, 27), size=12, replace=False).tolist()]
    placements = [LEAN.space.placement_at(int(at)) for at in chosen]
    kindness = 0.4 * random.standard_normal(3)
    return [
        Observation(placement=each, seed=seed, score=80 + kindness[seed] + 0.5 * random.standard_normal())
        for at, each in enumerate(placements)
        for seed in range(3 if at == 0 else int(random.integers(1, 4)))
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_where_nothing_helps_nothing_is_surely_better():
    wrong = 0
    for number in range(100):
        observations = null_study(number)
        costs = dict.fromkeys((each.placement for each in observations), 1.0)
        wrong += bool(Estimates(LEAN, observations, costs).surely_better(NONE))
    assert wrong <= 5


def study_of_the_prior(number: int) -> tuple[dict[Placement, float], list[Observation]]:
    """Scales, effects, seeds and noise drawn from the priors of the model; 14 placements."""
    random = np.random.default_rng([6, number])

    def scale(median: float) -> float:
        return median * float(np.exp(random.standard_normal()))

    spread = float(np.exp(random.normal(scale=0.5)))
    sd = {group: scale(SCALES[group].median) for group in dict.fromkeys([*LEAN.groups, "seed"])}
    noise, private = scale(0.6), scale(0.15)
    chosen = [LEAN.space.placement_at(int(at)) for at in random.choice(27, size=14, replace=False)]
    coefficients = [sd[group] * random.standard_normal() for group in LEAN.groups]
    values = LEAN.rows(LEAN.levels(chosen)) @ coefficients + private * random.standard_normal(14)
    truth = {each: 80 + spread * float(value) for each, value in zip(chosen, values, strict=True)}
    kindness = sd["seed"] * random.standard_normal(3)
    observations = [
        Observation(
            placement=each,
            seed=seed,
            score=value + spread * (kindness[seed] + noise * random.standard_normal()),
        )
        for each, value in truth.items()
        for seed in range(int(random.integers(1, 4)))
    ]
    return truth, observations


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_intervals_cover_the_truth_as_often_as_they_say():
    """Those of differences nine times in ten; accuracies share the luck of three seeds, and so err together."""
    covered, true_shares = [], []
    for number in range(80):
        truth, observations = study_of_the_prior(number)
        estimates = Estimates(LEAN, observations, dict.fromkeys(truth, 1.0))
        first, *others = estimates.placements
        differences = [estimates.difference(each, first) for each in others]
        covered.append(
            np.mean(
                [
                    estimate.lower <= truth[each] - truth[first] <= estimate.upper
                    for each, estimate in zip(others, differences, strict=True)
                ]
            )
        )
        estimates = [estimates.score(each) for each in truth]
        true_shares.append(
            np.mean([one.lower <= value <= one.upper for one, value in zip(estimates, truth.values(), strict=True)])
        )
    for shares in (covered, true_shares):
        error = np.std(shares) / np.sqrt(len(shares))
        assert 0.9 - 3 * error - 0.02 < np.mean(shares) < 0.97, (np.mean(shares), error)


def test_choices_of_baselines_have_estimates_too():
    marks = {mark: 80.0 + number for number, mark in enumerate(SMALL.baselines.values())}
    random = np.random.default_rng(7)
    estimates = estimates_of(observed(marks, seeds=2, noise=0.1, random=random))
    assert set(estimates.placements) == set(SMALL.baselines.values())
    assert estimates.means == pytest.approx(list(marks.values()), abs=0.4)
    assert all(isinstance(choice, StageChoice) for placement in estimates.front for choice in placement.choices)


def test_estimates_are_learned_from_accuracies_alone():
    known = trainings(40)
    silent = [replace(each, cross_entropy=None) for each in known]
    denoised_estimates, silent_estimates = estimates_of(known), estimates_of(silent)
    assert (denoised_estimates.scores == silent_estimates.scores).all()
    guides = [denoised_estimates.guide(), denoised_estimates.guide(), silent_estimates.guide()]
    means = [guide.mean().everywhere() for guide in guides]
    assert (means[0] == means[1]).all()
    assert (means[0] != means[2]).any()
    assert guides[0].noise_sd < 0.95 * guides[2].noise_sd


def test_of_very_many_placements_the_promising_have_estimates(monkeypatch):
    every = usual()
    monkeypatch.setattr(estimates_module, "MOST", 6)
    named = every.placements[-1]
    observations, costs = every._observations, dict(zip(every.placements, every.costs, strict=True))
    few = Estimates(DESIGN, observations, costs, named=[named])
    assert few.trained == len(every.placements) > len(few.placements)
    assert {NONE, named} <= few.position.keys()
    assert len(few.placements) in (6, 7, 8)
    assert few.scores.shape == (len(every.scores), len(few.placements))
    assert few.front == every.front
    for placement in few.placements:  # from all observations, and other draws of the same posterior
        assert few.score(placement).value == pytest.approx(every.score(placement).value, abs=0.05)
        assert few.front_probabilities[placement] == pytest.approx(every.front_probabilities[placement], abs=0.06)
    left_out = [placement for placement in every.placements if placement not in few.position]
    assert max(every.front_probabilities[placement] for placement in left_out) < 0.05
    assert np.array_equal(few.foreseen([few.placements[2], left_out[0]])[:, 0], few.scores[:, 2])
