from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seplace.effects import priced_space as priced_space_module
from seplace.effects.design import Design
from seplace.effects.model import Surface
from seplace.effects.priced_space import Candidates, PricedSpace, added_volume, cost_tables, front_points, learned_cost
from seplace.pareto import hypervolume
from seplace.placement import Placement
from seplace.space import SearchSpace
from seplace.study.space_file import load_space
from tests.effects.toy import NAMES, SMALL, WIDER, all_levels, cost_table_of, priced_space_of

SPACES = {"small": SMALL, "wider": WIDER} | {
    name: load_space(name) for name in ("digits-resnet8", "cifar-resnet8-or-wider")
}
each_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
VALUES = st.integers(-3, 9).map(float)
POINTS = st.lists(st.tuples(VALUES, st.integers(0, 12).map(float)), max_size=8)


def surface_of(design: Design, *, seed: int, step: float = 0.0) -> Surface:
    """A surface of random effects, in whole steps if one is given, with what is private to two candidates."""
    random = np.random.default_rng(seed)
    coefficients = random.standard_normal(len(design.groups))
    if step:
        coefficients = step * np.round(coefficients)
    observed = np.stack([random.integers(size, size=2) for size in design.shape], axis=1)
    observed[1] = (observed[0] + 1) % design.shape
    return Surface(
        intercept=80.0,
        effects=design.tables(coefficients),
        private=np.array([2.0, -2.0]),
        observed_levels=observed,
        position={tuple(row): at for at, row in enumerate(observed.tolist())},
    )


def front_of(values: np.ndarray, costs: np.ndarray) -> set[tuple[float, float]]:
    points = set(zip(values.tolist(), costs.tolist(), strict=True))
    return {
        (value, cost)
        for value, cost in points
        if not any(v >= value and c <= cost and (v, c) != (value, cost) for v, c in points)
    }


def priced(space: SearchSpace, cost_table, name: str) -> np.ndarray:
    return np.array([cost_table.costs_of(placement)[name] for placement in space], dtype=float)


def drawn() -> np.random.Generator:
    return np.random.default_rng(0)


@each_space
@pytest.mark.parametrize("name", NAMES)
def test_costs_are_prices(space, name):
    cost_table = cost_table_of(space)
    design = Design(space)
    tables = cost_tables(design, cost_table, name)
    expected = priced(space, cost_table, name)
    assert tables.everywhere().tolist() == expected.tolist()
    assert tables.at(all_levels(design.shape)).tolist() == expected.tolist()
    assert tables.everywhere().tolist() == cost_table.all_costs(space.choices, name).tolist()
    assert tables.highest >= expected.max()


@each_space
@pytest.mark.parametrize("step", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_front_is_what_nothing_dominates(space, step, seed):
    """With few costs and whole steps of accuracy, there are ties of both."""
    cost_table = cost_table_of(space, seed=seed, most=4 if step else 40)
    params = priced(space, cost_table, "params")
    limit = float(np.quantile(params, 0.4))
    random = np.random.default_rng(seed)
    for limits in (None, limit):
        priced_space = priced_space_of(space, cost_table, params=limits)
        surface = surface_of(priced_space.design, seed=seed, step=step)
        closed = set(random.choice(len(space), size=len(space) // 3, replace=False).tolist())
        for without in (set(), closed):
            values, costs = surface.everywhere(), priced(space, cost_table, "flops")
            open_ = np.array([index not in without for index in range(len(space))])
            if limits is not None:
                open_ &= params <= limit
            front = priced_space.front(surface, closed=without, random=drawn())
            pairs = list(zip(front.values.tolist(), front.costs.tolist(), strict=True))
            assert set(pairs) == front_of(values[open_], costs[open_])
            assert len(set(pairs)) == len(pairs)
            assert (np.diff(front.costs) > 0).all()
            indices = priced_space.indices(front.levels)
            assert open_[indices].all()
            assert values[indices].tolist() == front.values.tolist()
            assert costs[indices].tolist() == front.costs.tolist()


@pytest.mark.parametrize("most", [10**6, 0])
def test_nothing_open_is_an_empty_front(most, monkeypatch):
    """All candidates trained as often as they may, or none that keeps its budgets."""
    monkeypatch.setattr(priced_space_module, "_MOST_ENUMERATED", most)
    cost_table = cost_table_of(SMALL)
    priced_space = priced_space_of(SMALL, cost_table)
    surface = surface_of(priced_space.design, seed=0)
    assert len(priced_space.front(surface, closed=range(len(SMALL)), random=drawn())) == 0
    priced_space = priced_space_of(SMALL, cost_table, params=1.0)
    assert len(priced_space.front(surface, closed=(), random=drawn())) == 0


@each_space
def test_the_reference_lies_beyond_all_members(space):
    cost_table = cost_table_of(space)
    costs = priced(space, cost_table, "flops")
    expected = costs.max() + 0.005 * (costs.max() - costs.min())
    assert priced_space_of(space, cost_table).highest_cost == pytest.approx(expected, rel=1e-12)


def test_strangers_are_not_inside():
    priced_space = priced_space_of(SMALL, cost_table_of(SMALL))
    marks = [mark for mark in SMALL.baselines.values() if mark not in SMALL]
    levels = priced_space.design.levels([*marks, *SMALL])
    assert priced_space.is_inside(levels).tolist() == [False] * len(marks) + [True] * len(SMALL)
    assert priced_space.indices(levels[len(marks) :]).tolist() == list(range(len(SMALL)))


@each_space
def test_limits_are_kept_by_price(space):
    cost_table = cost_table_of(space)
    params = priced(space, cost_table, "params")
    priced_space = priced_space_of(space, cost_table, params=float(np.median(params)))
    assert priced_space.keeps_limits(all_levels(priced_space.shape)).tolist() == (params <= np.median(params)).tolist()


@each_space
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [1.0, 0.3])
def test_exchange_finds_the_front_of_a_small_space(space, seed, share, monkeypatch):
    cost_table = cost_table_of(space, seed=seed)
    limit = float(np.quantile(priced(space, cost_table, "params"), share))
    priced_space = priced_space_of(space, cost_table, params=limit)
    surface = surface_of(priced_space.design, seed=seed)
    closed = {int(index) for index in np.random.default_rng(seed).integers(len(space), size=3)}
    expected = priced_space.front(surface, closed=closed, random=drawn())
    monkeypatch.setattr(priced_space_module, "_MOST_ENUMERATED", 0)
    exchanged = priced_space_of(space, cost_table, params=limit)
    assert not exchanged.is_enumerated
    front = exchanged.front(surface, closed=closed, random=drawn())
    assert not closed & set(exchanged.indices(front.levels).tolist())
    assert exchanged.keeps_limits(front.levels).all()
    assert front.values == pytest.approx(surface.at(front.levels))
    assert (np.diff(front.costs) > 0).all()
    assert (np.diff(front.values) > 0).all()
    assert volume(front, surface, priced_space) > 0.98 * volume(expected, surface, priced_space)


def volume(candidates: Candidates, surface: Surface, priced_space: PricedSpace) -> float:
    reference = (-surface.everywhere().min(), priced_space.highest_cost)
    return hypervolume(np.stack([-candidates.values, candidates.costs], axis=1), reference)


def test_exchange_weighs_millions_of_millions():
    """2 choices in each of 50 blocks: nothing may be enumerated."""
    described = load_space("resnet50-blocks")
    deep = replace(described, backbone=load_deep(), choices=described.choices[:1] * 50)
    design = Design(deep)
    cost_table = cost_table_of(deep)
    priced_space = PricedSpace(design, cost_tables(design, cost_table, "flops"), limits=[])
    gains = np.zeros(len(design.groups))
    own = [number for number, group in enumerate(design.groups) if group == "module in its stage"]
    gains[own] = np.random.default_rng(0).uniform(-1, 1, size=len(own))
    surface = Surface(
        intercept=70.0,
        effects=design.tables(gains),
        private=np.zeros(1),
        observed_levels=np.zeros((1, 51), dtype=np.int64),
        position={(0,) * 51: 0},
    )
    front = priced_space.front(surface, closed=(), random=drawn())
    ideal = 70.0 + sum(max(0.0, float(table[:2].max())) for table in surface.effects.main[1:])
    assert front.values.max() == pytest.approx(ideal)
    assert front.costs.min() == cost_table.plain[0]
    assert len(front) > 20


def load_deep():
    from seplace.backbones.describe import describe

    return replace(describe("resnet152"), granularity="block")


def candidates_at(points: list[tuple[float, float]]) -> Candidates:
    points = sorted(points, key=lambda point: point[1])
    return Candidates(
        levels=np.zeros((len(points), 1), dtype=np.int64),
        values=np.array([value for value, _ in points]),
        costs=np.array([cost for _, cost in points]),
    )


@settings(max_examples=100, deadline=None)
@given(candidates=POINTS, front=POINTS, reference=st.tuples(VALUES, st.integers(0, 12).map(float)))
def test_added_volume_is_the_difference_of_volumes(candidates, front, reference):
    lowest, highest = reference

    def dominated(points: list[tuple[float, float]]) -> float:
        losses = np.array([(-value, cost) for value, cost in points]).reshape(-1, 2)
        return hypervolume(losses, (-lowest, highest))

    made = candidates_at(candidates)
    gains = added_volume(made, candidates_at(front), reference=reference)
    assert gains.shape == (len(candidates),)
    expected = [
        dominated([*front, (value, cost)]) - dominated(front)
        for value, cost in zip(made.values.tolist(), made.costs.tolist(), strict=True)
    ]
    assert gains == pytest.approx(expected, abs=1e-9)


def test_the_order_of_the_front_does_not_matter():
    front = candidates_at([(1.0, 2.0), (3.0, 4.0), (2.0, 5.0)])
    turned = front.where(np.ones(3, dtype=bool))
    turned = Candidates(levels=turned.levels, values=turned.values[::-1], costs=turned.costs[::-1])
    candidates = candidates_at([(4.0, 3.0), (2.5, 1.0)])
    one, other = (added_volume(candidates, each, reference=(0.0, 9.0)) for each in (front, turned))
    assert one.tolist() == other.tolist()


@pytest.mark.parametrize("space", [SPACES["digits-resnet8"], WIDER], ids=["digits-resnet8", "wider"])
def test_learns_measured_costs_that_add_up(space):
    """Latencies of a quarter of the candidates, with a little jitter, tell those of all."""
    cost_table = cost_table_of(space)
    truth = priced(space, cost_table, "flops") / 200
    random = np.random.default_rng(0)
    count = max(len(space) // 4, 10)
    seen = random.choice(len(space), size=count, replace=False)
    jitter = 0.002 * np.ptp(truth) * random.standard_normal(count)
    measured = {space.placement_at(int(at)): float(truth[at] + e) for at, e in zip(seen, jitter, strict=True)}
    measured |= {mark: 5.0 for mark in space.baselines.values() if mark not in space and not mark.variant}
    learned = learned_cost(Design(space), measured).everywhere()
    assert learned.shape == truth.shape
    assert np.corrcoef(learned, truth)[0, 1] > 0.95
    assert np.abs(learned - truth).mean() < 0.1 * np.ptp(truth)


def test_nothing_measured_is_no_reason_to_fall():
    """A sampler that stands alone asks before anything was measured."""
    learned = learned_cost(Design(SMALL), {}).everywhere()
    assert np.isfinite(learned).all()


def test_one_measured_cost_is_that_of_all():
    learned = learned_cost(Design(SMALL), {Placement.parse("none-none-none"): 4.0}).everywhere()
    assert learned == pytest.approx(np.full(len(SMALL), 4.0), abs=0.5)


@pytest.mark.parametrize("closed", [0.0, 0.5, 0.999, 1.0])
def test_the_front_of_many_candidates_is_what_none_dominates(closed):
    """Thousands are passed over in blocks."""
    random = np.random.default_rng(0)
    costs = random.permutation(4000).astype(float)
    values = np.round(costs / 1000 + random.standard_normal(4000), 1)
    values[random.random(4000) < closed] = -np.inf
    found = front_points(Candidates(levels=np.arange(4000)[:, None], values=values, costs=costs))
    ascending = np.argsort(costs)
    best, expected = -np.inf, []
    for at in ascending.tolist():
        if values[at] > best:
            best = values[at]
            expected.append(at)
    assert found.levels.ravel().tolist() == expected
