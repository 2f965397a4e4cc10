"""A study whose metric is on another scale, or negated and minimized, is the same study to the last placement."""

from dataclasses import replace

import pytest

from seplace.metric import Metric
from seplace.results.observations import estimates_of
from seplace.simulation.landscapes import landscape
from seplace.simulation.problem import SearchProblem
from seplace.simulation.replay import Phases, replay
from tests.marks import in_the_long_form

SHORT = Phases(trainings=10, seeds=2, confirm_seeds=2, confirm_trainings=2)
WHOLE = Phases(trainings=40, seeds=2, confirm_seeds=4, confirm_trainings=16)
RUNGS = Phases(trainings=30, seeds=1, rungs=(0.11, 0.33))
MINIMIZED = "minimize"


def scaled(factor: float, goal: str = "maximize", *, offset: float = 0.0) -> SearchProblem:
    """A landscape whose accuracy is a metric of the user's own, in another unit; scores are larger where better."""
    known = landscape("usual", seed=0)
    return replace(
        known,
        metric=Metric(name="val_miou", goal=goal, label="mIoU", test_name="test_miou"),
        truth=factor * known.truth + offset,
        lowest=factor * known.lowest + offset,
        observe=lambda placement, seed: factor * known.observe(placement, seed) + offset,
        early=lambda placement, seed, epochs: factor * known.early(placement, seed, epochs) + offset,
        cross_entropy=None,
    )


def study(problem: SearchProblem, sampler: str, phases: Phases):
    """The trainings in their order, the front, its probabilities, and the expected regret."""
    found = replay(problem, phases, sampler=sampler, seed=3)
    estimates = estimates_of(
        found.design, found.evaluations, problem.cost, metric=problem.metric, is_front_of_space=False
    )
    return (
        [row.key for row in found.evaluations],
        estimates.front,
        estimates.front_probabilities,
        found.expected_regret,
        found.rungs,
    )


@pytest.mark.parametrize(
    ("sampler", "phases", "others"),
    [
        ("effects", SHORT, [(1 / 25.4, MINIMIZED)]),
        *(
            in_the_long_form(sampler, WHOLE, [(100.0,), (1e-4, MINIMIZED)])
            for sampler in ("effects", "gp", "nsga2", "random", "tpe", "tpe_factors", "tpe_ordered")
        ),
        in_the_long_form("effects", RUNGS, [(100.0,), (1e-4, MINIMIZED)]),
    ],
)
def test_a_study_is_the_same_on_every_scale(sampler, phases, others):
    wanted = study(scaled(1.0), sampler, phases)
    for other in others:
        assert study(scaled(*other), sampler, phases) == wanted, other
