import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from seplace.errors import InputError
from seplace.pareto import front, hypervolume, knee, ranks


@st.composite
def grids(draw: st.DrawFn, *, max_points: int = 14, max_objectives: int = 4, side: int = 6) -> np.ndarray:
    """Integer points in [0, side)^m: small enough to count cells, with ties and duplicates in plenty."""
    shape = (draw(st.integers(1, max_points)), draw(st.integers(1, max_objectives)))
    return draw(npst.arrays(np.int64, shape, elements=st.integers(0, side - 1))).astype(float)


def front_by_definition(losses: np.ndarray) -> np.ndarray:
    not_above = (losses[:, None] <= losses[None]).all(axis=2)
    below = (losses[:, None] < losses[None]).any(axis=2)
    return ~(not_above & below).any(axis=0)


def cells_dominated(losses: np.ndarray, corner: np.ndarray) -> int:
    return sum(
        bool((losses <= cell).all(axis=1).any()) for cell in itertools.product(*(range(int(bound)) for bound in corner))
    )


@given(grids())
def test_front_equals_its_definition(losses):
    assert front(losses).tolist() == front_by_definition(losses).tolist()


@given(grids())
def test_ranks_peel_fronts(losses):
    rank = ranks(losses)
    assert ((rank == 0) == front(losses)).all()
    for level in range(rank.max() + 1):
        assert ((rank[rank >= level] == level) == front_by_definition(losses[rank >= level])).all()


@given(grids(), st.randoms(use_true_random=False))
def test_order_of_the_points_does_not_matter(losses, random):
    order = list(range(len(losses)))
    random.shuffle(order)
    assert (front(losses[order]) == front(losses)[order]).all()
    assert (ranks(losses[order]) == ranks(losses)[order]).all()
    corner = np.full(losses.shape[1], 6.0)
    assert hypervolume(losses[order], corner) == hypervolume(losses, corner)
    # Only among points that are equally far does the index decide.
    chosen, other = losses[knee(losses)], losses[order][knee(losses[order])]
    kept = losses[front(losses)]
    span = np.where(np.ptp(kept, axis=0) > 0, np.ptp(kept, axis=0), 1)
    assert (chosen / span).sum() == pytest.approx((other / span).sum())


@given(grids(), st.data())
def test_a_dominated_point_changes_nothing(losses, data):
    victim = data.draw(st.integers(0, len(losses) - 1))
    worse = losses[victim] + data.draw(
        npst.arrays(np.int64, losses.shape[1], elements=st.integers(0, 3)).filter(lambda step: step.any())
    )
    more = np.vstack([losses, worse])
    assert front(more).tolist() == [*front(losses).tolist(), False]
    corner = np.full(losses.shape[1], 7.0)
    assert hypervolume(more, corner) == hypervolume(losses, corner)


@given(grids(), st.data())
def test_hypervolume_grows_with_any_point(losses, data):
    point = data.draw(npst.arrays(np.int64, losses.shape[1], elements=st.integers(0, 7)))
    corner = np.full(losses.shape[1], 6.0)
    more = hypervolume(np.vstack([losses, point]), corner)
    before = hypervolume(losses, corner)
    assert more >= before
    covered = (losses <= point).all(axis=1).any() or (point >= corner).any()
    assert (more == before) == covered


@settings(max_examples=60)
@given(grids(max_points=8, side=4), st.integers(1, 5))
def test_hypervolume_counts_cells(losses, bound):
    corner = np.full(losses.shape[1], float(bound))
    assert hypervolume(losses, corner) == cells_dominated(losses, corner)


@given(grids(), st.data())
def test_scaling_an_axis_scales_the_volume_and_moves_no_member(losses, data):
    factors = np.array(data.draw(st.lists(st.sampled_from([0.25, 0.5, 2.0, 8.0]), min_size=4, max_size=4)))
    factors = factors[: losses.shape[1]]
    corner = np.full(losses.shape[1], 6.0)
    assert (ranks(losses * factors) == ranks(losses)).all()
    assert hypervolume(losses * factors, corner * factors) == hypervolume(losses, corner) * factors.prod()
    assert knee(losses * factors + 3) == knee(losses)


def test_hypervolume_against_monte_carlo():
    random = np.random.default_rng(0)
    losses = random.random((30, 3))
    samples = random.random((200_000, 3))
    hits = np.zeros(len(samples), dtype=bool)
    for point in losses:
        hits |= (samples >= point).all(axis=1)
    assert hypervolume(losses, np.ones(3)) == pytest.approx(hits.mean(), abs=0.005)


def test_worked_example():
    losses = [[1, 5], [2, 3], [4, 2], [4, 4], [2, 3], [6, 1], [7, 7]]
    assert front(losses).tolist() == [True, True, True, False, True, True, False]
    assert ranks(losses).tolist() == [0, 0, 0, 1, 0, 0, 2]
    # Columns from left to right under the reference (6, 6): 1 x 1, 2 x 3, 2 x 4; (6, 1) lies on the bound.
    assert hypervolume(losses, [6, 6]) == 1 + 2 * 3 + 2 * 4
    assert knee(losses) == 1


def test_hypervolume_of_two_boxes_in_three_dimensions():
    # Boxes of 2 x 2 x 2 and 3 x 1 x 1 that share 2 x 1 x 1.
    assert hypervolume([[1, 1, 1], [0, 2, 2]], [3, 3, 3]) == 8 + 3 - 2


def test_points_on_or_beyond_the_reference_add_nothing():
    assert hypervolume([[1, 3], [4, 0]], [3, 3]) == 0
    assert hypervolume(np.empty((0, 2)), [3, 3]) == 0


def test_one_objective():
    assert front([[2], [1], [1]]).tolist() == [False, True, True]
    assert ranks([[2], [1], [1], [5]]).tolist() == [1, 0, 0, 2]
    assert hypervolume([[2], [1]], [4]) == 3
    assert knee([[2], [1], [1]]) == 1


def test_no_point():
    assert front(np.empty((0, 3))).shape == ranks(np.empty((0, 2))).shape == (0,)
    with pytest.raises(InputError, match="no knee"):
        knee(np.empty((0, 2)))


def test_negative_zero_is_zero():
    assert front([[0.0, 1.0], [-0.0, 1.0]]).all()


@pytest.mark.parametrize(
    ("losses", "index"),
    [
        ([[3, 3]], 0),
        ([[0, 1], [1, 0]], 0),
        ([[1, 0], [0, 1], [1, 0]], 0),
        ([[9, 9], [0, 10], [1, 1], [10, 0]], 2),
        ([[0, 10], [9, 9], [10, 0]], 0),  # bulges away from the ideal point
        ([[0, 4, 7], [1, 1, 7], [4, 0, 7]], 1),  # the third objective is the same throughout
    ],
)
def test_knee(losses, index):
    assert knee(losses) == index


@pytest.mark.parametrize("losses", [[1, 2], [[np.nan, 1]], [[1, np.inf]], [[[1]]], np.empty((3, 0))])
@pytest.mark.parametrize("call", [front, ranks, knee, lambda losses: hypervolume(losses, [1, 1])])
def test_bad_losses_are_refused(call, losses):
    with pytest.raises(InputError):
        call(losses)


@pytest.mark.parametrize("reference", [[1], [1, np.nan], 3.0])
def test_bad_reference_is_refused(reference):
    with pytest.raises(InputError, match="reference must be 2 finite numbers"):
        hypervolume([[0, 0]], reference)


def test_large_sets_are_quick():
    random = np.random.default_rng(1)
    started = time.perf_counter()
    front(random.random((100_000, 2)))
    line = np.linspace(0, 1, 100_000)
    assert front(np.column_stack([line, 1 - line])).all()
    assert time.perf_counter() - started < 2
    sphere = np.abs(random.standard_normal((240, 4)))
    sphere = 1 - sphere / np.linalg.norm(sphere, axis=1, keepdims=True)
    for points, objectives in ((200, 3), (40, 4)):
        started = time.perf_counter()
        assert hypervolume(sphere[:points, :objectives], np.ones(objectives)) > 0
        assert time.perf_counter() - started < 2
