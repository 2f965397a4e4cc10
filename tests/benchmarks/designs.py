"""What a few trainings can say at best: the table of real trainings, by designs that know their number beforehand.

`python -m tests.benchmarks.designs`. A search cannot be expected to make much more of as many trainings.
"""

from __future__ import annotations

import sys

import numpy as np

from seplace.arrays import Floats
from seplace.effects.denoised import denoised
from seplace.effects.design import Design
from seplace.effects.model import Posterior
from seplace.effects.recommend import recommended_front
from seplace.metric import ACCURACY
from seplace.results.evaluation import Job
from seplace.results.observations import observations_of
from seplace.simulation.problem import SearchProblem
from seplace.simulation.problem_name import problem_of

PROBLEMS = ("results/cifar10-table", "results/cifar10-table[truth=effects]")
TRAININGS = (12, 18, 25)
NOISE = 1.3
"""Of a training, in units of the spread of placements (`seplace noise results/cifar10-table`: 1.00 over 0.76)."""
_SWEEPS = 5


def covariance(design: Design) -> Floats:
    """Return what the model believes before any training: the covariance of the accuracies of all candidates."""
    candidates = [design.space.placement_at(index) for index in range(len(design.space))]
    weighted = design.rows(design.levels(candidates)) * [design.scales[group].median for group in design.groups]
    return np.asarray(weighted @ weighted.T)


def most_informative(prior: Floats, count: int, *, given: list[int], random: np.random.Generator) -> list[int]:
    """Return a D-optimal design: `given` and others, exchanged one by one for what tells most beside the rest.

    There are many, which say equally much of the space and not of its front: which one is found is a matter of chance.
    """
    others = np.setdiff1d(np.arange(len(prior)), given)
    chosen = [*given, *random.choice(others, size=count - len(given), replace=False).tolist()]
    for _ in range(_SWEEPS):
        for place in range(len(given), count):
            chosen[place] = _most_uncertain(prior, chosen[:place] + chosen[place + 1 :])
    return chosen


def _most_uncertain(prior: Floats, trained: list[int]) -> int:
    known = prior[np.ix_(trained, trained)] + NOISE**2 * np.eye(len(trained))
    explained = (prior[trained] * np.linalg.solve(known, prior[trained])).sum(axis=0)
    left = np.diag(prior) - explained
    left[trained] = -np.inf  # a table has one training of a placement on a seed
    return int(left.argmax())


def reached(problem: SearchProblem, candidates: list[int]) -> float:
    """Return the true hypervolume of what the model recommends after training candidates once, all on one seed."""
    epochs = problem.length
    trained = [
        problem.evaluate(
            Job(placement=problem.space.placement_at(index), seed=0, epochs=epochs), on_epoch=lambda _: None
        )
        for index in candidates
    ]
    observations = denoised(problem.priced_space.design, observations_of(trained, ACCURACY))
    posterior = Posterior(problem.priced_space.design, observations, draws=24, random=np.random.default_rng(0))
    return problem.share(problem.placements(recommended_front(posterior, problem.priced_space, closed=())))


def main() -> None:
    """Print means over problems with 95 % intervals."""
    problems = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    for name in PROBLEMS:
        design = problem_of(name, number=0).priced_space.design
        marks = [design.space.index(mark) for mark in design.space.baselines.values()]
        prior = covariance(design)
        for trainings in TRAININGS:
            for kind, given in (("baselines and a D-optimal rest", marks), ("D-optimal", [])):
                shares = [
                    reached(
                        problem_of(name, number=number),
                        most_informative(prior, trainings, given=given, random=np.random.default_rng(number)),
                    )
                    for number in range(problems)
                ]
                reach = 1.96 * np.std(shares, ddof=1) / np.sqrt(problems)
                print(
                    f"{name}, {trainings} trainings, {kind:31}: {np.mean(shares):.3f} ± {reach:.3f} "
                    f"of the true hypervolume (n = {problems})",
                    flush=True,
                )


if __name__ == "__main__":
    main()
