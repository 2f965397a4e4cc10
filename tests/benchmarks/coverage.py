"""Do intervals of gains hold on images that nobody has seen? Shares over data sets whose gains are known.

python -m tests.benchmarks.coverage train FOLDER [--cifar FOLDER] [--kinds KIND …] [--seeds N] [--backward]
python -m tests.benchmarks.coverage analyse FOLDER OUTPUT --model NAME [--without-images] [--repetitions N]

`train` keeps trainings in FOLDER (`tests/benchmarks/coverage_trainings.py` says which; 2,304 of a second each).

`analyse` gives the model what a user has: all placements on 1 to 4 seeds, scored on 100, 500 or 2,000 images. A
repetition has other images, or the same ones and other seeds. The intervals of the gains over plain are held to the
gains of all other seeds on 10,000 other images. `--without-images` withholds which images were right, which versions
before 0.13 did not know. The rows of other models in OUTPUT stay, so that they can be held beside these.

- `intervals.csv`: one row an interval, with the truth and its standard error, over seeds and images.
- `coverage.csv`: one row for each model, kind of data set, number of images and of seeds. `held` is the share of
  intervals that hold the truth; `held_corrected` of those that do once the truth's own 90 % error is added in
  quadrature to their half-widths. Of verdicts at 95 %, `claims_wrong` is the share of claims whose truth is not above
  zero, `studies_wrong` that of all studies with such a claim; `_expected` has the probability of that instead. Standard
  errors are over data sets, since the intervals of one are not independent.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.stats import norm

from seplace.arrays import Floats, ImageBits
from seplace.costs.of_space import count_space
from seplace.effects.design import Design
from seplace.effects.estimates import Estimates
from seplace.effects.model import Observation
from seplace.files.versions import versions
from seplace.interval import LEVEL
from seplace.placement import Placement
from seplace.training.devices import device_name
from tests.benchmarks.coverage_trainings import (
    KINDS,
    NUMBERS,
    PLACEMENTS,
    PLAIN,
    SEEDS,
    SIDE,
    SPACE,
    TRAINED,
    VALIDATION_IMAGES,
    make_trainings,
    path_of,
)

IMAGES = (100, 500, 2_000)
_GROUP = ["model", "kind", "images", "seeds"]
_SHOWN = ("held", "held_corrected", "front_held_corrected", "claims_wrong_expected", "studies_wrong_expected")


@dataclass(frozen=True, eq=False)
class KnownSet:
    """The trainings of a data set: which images each of them gets right."""

    kind: str
    number: int
    validation: NDArray[np.bool_]
    """(placements, trained seeds, images)."""
    test: NDArray[np.bool_]
    """(placements, seeds of the truth, images)."""

    def truth(self) -> tuple[Floats, Floats]:
        """Return the gain of each placement over the first, in points, and its standard error.

        With effects of seeds, of images and of both together, the variance of the mean over all is the sum of the
        variances of the means over seeds and over images less that of what is in both.
        """
        differences = 100 * (self.test.astype(float) - self.test[0].astype(float))
        seeds, images = differences.shape[1:]
        of_seed, of_image = differences.mean(axis=2), differences.mean(axis=1)
        gains = differences.mean(axis=(1, 2))
        rest = differences - of_seed[:, :, None] - of_image[:, None] + gains[:, None, None]
        both = (rest**2).sum(axis=(1, 2)) / ((seeds - 1) * (images - 1) * seeds * images)
        variance = of_seed.var(axis=1, ddof=1) / seeds + of_image.var(axis=1, ddof=1) / images - both
        return gains, np.sqrt(np.maximum(variance, 0.0))


def read_set(folder: Path, kind: str, number: int) -> KnownSet | None:
    """Return a data set with all seeds that are there; None where there are fewer than SEEDS."""
    paths = list(itertools.takewhile(Path.exists, (path_of(folder, kind, number, seed) for seed in itertools.count())))
    if len(paths) < SEEDS:
        return None
    files = [np.load(path) for path in paths]
    assert all(file["placement"].tolist() == [str(placement) for placement in PLACEMENTS] for file in files)

    def bits(name: str, some: Sequence[Mapping[str, NDArray[np.uint8]]]) -> NDArray[np.bool_]:
        return np.stack([np.unpackbits(file[name], axis=1).astype(bool) for file in some], axis=1)

    return KnownSet(kind, number, bits("validation", files[: len(TRAINED)]), bits("test", files[len(TRAINED) :]))


def samples(images: int, seeds: int, repetitions: int) -> Iterator[tuple[slice, list[int]]]:
    """Yield the images and the seeds of each repetition: other images while there are some, and the seeds in turn."""
    blocks = VALIDATION_IMAGES // images
    different = min(repetitions, blocks if seeds == len(TRAINED) else max(blocks, len(TRAINED)))
    for repetition in range(different):
        start = repetition % blocks * images
        yield slice(start, start + images), [(repetition + each) % len(TRAINED) for each in range(seeds)]


def intervals(
    known: KnownSet,
    design: Design,
    costs: dict[Placement, float],
    *,
    with_images: bool,
    repetitions: int,
    numbers_of_images: Sequence[int] = IMAGES,
) -> Iterator[dict[str, object]]:
    """Yield the interval of each gain over plain, for each number of images and seeds, beside the truth."""
    truth, errors = known.truth()
    for images in numbers_of_images:
        for seeds in range(1, len(TRAINED) + 1):
            for repetition, (block, some) in enumerate(samples(images, seeds, repetitions)):
                estimates = Estimates(design, _observations(known, block, some, with_images=with_images), costs)
                sure = estimates.surely_better(PLAIN)
                for placement, gain, error in zip(PLACEMENTS[1:], truth[1:], errors[1:], strict=True):
                    interval = estimates.difference(placement, PLAIN)
                    yield {
                        "kind": known.kind,
                        "number": known.number,
                        "images": images,
                        "seeds": seeds,
                        "repetition": repetition,
                        "placement": str(placement),
                        "gain": interval.value,
                        "lower": interval.lower,
                        "upper": interval.upper,
                        "on_front": placement in estimates.front,
                        "sure": placement in sure,
                        "truth": gain,
                        "truth_error": error,
                    }


def _observations(known: KnownSet, block: slice, seeds: Sequence[int], *, with_images: bool) -> list[Observation]:
    return [
        Observation(
            placement=placement,
            seed=seed,
            score=100 * float(right[seed, block].mean()),
            correct=ImageBits.of(right[seed, block]) if with_images else None,
        )
        for placement, right in zip(PLACEMENTS, known.validation, strict=True)
        for seed in seeds
    ]


def coverage(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the shares of each group of intervals, of all kinds and of all numbers of seeds together too."""
    rows = rows.assign(**_judged(rows), set=rows["kind"] + "-" + rows["number"].astype(str))
    rows["study"] = rows["seeds"].astype(str) + "-" + rows["repetition"].astype(str)
    summed = []
    for together in ([], ["kind"], ["seeds"], ["kind", "seeds"]):
        merged = rows.assign(**dict.fromkeys(together, "all")).astype({"kind": str, "seeds": str})
        for group, some in merged.groupby(_GROUP, sort=False):
            summed.append({**dict(zip(_GROUP, group, strict=True)), **_shares(some)})
    return pd.DataFrame(summed)


def _judged(rows: pd.DataFrame) -> dict[str, pd.Series]:
    quantile = norm.ppf((1 + LEVEL) / 2)
    off = rows["truth"] - rows["gain"]
    half = (rows["upper"] - rows["gain"]).where(off > 0, rows["gain"] - rows["lower"])
    certain = rows["truth_error"] > 0
    chance = norm.cdf(-rows["truth"] / rows["truth_error"].where(certain, 1.0))
    return {
        "held": (rows["lower"] <= rows["truth"]) & (rows["truth"] <= rows["upper"]),
        "held_corrected": off.abs() <= np.hypot(half, quantile * rows["truth_error"]),
        "width": rows["upper"] - rows["lower"],
        "wrong": rows["sure"] & (rows["truth"] <= 0),
        "wrong_expected": np.where(certain, chance, rows["truth"] <= 0) * rows["sure"],
    }


def _shares(some: pd.DataFrame) -> dict[str, float]:
    front, sure = some[some["on_front"]], some[some["sure"]]
    studies = some.groupby(["set", "study"])[["wrong", "wrong_expected"]].max().reset_index()
    return {
        "sets": some["set"].nunique(),
        **_share(some, "held"),
        **_share(some, "held_corrected"),
        **_share(front, "held_corrected", name="front_held_corrected"),
        "median_width": some["width"].median(),
        **_share(sure, "wrong", name="claims_wrong"),
        **_share(sure, "wrong_expected", name="claims_wrong_expected"),
        **_share(studies, "wrong", name="studies_wrong"),
        **_share(studies, "wrong_expected", name="studies_wrong_expected"),
    }


def _share(some: pd.DataFrame, column: str, *, name: str | None = None) -> dict[str, float]:
    """Return a mean over rows, its standard error over data sets (that of a ratio), and the number of rows."""
    name = name or column
    count, total = len(some), float(some[column].sum())
    share = total / count if count else np.nan
    by_set = some.assign(off=some[column] - share).groupby("set")["off"].sum()
    sets = len(by_set)
    error = float(np.sqrt((by_set**2).sum() * sets / (sets - 1))) / count if sets > 1 else np.nan
    return {name: share, f"{name}_se": error, f"{name}_n": count}


def analyse(folder: Path, output: Path, *, model: str, with_images: bool, repetitions: int) -> pd.DataFrame:
    """Write the intervals of a model for the data sets that are complete, and the shares; return the latter."""
    found = [read_set(folder, kind, number) for kind in KINDS for number in NUMBERS]
    known = [each for each in found if each is not None]
    costs = _costs()
    rows = pd.DataFrame(
        row
        for each in known
        for row in intervals(each, Design(SPACE), costs, with_images=with_images, repetitions=repetitions)
    )
    rows.insert(0, "model", model)
    output.mkdir(parents=True, exist_ok=True)
    if (output / "intervals.csv").exists():
        others = pd.read_csv(output / "intervals.csv", dtype={"model": str})
        rows = pd.concat([others[others["model"] != model], rows])
    rows.round(3).to_csv(output / "intervals.csv", index=False)
    shares = coverage(rows)
    shares.round(4).to_csv(output / "coverage.csv", index=False)
    origin = output / "provenance.json"
    record = json.loads(origin.read_text()) if origin.exists() else {}
    record[model] = {
        "command": " ".join(["python -m tests.benchmarks.coverage", *sys.argv[1:]]),
        "versions": dict(versions()),
        "device": device_name(torch.device("cpu")),
        "seeds": [*TRAINED],
        "seeds of the truth": {f"{each.kind}-{each.number}": each.test.shape[1] for each in known},
    }
    origin.write_text(json.dumps(record, indent=1) + "\n")
    return shares


def _costs() -> dict[Placement, float]:
    """Return FLOPs, on as many classes as tiles have: another number of them adds the same to all."""
    table = count_space(SPACE, ["flops"], image_size=SIDE)
    return {placement: float(table.costs_of(placement)["flops"]) for placement in PLACEMENTS}


def show(shares: pd.DataFrame) -> None:
    """Print the shares in percent with their standard errors and numbers, a line a group."""
    order = shares.sort_values(_GROUP, key=lambda each: each.replace("all", "0") if each.dtype == object else each)
    print(f"{'model, kind, images, seeds':<28} {'sets':>4} {'width':>6} " + " ".join(f"{each:>22}" for each in _SHOWN))
    for _, row in order.iterrows():
        group = " ".join(str(row[each]) for each in _GROUP)
        cells = [f"{100 * row[each]:.1f} ± {100 * row[f'{each}_se']:.1f} ({row[f'{each}_n']})" for each in _SHOWN]
        print(f"{group:<28} {row['sets']:>4} {row['median_width']:>6.2f} " + " ".join(f"{cell:>22}" for cell in cells))


def main() -> None:
    """Train or analyse."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train")
    train.add_argument("folder", type=Path)
    train.add_argument("--cifar", type=Path, help="the folder of CIFAR-10, as image_parquet reads it")
    train.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    train.add_argument("--seeds", type=int, default=SEEDS, help="of each placement; all but four are the truth")
    train.add_argument("--backward", action="store_true", help="for a second process: from the other end")
    held = commands.add_parser("analyse")
    held.add_argument("folder", type=Path)
    held.add_argument("output", type=Path)
    held.add_argument("--model", required=True, help="the name of these rows in the tables")
    held.add_argument("--without-images", action="store_true")
    held.add_argument("--repetitions", type=int, default=4)
    given = parser.parse_args()
    if given.command == "train":
        make_trainings(given.folder, kinds=given.kinds, seeds=given.seeds, cifar=given.cifar, backward=given.backward)
    else:
        show(
            analyse(
                given.folder,
                given.output,
                model=given.model,
                with_images=not given.without_images,
                repetitions=given.repetitions,
            )
        )


if __name__ == "__main__":
    main()
