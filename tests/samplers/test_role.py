"""The suite that every sampler passes, whatever it proposes."""

import optuna
import pytest

from seplace.costs.table import CostTable
from seplace.effects.model import Observation
from seplace.placement import Placement, StageChoice
from seplace.samplers import SAMPLERS
from seplace.samplers.task import Task
from seplace.search.proposals import Proposals
from seplace.study.space_file import load_space

each_sampler = pytest.mark.parametrize("name", SAMPLERS)
SPACE = load_space("digits-resnet8")
KEPT = {"flops over its limit": -0.2, "training failed": -1.0}


def task(seed: int) -> Task:
    """Any module costs 1 FLOP."""
    extras = tuple({choice: (int(choice.module != "none"),) for choice in listed} for listed in SPACE.choices)
    cost_table = CostTable(names=("flops",), plain=(100,), extras=extras)
    return Task(space=SPACE, cost_table=cost_table, cost="flops", seeds=100, seed=seed)


def training(accuracy: float, *, seed: int = 0) -> Observation:
    """Return the observation of a training; the proposal names its placement."""
    return Observation(placement=Placement.uniform(StageChoice(), 3), seed=seed, accuracy=accuracy)


def proposals(name: str, *, seed: int = 0) -> Proposals:
    made = Proposals(task(seed), sampler=name, name="role")
    made.add_known(training(50.0), cost=100.0, constraints=KEPT, label="none")
    return made


def proposed(name: str, *, count: int = 14, seed: int = 0) -> list[str]:
    """Ask three at a time, as three workers would; every fourth breaks a constraint, every fifth fails."""
    made = proposals(name, seed=seed)
    found: list[str] = []
    running: list[int] = []
    for _ in range(count):
        while len(running) < 3:
            number, placement = made.ask(None)
            assert number == len(found) + 1
            assert placement in SPACE
            running.append(number)
            found.append(str(placement))
        number = running.pop(0)
        if number % 5 == 0:
            made.tell_failed(number)
            continue
        gates = sum(choice.module != "none" for choice in Placement.parse(found[number - 1]).choices)
        constraints = KEPT | ({"flops over its limit": 0.5} if number % 4 == 0 else {})
        accuracy = 50.0 + gates + number % 3
        made.tell(
            number,
            accuracy=accuracy,
            cost=100.0 + gates,
            constraints=constraints,
            training=training(accuracy, seed=number // 9),
        )
    states = [trial.state for trial in made.study.get_trials()]
    assert states.count(optuna.trial.TrialState.RUNNING) == 2
    return found


@each_sampler
def test_proposes_candidates_and_the_same_for_the_same_seed(name):
    one = proposed(name)
    assert len(one) == 16
    assert len(set(one)) > 3
    assert proposed(name) == one


@each_sampler
def test_proposes_others_for_another_seed(name):
    assert proposed(name, count=6) != proposed(name, count=6, seed=1)


@each_sampler
def test_keeps_its_state_in_the_study(name):
    """A study that is rebuilt by asking again goes on with the same proposals."""
    straight, rebuilt = proposals(name), proposals(name)

    def go_on(made: Proposals, fixed: Placement | None) -> Placement:
        number, placement = made.ask(fixed)
        accuracy = 50.0 + number
        made.tell(number, accuracy=accuracy, cost=100.0 + number % 4, constraints=KEPT, training=training(accuracy))
        return placement

    count = 12 if name == "gp" else 25  # past its random start; NSGA-II past its first generation
    first = [go_on(straight, None) for _ in range(count)]
    assert [go_on(rebuilt, placement) for placement in first] == first
    assert go_on(rebuilt, None) == go_on(straight, None)


def test_a_new_entry_is_picked_up():
    made = Proposals(task(1), sampler="tests.samplers.test_role:make_last", name="new")
    assert str(made.ask(None)[1]) == "eca.parallel-eca.parallel-eca.parallel"


class Last(optuna.samplers.RandomSampler):
    def sample_independent(self, study, trial, param_name, param_distribution):
        del study, trial, param_name
        return param_distribution.choices[-1]


def make_last(seed, task) -> Last:
    del task
    return Last(seed=seed)
