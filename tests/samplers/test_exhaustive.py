from collections import Counter

import optuna
import pytest

from seplace.errors import UnknownName
from seplace.placement import Placement
from seplace.samplers.exhaustive import ExhaustiveSampler
from seplace.samplers.parameters import Parameters
from seplace.samplers.task import Task
from tests.effects.toy import SMALL, WIDER, cost_table_of


def proposed(space, *, count: int, seed: int = 0, known: int = 0) -> list[Placement]:
    """The placements of a study without the seeds of trials: any sampler object may make any proposal."""
    task = Task(space=space, cost_table=cost_table_of(space), cost="flops", seeds=2, seed=seed)
    parameters = Parameters(space)
    study = optuna.create_study(directions=["maximize", "minimize"])
    for _ in range(known):
        study.add_trial(
            optuna.trial.create_trial(
                values=[80.0, 1.0],
                params=parameters.of(space.placement_at(0)),
                distributions=parameters.distributions,
            )
        )
    found = []
    for _ in range(count):
        study.sampler = ExhaustiveSampler(task)
        trial = study.ask(parameters.distributions)
        found.append(parameters.placement(trial.params))
        study.tell(trial, [80.0, 1.0])
    return found


@pytest.mark.parametrize("space", [SMALL, WIDER], ids=["small", "wider"])
@pytest.mark.parametrize("known", [0, 5])
def test_proposes_every_candidate_and_starts_again(space, known):
    size = len(space)
    found = proposed(space, count=2 * size, known=known)
    assert set(found[:size]) == set(space)
    assert found[size:] == found[:size]
    assert set(Counter(found).values()) == {2}


def test_the_order_depends_on_the_seed_of_the_search():
    one, same, other = (proposed(SMALL, count=8, seed=seed) for seed in (3, 3, 4))
    assert one == same != other
    assert one != [SMALL.placement_at(at) for at in range(8)]


def test_has_no_other_parameter():
    task = Task(space=SMALL, cost_table=cost_table_of(SMALL), cost="flops", seeds=2, seed=0)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=ExhaustiveSampler(task))
    with pytest.raises(UnknownName, match="unknown parameter of space toy 'dropout'"):
        study.ask().suggest_float("dropout", 0, 1)
