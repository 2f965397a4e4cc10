import itertools
import math

import numpy as np
import pytest
from scipy.stats import kendalltau

from seplace.placement import Placement
from seplace.samplers.task import Task
from seplace.search.rungs import LEAST_PAIRS, Bands, RankCheck, Rungs, check_ranks, expected_end
from seplace.simulation.landscapes import landscape
from tests.effects.toy import SMALL, cost_table_of

SPACE = list(SMALL)
LENGTH = 9


class OneBand(Bands):
    def __init__(self) -> None: ...

    def of(self, placement: Placement) -> int:
        del placement
        return 0


class TwoBands(OneBand):
    def of(self, placement: Placement) -> int:
        return SPACE.index(placement) % 2


def rungs_of(*epochs: int, bands: Bands | None = None) -> Rungs:
    return Rungs(epochs or (3,), length=LENGTH, bands=bands or OneBand(), seed=0)


def proven(*epochs: int, bands: Bands | None = None) -> Rungs:
    """Rungs with ten whole trainings whose early ranks equal the final ones; their accuracies at rungs are 0 to 9."""
    rungs = rungs_of(*epochs, bands=bands)
    for number, placement in enumerate(SPACE[:10]):
        rungs.add_at_end(placement, 50.0 + number, dict.fromkeys(rungs.epochs, float(number)))
    return rungs


def task_of(space, cost_table, **changes) -> Task:
    return Task(**{"space": space, "cost_table": cost_table, "cost": "flops", "seeds": 3, "seed": 0} | changes)


def test_bands_are_quarters_of_the_space_by_flops():
    cost_table = cost_table_of(SMALL)
    bands = Bands(task_of(SMALL, cost_table))
    candidates = sorted(SMALL, key=lambda each: cost_table.costs_of(each)["flops"])
    found = [bands.of(each) for each in candidates]
    assert found == sorted(found)
    sizes = [found.count(band) for band in range(4)]
    assert sum(sizes) == len(SMALL)
    assert min(sizes) > 0.15 * len(SMALL)


def test_bands_are_of_the_candidates_within_the_limits():
    cost_table = cost_table_of(SMALL)
    flops = sorted(cost_table.costs_of(each)["flops"] for each in SMALL)
    limit = flops[len(flops) // 2]
    bands = Bands(task_of(SMALL, cost_table, limits={"flops": limit}))
    within = [bands.of(each) for each in SMALL if cost_table.costs_of(each)["flops"] <= limit]
    assert set(within) == {0, 1, 2, 3}


def test_bands_of_a_big_space_are_those_of_a_sample():
    sample = landscape("usual", seed=0)
    bands = Bands(task_of(sample.space, sample.cost_table))
    every = sample.cost_table.all_costs(sample.space.choices, "flops")
    shares = np.bincount(np.searchsorted(bands.edges, every), minlength=4) / len(every)
    assert shares == pytest.approx(0.25, abs=0.02)
    assert np.array_equal(bands.edges, Bands(task_of(sample.space, sample.cost_table)).edges)


def by_hand(early, late) -> float:
    """Kendall's tau-b, written out."""
    pairs = list(itertools.combinations(range(len(early)), 2))
    one = [np.sign(early[a] - early[b]) for a, b in pairs]
    other = [np.sign(late[a] - late[b]) for a, b in pairs]
    return float(np.dot(one, other) / math.sqrt(np.dot(one, one) * np.dot(other, other)))


def test_trust_is_kendalls_tau_of_the_pairs():
    random = np.random.default_rng(0)
    early, late = random.integers(0, 6, 15), random.normal(size=15)
    trust = check_ranks(early.tolist(), late.tolist())
    assert trust.pairs == 15
    assert trust.tau == pytest.approx(by_hand(early, late))
    assert not check_ranks([1.0] * 12, [float(each) for each in range(12)]).is_on


@pytest.mark.parametrize(
    ("pairs", "tau", "is_on"),
    [
        pytest.param(9, 1.0, False, id="too few pairs"),
        pytest.param(10, 0.42, True, id="few pairs, well above chance"),
        pytest.param(10, 0.38, False, id="few pairs, may be chance"),
        pytest.param(100, 0.31, True, id="many pairs"),
        pytest.param(100, 0.29, False, id="surely above 0, and of no use"),
        pytest.param(50, -0.6, False, id="backwards"),
        pytest.param(50, math.nan, False, id="all tied"),
    ],
)
def test_a_rung_is_on_by_number_and_tau(pairs, tau, is_on):
    assert RankCheck(pairs=pairs, tau=tau).is_on == is_on


def test_unrelated_ranks_seldom_turn_a_rung_on():
    random = np.random.default_rng(1)
    taus = [kendalltau(random.normal(size=10), random.normal(size=10)).statistic for _ in range(400)]
    assert 0.01 < np.mean([RankCheck(pairs=10, tau=tau).is_on for tau in taus]) < 0.09


def test_the_expected_end_is_on_the_line_of_least_squares():
    random = np.random.default_rng(2)
    early = random.normal(40, 2, 12)
    late = 60 + 0.5 * (early - 40) + random.normal(0, 0.3, 12)
    slope, intercept = np.polyfit(early, late, 1)
    assert expected_end(37.0, early.tolist(), late.tolist()) == pytest.approx(intercept + 37 * slope)


@pytest.mark.parametrize(("slope", "kept"), [(3.0, 1.0), (-1.0, 0.0)])
def test_its_slope_lies_between_none_and_one(slope, kept):
    early = [30.0, 31.0, 32.0, 33.0]
    late = [60 + slope * each for each in early]
    assert expected_end(30.5, early, late) == pytest.approx(np.mean(late) + kept * (30.5 - np.mean(early)))
    assert expected_end(30.5, [30.0, 30.0], [60.0, 62.0]) == 61.0


def test_nothing_stops_before_ten_pairs():
    rungs = rungs_of(3)
    for number, placement in enumerate(SPACE[:LEAST_PAIRS]):
        assert rungs.first_target(number) == LENGTH
        assert rungs.due() is None
        rungs.add_at_end(placement, 50.0 + number, {3: float(number)})
    targets = [rungs.first_target(number) for number in range(10, 1010)]
    assert set(targets) == {3, LENGTH}
    assert 0.07 < targets.count(LENGTH) / 1000 < 0.13  # a random tenth is never stopped


def test_the_best_third_goes_on():
    rungs = proven(3)
    # Eleven results: with the newest, fewer than 11 / 3 may be better.
    assert rungs.add_at_rung(SPACE[10], 3, 6.5) == LENGTH
    assert rungs.add_at_rung(SPACE[11], 3, 6.4) is None
    assert rungs.is_stopped(SPACE[11])
    assert not rungs.is_stopped(SPACE[10])


def test_bands_are_apart():
    rungs = proven(3, bands=TwoBands())
    # The even band has 0, 2, 4, 6, 8; the odd one 1, 3, 5, 7, 9.
    assert rungs.add_at_rung(SPACE[10], 3, 6.1) == LENGTH
    assert rungs.add_at_rung(SPACE[11], 3, 6.1) is None


def test_what_has_come_among_the_best_is_due():
    rungs = proven(3)
    assert rungs.add_at_rung(SPACE[10], 3, 6.5) == LENGTH
    assert rungs.add_at_rung(SPACE[11], 3, 6.4) is None
    assert rungs.due() is None
    assert rungs.add_at_rung(SPACE[12], 3, -1.0) is None  # thirteen results: fewer than 13 / 3 are better now
    due = rungs.due()
    assert (due.placement, due.target, due.cost) == (SPACE[11], LENGTH, LENGTH - 3)
    assert rungs.go_on(SPACE[11]) == 3
    assert rungs.due() is None


def test_a_promoted_training_is_looked_at_at_the_next_rung():
    rungs = proven(2, 5)
    assert rungs.add_at_rung(SPACE[10], 2, 20.0) == 5
    assert rungs.add_at_rung(SPACE[10], 5, 0.5) is None
    assert rungs.go_on(SPACE[10]) == 5
    assert rungs.to_fact() == {
        "stopped": 0,
        "rungs": [{"epochs": epochs, "stopped": 0, "on": True, "tau": 1.0, "pairs": 10} for epochs in (2, 5)],
    }


def test_a_rung_that_says_nothing_is_passed_over():
    rungs = rungs_of(2, 5)
    for number, placement in enumerate(SPACE[:12]):
        rungs.add_at_end(placement, 50.0 + number, {2: float(number % 3), 5: float(number)})
    assert not rungs.check(2).is_on
    assert {rungs.first_target(number) for number in range(50)} == {5, LENGTH}


def test_selected_trainings_say_nothing_of_their_rung():
    rungs = proven(3)
    rungs.add_at_rung(SPACE[10], 3, 20.0)
    rungs.add_at_end(SPACE[10], 10.0, {3: 20.0})
    assert (rungs.check(3).pairs, rungs.check(3).tau) == (10, pytest.approx(1.0))
    # … but regression is not misled by a choice that was made by its x.
    known = [*range(10), 20.0], [*(50.0 + each for each in range(10)), 10.0]
    assert rungs.expected(3, 4.0) == pytest.approx(expected_end(4.0, *known))


def test_a_rung_turns_off_when_its_ranks_do_not_hold():
    rungs = proven(3)
    assert rungs.add_at_rung(SPACE[20], 3, -5.0) is None
    for number, placement in enumerate(SPACE[10:18]):
        rungs.add_at_end(placement, 40.0 - number, {3: 10.0 + number})
    assert not rungs.check(3).is_on
    assert {rungs.first_target(number) for number in range(50)} == {LENGTH}
    assert rungs.due() is None
    assert rungs.add_at_rung(SPACE[21], 3, -6.0) == LENGTH  # it was on its way to the rung
    assert rungs.is_stopped(SPACE[20])
