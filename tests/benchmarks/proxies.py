"""What a proxy is worth after the same trainings with and without it: `python -m tests.benchmarks.proxies`."""

from __future__ import annotations

import sys
from collections import defaultdict

import numpy as np

from seplace.effects.covariates import learn_covariate, tables_of
from seplace.effects.design import Design
from seplace.effects.model import Observation, Posterior
from seplace.effects.recommend import recommended_front
from seplace.placement import Placement
from seplace.simulation.landscapes import landscape

CORRELATIONS = (None, 0.9, 0.6, 0.0, -0.6)
TRAININGS = (10, 25, 50)
FIRST = 100
"""The landscape that is drawn first."""


def reached(number: int) -> dict[tuple[int, float | None], float]:
    """Return the true hypervolume of the recommended front, the baselines and random candidates being trained."""
    problem = landscape("usual", seed=number)
    space, random = problem.space, np.random.default_rng(number)
    marks = list(space.baselines.values())

    def drawn(count: int) -> list[Placement]:
        return [space.placement_at(int(at)) for at in random.choice(len(space), size=count, replace=False)]

    scored = dict.fromkeys([*marks, *drawn(64)])
    designs = {}
    for correlation in CORRELATIONS:
        covariates = {}
        if correlation is not None:
            score = landscape("usual", seed=number, correlation=correlation).score
            learned = learn_covariate(Design(space), {placement: score(placement) for placement in scored})
            covariates = tables_of({"proxy": learned})
        designs[correlation] = Design(space, covariates=covariates)
    found = {}
    for trainings in TRAININGS:
        trained = [*marks, *drawn(trainings - len(marks))]
        observations = [Observation(placement=each, seed=0, score=problem.observe(each, 0)) for each in trained]
        for correlation, design in designs.items():
            posterior = Posterior(design, observations, draws=8, random=np.random.default_rng(0))
            front = recommended_front(posterior, problem.priced_space, closed=())
            found[trainings, correlation] = problem.share(problem.placements(front))
    return found


def main() -> None:
    """Print means over problems, and mean differences to no proxy, with 95 % intervals."""
    problems = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    rows = defaultdict(list)
    for number in range(FIRST, FIRST + problems):
        for key, share in reached(number).items():
            rows[key].append(share)
    for (trainings, correlation), shares in rows.items():
        gains = np.array(shares) - rows[trainings, None]
        reach = 1.96 * gains.std(ddof=1) / np.sqrt(problems)
        kind = "no proxy" if correlation is None else f"correlation {correlation:+.1f}"
        print(
            f"{trainings} trainings, {kind:16}: {np.mean(shares):.3f} of the true hypervolume, "
            f"{gains.mean():+.3f} ± {reach:.3f} (n = {problems} problems)"
        )


if __name__ == "__main__":
    main()
