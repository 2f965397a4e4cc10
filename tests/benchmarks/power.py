"""How often a study shows a gain of the size that its plan names: the model of effects on images that are drawn.

`python -m tests.benchmarks.power [repetitions]`. An image has a difficulty, each placement and each seed a view of it,
and each training chance; it is classified correctly where their sum is above 0. The baselines and random placements are
trained on one seed, then plain, the baselines, the best placement and eight others that look best on all seeds.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from seplace.arrays import Floats, ImageBits
from seplace.effects.design import Design
from seplace.effects.detectable import Scatter, detectable_gain
from seplace.effects.estimates import Estimates
from seplace.effects.model import Observation
from seplace.placement import Placement
from seplace.space import SearchSpace
from seplace.study.space_file import load_space

IMAGES = 500
_CONFIRMED = 8
_DIFFICULTY, _SEED_VIEW = 2.5, 0.7
_PLAIN = 1.5
"""The plain backbone's strength: an accuracy of 71 %."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """How images are drawn, in units of the chance of one training."""

    view: float
    """Standard deviation of a placement's own view of an image."""
    training: float
    """Standard deviation of the strength of one training."""

    def strength(self, accuracy: Floats, views: Floats) -> Floats:
        """Return the strength that gives an accuracy to a placement with a module in a share `views` of stages."""
        variance = _DIFFICULTY**2 + _SEED_VIEW**2 + self.training**2 + 1 + self.view**2 * views
        return np.asarray(np.sqrt(variance) * ndtri(accuracy))

    @property
    def plain_accuracy(self) -> float:
        """The accuracy of the plain backbone."""
        return float(ndtr(_PLAIN / np.sqrt(_DIFFICULTY**2 + _SEED_VIEW**2 + self.training**2 + 1)))

    def trained(
        self, levels: NDArray[np.int64], strengths: Floats, *, seeds: int, images: int, random: np.random.Generator
    ) -> NDArray[np.bool_]:
        """Draw which images trainings get right: (placements, seeds, images)."""
        stages = levels.shape[1]
        latent = strengths[:, None] + _DIFFICULTY * random.standard_normal(images)
        for stage in range(stages):
            views = random.standard_normal((levels.max() + 1, images)) * self.view / np.sqrt(stages)
            views[0] = 0.0
            latent += views[levels[:, stage]]
        of_seeds = latent[:, None] + _SEED_VIEW * random.standard_normal((seeds, images))
        of_seeds += self.training * random.standard_normal((len(levels), seeds, 1))
        return np.asarray(of_seeds + random.standard_normal(of_seeds.shape) > 0)

    def scatter(self, random: np.random.Generator) -> Scatter:
        """Measure the scatter of accuracies with a module in every stage, on many images."""
        noise, flips, difference = [], [], []
        levels = np.array([[0] * 3, *([at] * 3 for at in range(1, 7))])
        strengths = self.strength(np.full(7, self.plain_accuracy), (levels > 0).mean(axis=1))
        for _ in range(20):
            right = self.trained(levels, strengths, seeds=2, images=20_000, random=random).astype(float)
            for gains in right[1:] - right[0]:
                covariance = np.cov(gains)
                difference.append(covariance[0, 1])
                flips.append((np.diag(covariance).mean() - covariance[0, 1]) / 2)
                noise.append((gains[0].mean() - gains[1].mean()) ** 2 / 4 - flips[-1] / 20_000)
        return Scatter(
            noise=float(np.sqrt(max(np.mean(noise), 0))),
            flips=float(np.mean(flips)),
            difference=float(np.mean(difference)),
        )


def truth_of(levels: NDArray[np.int64], gain: float, *, is_sum: bool, random: np.random.Generator) -> Floats:
    """Return the gain of each placement, the largest of which is `gain`: a sum over stages, or of the last alone."""
    gains = np.zeros(len(levels))
    if is_sum:
        effects = random.standard_normal((levels.shape[1], levels.max() + 1))
        effects[:, 0] = 0.0
        gains = np.sum([effects[stage, levels[:, stage]] for stage in range(levels.shape[1])], axis=0)
        return np.asarray(gains * gain / max(gains.max(), 0.3))
    gains[-1] = gain
    return gains


def is_shown(
    design: Design,
    placements: list[Placement],
    scene: Scene,
    gain: float,
    *,
    seeds: int,
    is_sum: bool,
    random: np.random.Generator,
) -> bool:
    """Return whether the verdict of one study calls any placement better than plain."""
    levels = design.levels(placements)
    gains = truth_of(levels, gain, is_sum=is_sum, random=random)
    accuracies = np.minimum(scene.plain_accuracy + gains / 100, 0.95)
    strengths = scene.strength(accuracies, (levels > 0).mean(axis=1))
    right = scene.trained(levels, strengths, seeds=seeds, images=IMAGES, random=random)

    def estimates_of(trained: dict[Placement, int]) -> Estimates:
        observations = [
            Observation(placement=placement, seed=seed, score=100 * bits[seed].mean(), correct=ImageBits.of(bits[seed]))
            for placement, bits in zip(placements, right, strict=True)
            for seed in range(trained[placement])
        ]
        return Estimates(design, observations, dict.fromkeys(placements, 1.0))

    first = estimates_of(dict.fromkeys(placements, 1))
    promising = sorted(placements, key=lambda each: -first.means[first.position[each]])[:_CONFIRMED]
    confirmed = {*promising, *placements[:3], placements[int(np.argmax(gains))]}
    found = estimates_of({each: seeds if each in confirmed else 1 for each in placements})
    return bool(found.surely_better(placements[0]))


def drawn_placements(space: SearchSpace, count: int, random: np.random.Generator) -> list[Placement]:
    """Return the baselines of a space that are in it, plain first, and random candidates."""
    inside = [placement for placement in space.baselines.values() if placement in space]
    order = [space.placement_at(int(at)) for at in random.permutation(len(space))]
    return list(dict.fromkeys([*inside, *order]))[:count]


def main() -> None:
    """Print the share of studies that show a gain of the planned size, and of parts and multiples of it."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    space = load_space("digits-resnet8")
    design = Design(space)
    print("gains        view  training  trained  seeds  planned gain  times  shown  n")
    for is_sum, view, training, trained, seeds, factors in (
        (True, 0.3, 0.05, 36, 2, (0.7, 1.0)),
        (True, 0.3, 0.05, 60, 3, (0.7, 1.0)),
        (True, 0.9, 0.0, 36, 3, (0.7, 1.0)),
        (False, 0.3, 0.05, 36, 2, (1.0, 1.5)),
        (False, 0.3, 0.05, 36, 4, (1.0, 1.5)),
    ):
        scene = Scene(view=view, training=training)
        error = scene.scatter(np.random.default_rng(9)).error(images=IMAGES, seeds=seeds)
        planned = detectable_gain(error, compared=_CONFIRMED + 3)
        for factor in factors:
            start, shown = time.perf_counter(), 0
            for number in range(repetitions):
                random = np.random.default_rng([number, 7])
                placements = drawn_placements(space, trained, random)
                shown += is_shown(
                    design, placements, scene, factor * planned, seeds=seeds, is_sum=is_sum, random=random
                )
            print(
                f"{'over stages' if is_sum else 'of one':<11} {view:>5} {training:>9} {trained:>8} {seeds:>6} "
                f"{planned:>13.2f} {factor:>6} {shown / repetitions:>6.2f}  {repetitions} "
                f"({time.perf_counter() - start:.0f} s)",
                flush=True,
            )


if __name__ == "__main__":
    main()
