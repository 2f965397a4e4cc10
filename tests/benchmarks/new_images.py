"""How often 90 % intervals hold the gain on new images, on landscapes whose trainings are scored on a finite split.

A design is a set of trainings without a search, so that many repetitions are cheap; `seplace simulate` measures whole
searches. `python -m tests.benchmarks.new_images --repetitions 20 --output FILE.csv`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from seplace.effects.design import Design
from seplace.metric import ACCURACY
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation, Job
from seplace.results.observations import estimates_of
from seplace.simulation.landscapes import LANDSCAPES, landscape
from seplace.simulation.problem import SearchProblem
from seplace.simulation.validation_sample import with_images

IMAGES = (100, 500, 2000, None)
"""None: infinitely many."""

ONE_SEED, CONFIRMED, CROSSED = "25 x 1 seed", "25 x 1, best 3 x 4", "9 x 4 seeds"


@dataclass(frozen=True, kw_only=True)
class _Trainer:
    """Trains placements of a problem on seeds."""

    problem: SearchProblem

    def __call__(self, placements: Sequence[Placement], seeds: Sequence[int]) -> list[Evaluation]:
        jobs = [Job(placement=each, seed=seed, epochs=self.problem.length) for each in placements for seed in seeds]
        return [
            replace(
                self.problem.evaluate(job, on_epoch=lambda _: None),
                costs=self.problem.cost_table.costs_of(job.placement),
            )
            for job in jobs
        ]


def designs(problem: SearchProblem, *, seed: int) -> dict[str, tuple[list[Evaluation], list[Placement]]]:
    """Return the trainings of each design, and the placements that were chosen for being the best of them."""
    train = _Trainer(problem=problem)
    baselines = list(problem.space.baselines.values())
    drawn = np.random.default_rng([seed, 20]).choice(len(problem.space), 25 - len(baselines), replace=False)
    placements = [*baselines, *(problem.space.placement_at(int(index)) for index in drawn)]
    plain = next(each for each in placements if each.is_plain)
    once = train(placements, [0])
    others = sorted((row for row in once if row.placement != plain), key=lambda row: -row.value)
    best = [row.placement for row in others[:3]]
    crossed = [plain, *[each for each in placements if each != plain][:8]]
    return {
        ONE_SEED: (once, best),
        CONFIRMED: (once + train([plain, *best], [1, 2, 3]), best),
        CROSSED: (train(crossed, range(4)), []),
    }


def held(problem: SearchProblem, rows: Sequence[Evaluation], best: Sequence[Placement]) -> list[dict[str, object]]:
    """Return one record a placement beside the plain backbone: its estimated gain against the truth."""
    estimates = estimates_of(Design(problem.space), rows, problem.cost, metric=ACCURACY, is_front_of_space=False)
    plain = next(each for each in estimates.placements if each.is_plain)
    claimed = set(estimates.surely_better(plain))
    records = []
    for placement in estimates.placements:
        if placement == plain:
            continue
        true = {each: float(problem.truth[problem.space.index(each)]) for each in (placement, plain)}
        gain, true_gain = estimates.difference(placement, plain), true[placement] - true[plain]
        at, plain_at = estimates.position[placement], estimates.position[plain]
        records.append(
            {
                "error": gain.value - true_gain,
                "sd": (estimates.scores[:, at] - estimates.scores[:, plain_at]).std(),
                "width": gain.upper - gain.lower,
                "held": true_gain in gain,
                "below": true_gain < gain.lower,  # the estimate is too high
                "accuracy_held": true[placement] in estimates.score(placement),
                "best": placement in best,
                "claimed": placement in claimed,
                "wrong": placement in claimed and true_gain <= 0,
            }
        )
    return records


def measured(kind: str, repetitions: Sequence[int]) -> pd.DataFrame:
    """Return one row a repetition, number of images, design and placement."""
    rows = []
    for number in repetitions:
        whole = landscape(kind, seed=1000 + number)
        for images in IMAGES:
            problem = whole if images is None else with_images(whole, images=images, seed=number)
            for design, (trainings, best) in designs(problem, seed=number).items():
                same = {"number": number, "kind": kind, "images": images or "all", "design": design}
                rows += [same | record for record in held(problem, trainings, best)]
    return pd.DataFrame(rows)


def summarized(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row a kind, number of images and design; `_se` is a standard error over repetitions, in percent."""
    rows = []
    for (kind, images, design), part in table.groupby(["kind", "images", "design"], sort=False):
        shares = 100 * part.groupby("number")["held"].mean()
        claims = part.groupby("number")[["claimed", "wrong"]].any()
        rows.append(
            {
                "kind": kind,
                "images": images,
                "design": design,
                "n": len(shares),
                "held": shares.mean(),
                "held_se": shares.std() / np.sqrt(len(shares)),
                "too_high": 100 * part["below"].mean(),
                "too_low": 100 * (1 - part["held"].mean() - part["below"].mean()),
                "best_held": 100 * part.loc[part["best"], "held"].mean(),
                "accuracies_held": 100 * part["accuracy_held"].mean(),
                "bias": part["error"].mean(),
                "rmse": np.sqrt((part["error"] ** 2).mean()),
                "sd": part["sd"].mean(),
                "width": part["width"].mean(),
                "claims": int(claims["claimed"].sum()),
                "wrong": int(claims["wrong"].sum()),
                "claimed_placements": int(part["claimed"].sum()),
                "wrong_placements": int(part["wrong"].sum()),
            }
        )
    return pd.DataFrame(rows)


def printed(summary: pd.DataFrame) -> str:
    """Return the rows with as many digits as they have."""
    percent = {name: "{:.0f}".format for name in summary if name.endswith(("held", "held_se")) or name[:4] == "too_"}
    points = {"bias": "{:+.2f}".format} | {name: "{:.2f}".format for name in ("rmse", "sd", "width")}
    return summary.to_string(index=False, formatters=percent | points)


def main(repetitions: int, kinds: Sequence[str], output: Path | None) -> None:
    """Print the shares, one kind after the other, and add them to a file if there is one."""
    for kind in kinds:
        summary = summarized(measured(kind, range(repetitions)))
        print(printed(summary), flush=True)
        if output:
            summary.round(4).to_csv(output, mode="a", header=not output.exists(), index=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=list(LANDSCAPES), metavar="KIND")
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    main(given.repetitions, given.kinds, given.output)
