"""Time and memory of a proposal of the sampler of effects: `python -m tests.benchmarks.proposal`."""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
import optuna

from seplace.effects.covariates import learn_covariate, tables_of
from seplace.effects.design import Design
from seplace.effects.level_tables import Tables
from seplace.samplers.effects import make
from seplace.samplers.parameters import Parameters
from seplace.samplers.task import CROSS_ENTROPY, SCORE, SEED, Task
from seplace.simulation.landscapes import landscape
from seplace.simulation.problem import SearchProblem
from tests.benchmarks.figures import show, show_machine


def covariates_in(problem: SearchProblem, count: int) -> dict[str, Tables]:
    """Learn a number of proxies from 64 candidates each."""
    random = np.random.default_rng(1)
    scored = [problem.space.placement_at(int(index)) for index in random.integers(len(problem.space), size=64)]
    others = [landscape("usual", seed=0, correlation=0.6 - 0.3 * number) for number in range(count)]
    design = Design(problem.space)
    learned = [learn_covariate(design, {each: other.score(each) for each in scored}) for other in others]
    return tables_of({f"proxy {number}": each for number, each in enumerate(learned)})


def proposal_seconds(evaluations: int, rounds: int, *, proxies: int) -> list[float]:
    """Return the seconds of proposals in a space of 279,841 placements after a number of evaluations."""
    problem = landscape("usual", seed=0)
    covariates = covariates_in(problem, proxies)
    task = Task(
        space=problem.space, cost_table=problem.cost_table, cost="flops", seeds=3, seed=0, covariates=covariates
    )
    parameters = Parameters(problem.space)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=make(0, task))
    random = np.random.default_rng(0)
    for index in random.integers(len(problem.space), size=evaluations):
        placement = problem.space.placement_at(int(index))
        accuracy = problem.observe(placement, 0)
        loss = (100 - accuracy + 0.1 * random.standard_normal()) / 45  # nats, on a line but for a tenth of a point
        study.add_trial(
            optuna.trial.create_trial(
                values=[accuracy, problem.cost_table.costs_of(placement)["flops"]],
                params=parameters.of(placement),
                distributions=parameters.distributions,
                user_attrs={SEED: 0, SCORE: accuracy, CROSS_ENTROPY: loss},
            )
        )
    seconds = []
    for number in range(rounds + 1):
        study.sampler = make(number, task)  # as a search makes one for each proposal
        start = time.perf_counter()
        study.ask(parameters.distributions)
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


def main() -> None:
    """Print medians with quartiles, and the greatest memory of this process."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    show_machine()
    for evaluations, proxies in ((25, 0), (100, 0), (1000, 0), (1000, 4)):
        subject = f"proposal after {evaluations:,} evaluations of 279,841 placements, {proxies} proxies"
        show(subject, proposal_seconds(evaluations, rounds, proxies=proxies), "s", mark="0.3")
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"greatest memory of this process: {megabytes:.0f} MB (mark: 500)")


if __name__ == "__main__":
    main()
