"""Do intervals of gains hold on samples that nobody has seen, where each sample has a score in place of a bit?

python -m tests.benchmarks.coverage_scores [--sets N] [--samples V] [--factor F]

Made-up trainings of nine placements on 1 to 4 seeds. The score of a sample, between 0 and 1 as an IoU, is the logistic
function of a sum: how hard the sample is, the gain of the placement, what the placement, the seed and the single
training each change about the sample, and what the single training changes about all samples. The truth of a gain is
its mean over 20,000 other samples and 20 other seeds. Shares of 90 % intervals that hold it are printed, with the
scores of samples and without; `--factor` puts the metric on another scale, which changes nothing. `claims` are
verdicts at 95 % over the plain backbone, `wrong` those whose truth is not above 0.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from seplace.arrays import Floats
from seplace.effects.design import Design
from seplace.effects.estimates import Estimates
from seplace.effects.model import Observation
from seplace.metric import Metric
from seplace.placement import Placement
from seplace.sample_scores import SampleScores
from tests.effects.toy import SMALL

METRIC = Metric(name="val_iou", goal="maximize", label="IoU", test_name="test_iou")
DESIGN = Design(SMALL)
PLACEMENTS = [SMALL.placement_at(index) for index in (0, 1, 3, 5, 9, 14, 18, 22, 26)]
PLAIN = PLACEMENTS[0]

_TRUTH_SAMPLES, _TRUTH_SEEDS = 20_000, 20


@dataclass(frozen=True, kw_only=True)
class Task:
    """Effects on the logit of a score."""

    gain: Mapping[Placement, float]
    persistent: float = 0.5
    """The standard deviation over samples of what a placement changes, on every seed."""
    seed: float = 0.4
    training: float = 0.6
    whole: float = 0.05
    """The standard deviation over trainings of what one changes about all samples."""

    def scores(self, samples: int, seeds: int, random: np.random.Generator) -> dict[Placement, Floats]:
        """Draw the scores of some trainings of each placement: (seeds, samples)."""
        hard = 1.0 + 1.5 * random.standard_normal(samples)
        by_seed = self.seed * random.standard_normal((seeds, samples))
        found = {}
        for placement, gain in self.gain.items():
            own = self.persistent * random.standard_normal(samples)
            chance = self.training * random.standard_normal((seeds, samples))
            whole = self.whole * random.standard_normal((seeds, 1))
            found[placement] = 1 / (1 + np.exp(-(hard + gain + own + by_seed + chance + whole)))
        return found


def task(number: int) -> Task:
    """Draw a task, of which one third of the placements gain nothing."""
    random = np.random.default_rng([number, 0])
    gains = {each: 0.1 * random.standard_normal() * (random.random() > 1 / 3) for each in PLACEMENTS[1:]}
    return Task(gain={PLAIN: 0.0} | gains)


def held(number: int, *, samples: int, factor: float) -> list[dict[str, float]]:
    """Return one row for each number of seeds, with and without scores: intervals, those that hold, and claims."""
    known = task(number)
    elsewhere = replace(known, whole=0.0).scores(_TRUTH_SAMPLES, _TRUTH_SEEDS, np.random.default_rng([number, 1]))
    truth = {each: factor * float((elsewhere[each] - elsewhere[PLAIN]).mean()) for each in PLACEMENTS}
    scores = known.scores(samples, 4, np.random.default_rng([number, 2]))
    rows = []
    for seeds in (1, 2, 4):
        full = [
            Observation(
                placement=placement,
                seed=seed,
                score=factor * float(of_seed[seed].mean()),
                sample_scores=SampleScores.of(factor * of_seed[seed]),
            )
            for placement, of_seed in scores.items()
            for seed in range(seeds)
        ]
        for with_scores in (True, False):
            given = full if with_scores else [replace(each, sample_scores=None) for each in full]
            estimates = Estimates(DESIGN, given, dict.fromkeys(PLACEMENTS, 1.0), metric=METRIC)
            gains = {each: estimates.difference(each, PLAIN) for each in PLACEMENTS[1:]}
            claimed = estimates.surely_better(PLAIN)
            rows.append(
                {
                    "seeds": seeds,
                    "with_scores": with_scores,
                    "intervals": len(gains),
                    "held": sum(truth[each] in gain for each, gain in gains.items()),
                    "width": float(np.mean([each.upper - each.lower for each in gains.values()])) / factor,
                    "claims": len(claimed),
                    "wrong": sum(truth[each] <= 0 for each in claimed),
                }
            )
    return rows


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=60)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--factor", type=float, default=1.0)
    given = parser.parse_args()
    rows = [row for number in range(given.sets) for row in held(number, samples=given.samples, factor=given.factor)]
    print(f"{given.sets} tasks, {given.samples} validation samples, {len(PLACEMENTS) - 1} gains each")
    print("seeds  scores   held          width   claims  wrong")
    for seeds in (1, 2, 4):
        for with_scores in (True, False):
            some = [row for row in rows if (row["seeds"], row["with_scores"]) == (seeds, with_scores)]
            shares = np.array([row["held"] / row["intervals"] for row in some])
            error = shares.std(ddof=1) / np.sqrt(len(shares))
            share = f"{100 * shares.mean():4.1f} ± {100 * error:3.1f} %"
            print(
                f"{seeds:>5}  {'with' if with_scores else 'without':<7}  {share}"
                f"  {np.mean([row['width'] for row in some]):.4f}  {sum(row['claims'] for row in some):>5}"
                f"  {sum(row['wrong'] for row in some):>5}"
            )


if __name__ == "__main__":
    main()
