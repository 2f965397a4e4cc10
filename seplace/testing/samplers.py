"""What every sampler must do, whatever it proposes."""

from __future__ import annotations

import functools

from seplace.costs.table import CostTable
from seplace.effects.model import Observation
from seplace.placement import Placement, StageChoice
from seplace.samplers.task import Task
from seplace.search.proposals import Proposals
from seplace.space import SearchSpace
from seplace.study.space_file import load_space
from seplace.testing.expectations import expect

KEPT = {"flops over its limit": -0.2, "training failed": -1.0}


@functools.cache
def space() -> SearchSpace:
    """Return the space of the proposals."""
    return load_space("digits-resnet8")


def task(seed: int) -> Task:
    """Return a task in which any module costs 1 FLOP."""
    extras = tuple({choice: (int(choice.module != "none"),) for choice in listed} for listed in space().choices)
    cost_table = CostTable(names=("flops",), plain=(100,), extras=extras)
    return Task(space=space(), cost_table=cost_table, cost="flops", seeds=100, seed=seed)


def proposals(name: str, *, seed: int = 0) -> Proposals:
    """Return the proposals of a sampler that knows the plain backbone."""
    made = Proposals(task(seed), sampler=name, name="role", workers=1)
    made.add_known(_training(50.0), cost=100.0, constraints=KEPT, label="none")
    return made


def proposed(name: str, *, count: int = 14, seed: int = 0) -> list[str]:
    """Ask three at a time, as three workers would; every fourth breaks a constraint, every fifth fails."""
    made = proposals(name, seed=seed)
    found: list[str] = []
    running: list[int] = []
    for _ in range(count):
        while len(running) < 3:
            number, placement = made.ask(None)
            expect(number == len(found) + 1, f"sampler {name}: proposal {number} comes after {len(found)}")
            expect(placement in space(), f"sampler {name} proposes {placement}, which is not in the space")
            running.append(number)
            found.append(str(placement))
        number = running.pop(0)
        if number % 5 == 0:
            made.tell_failed(number)
            continue
        gates = sum(choice.module != "none" for choice in Placement.parse(found[number - 1]).choices)
        constraints = KEPT | ({"flops over its limit": 0.5} if number % 4 == 0 else {})
        score = 50.0 + gates + number % 3
        made.tell(
            number,
            score=score,
            cost=100.0 + gates,
            constraints=constraints,
            training=_training(score, seed=number // 9),
        )
    if made.reads_study:
        states = [trial.state.name for trial in made.study.get_trials()]
        expect(states.count("RUNNING") == 2, f"sampler {name} changes the states of trials")
    return found


def proposes_candidates(name: str) -> None:
    """Check that proposals are varied candidates of the space, and the same for the same seed."""
    one = proposed(name)
    expect(len(set(one)) > 3, f"sampler {name} proposes {len(set(one))} placements in {len(one)} proposals")
    expect(proposed(name) == one, f"sampler {name} proposes others for the same seed")


def depends_on_the_seed(name: str) -> None:
    """Check that another seed gives other proposals."""
    is_other = proposed(name, count=6) != proposed(name, count=6, seed=1)
    expect(is_other, f"sampler {name} proposes the same for another seed")


def keeps_its_state_in_the_study(name: str, *, count: int = 25) -> None:
    """Check that a study which is rebuilt after `count` proposals goes on with the same ones."""
    straight, rebuilt = proposals(name), proposals(name)

    def go_on(made: Proposals, fixed: Placement | None) -> Placement:
        number, placement = made.ask(fixed)
        score = 50.0 + number
        made.tell(number, score=score, cost=100.0 + number % 4, constraints=KEPT, training=_training(score))
        return placement

    first = [go_on(straight, None) for _ in range(count)]
    expect([go_on(rebuilt, placement) for placement in first] == first, f"sampler {name}: fixed proposals change")
    is_same = go_on(rebuilt, None) == go_on(straight, None)
    expect(is_same, f"sampler {name} keeps a state outside the study: a resumed search would go on otherwise")


CHECKS = (proposes_candidates, depends_on_the_seed, keeps_its_state_in_the_study)


def _training(score: float, *, seed: int = 0) -> Observation:
    """Return the observation of a training; the proposal names its placement."""
    return Observation(placement=Placement.uniform(StageChoice(), 3), seed=seed, score=score)
