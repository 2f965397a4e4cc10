"""What the first candidates of a recommendation have of the true hypervolume: `python -m tests.benchmarks.candidates`.

Observed fronts have fewer candidates than are recommended: this values as many.
"""

from __future__ import annotations

import sys
from collections import defaultdict

import numpy as np

from seplace.effects.denoised import denoised
from seplace.effects.model import Posterior
from seplace.effects.recommend import recommended_front
from seplace.metric import ACCURACY
from seplace.results.observations import observations_of
from seplace.results.summaries import front_of, summarize
from seplace.simulation.problem import SearchProblem
from seplace.simulation.problem_name import problem_of
from seplace.simulation.replay import Phases, replay

PROBLEMS = ("results/cifar10-table", "results/cifar10-table[truth=effects]", "usual")
TRAININGS = (12, 18, 25)
FIRST = (4, 6, 8)


def size_of_true_front(problem: SearchProblem) -> int:
    """Return how many candidates of the space no other one dominates."""
    best = np.maximum.accumulate(problem.truth[np.argsort(problem.priced_space.cost.everywhere(), kind="stable")])
    return 1 + int(np.sum(best[1:] > best[:-1]))


def main() -> None:
    """Print means over searches with 95 % intervals."""
    searches = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    for name in PROBLEMS:
        shares: dict[tuple[int, str], list[float]] = defaultdict(list)
        candidates: dict[tuple[int, str], list[int]] = defaultdict(list)
        true: list[int] = []
        for number in range(searches):
            problem = problem_of(name, number=number)
            true.append(size_of_true_front(problem))
            replayed = replay(problem, Phases(trainings=max(TRAININGS), seeds=3), sampler="effects", seed=number)
            for trainings in TRAININGS:
                history = replayed.evaluations[:trainings]
                observations = denoised(replayed.design, observations_of(history, ACCURACY))
                posterior = Posterior(replayed.design, observations, draws=24, random=np.random.default_rng(trainings))
                recommended = problem.placements(recommended_front(posterior, problem.priced_space, closed=()))
                observed = [row.placement for row in front_of(summarize(history, ACCURACY), problem.cost)]
                fronts = {f"the first {count} recommended": recommended[:count] for count in FIRST}
                for kind, front in (fronts | {"all recommended": recommended, "observed front": observed}).items():
                    shares[trainings, kind].append(problem.share(front))
                    candidates[trainings, kind].append(len(front))
        print(f"{name}: true fronts have {np.mean(true):.1f} candidates")
        for (trainings, kind), values in shares.items():
            reach = 1.96 * np.std(values, ddof=1) / np.sqrt(searches)
            print(
                f"{name}, {trainings} trainings, {kind} ({np.mean(candidates[trainings, kind]):.1f} candidates): "
                f"{np.mean(values):.3f} ± {reach:.3f} of the true hypervolume (n = {searches})",
                flush=True,
            )


if __name__ == "__main__":
    main()
