"""The model on metrics of any scale and any offset, and on scores of single samples in the place of bits."""

from dataclasses import replace

import numpy as np
import pytest

from seplace.arrays import ImageBits
from seplace.effects.design import Design
from seplace.effects.estimates import Estimates
from seplace.effects.model import Observation, Posterior, images_of
from seplace.metric import ACCURACY
from seplace.placement import Placement
from seplace.sample_scores import SampleScores
from tests.effects.toy import SMALL, observed

OWN = replace(ACCURACY, name="val_error", label="error", lower=None, upper=None)
DESIGN = Design(SMALL)
PLAIN = Placement.parse("none-none-none")
TRUTH = {SMALL.placement_at(index): 0.1 * (index % 5) for index in range(0, 27, 2)}
TRUTH |= {PLAIN: 0.0}


def learned(scores: list[float], trained: list[Observation]) -> Posterior:
    known = [replace(each, score=score) for each, score in zip(trained, scores, strict=True)]
    return Posterior(DESIGN, known, draws=4, random=np.random.default_rng(0), metric=OWN)


def trained(seeds: int = 2) -> list[Observation]:
    return observed(TRUTH, seeds=seeds, noise=0.05, random=np.random.default_rng(1))


@pytest.mark.parametrize(("factor", "offset"), [(1e-6, 0.0), (1e6, 0.0), (1.0, 1e6), (-1.0, -3.0)])
def test_gains_are_the_same_on_a_scale_and_beside_an_offset(factor, offset):
    data = trained()
    scores = np.array([each.score for each in data]) + 1.0
    levels = DESIGN.levels(list(TRUTH))
    wanted = learned(scores.tolist(), data).mean().at(levels)
    found = learned((factor * scores + offset).tolist(), data).mean().at(levels)
    assert (found - found[0]) / factor == pytest.approx(wanted - wanted[0], rel=1e-3, abs=2e-3)


def test_equal_scores_and_zeros_have_an_interval_that_is_not_empty():
    data = trained()
    for value in (0.0, 0.5, -1e-6):
        posterior = learned([value] * len(data), data)
        assert posterior.noise_sd > 0
        assert np.isfinite(posterior.sample_at(posterior.levels, 8)).all()
    near = learned([0.81, 0.81 + 1e-9], data[:2])
    assert near.noise_sd > 1e-9, "two scores that are nearly equal do not show that there is no noise"


def with_samples(factor: float, *, kind: type = SampleScores, size: int = 200) -> list[Observation]:
    """Trainings whose samples are right or not, as bits, or as scores of 0 or `factor`."""
    random = np.random.default_rng(2)
    chance = random.random(size)
    found = []
    for seed in range(3):
        for placement in TRUTH:
            right = random.random(size) < chance
            bits = ImageBits.of(right)
            if kind is ImageBits:
                found.append(Observation(placement=placement, seed=seed, score=bits.accuracy, correct=bits))
            else:
                scores = SampleScores.of(factor * right)
                score = factor * float(right.mean())
                found.append(Observation(placement=placement, seed=seed, score=score, sample_scores=scores))
    return found


@pytest.mark.parametrize("factor", [100.0, 1.0, 1e-8, 1e8])
def test_scores_of_samples_give_the_variances_of_bits(factor):
    bits, scores = images_of(DESIGN, with_samples(100.0, kind=ImageBits)), images_of(DESIGN, with_samples(factor))
    assert bits is not None
    assert scores is not None
    assert scores.images == bits.images
    share = (factor / 100) ** 2
    for name in ("base", "columns", "placement", "training"):
        assert getattr(scores, name) == pytest.approx(share * getattr(bits, name), rel=1e-3, abs=share * 1e-9)


def test_equal_scores_of_samples_have_no_variance():
    ones = SampleScores.of(np.ones(20))
    equal = [Observation(placement=each, seed=seed, score=1.0, sample_scores=ones) for each in TRUTH for seed in (0, 1)]
    images = images_of(DESIGN, equal)
    assert images is not None
    assert np.isfinite([images.base, images.placement, images.training, *images.columns]).all()
    estimates = Estimates(DESIGN, equal, dict.fromkeys(TRUTH, 1.0), metric=OWN)
    assert np.isfinite(estimates.scores).all()
    few = [replace(equal[0], correct=ImageBits.of(np.ones(20, dtype=bool)), sample_scores=None), *equal[1:]]
    assert images_of(DESIGN, few) is not None, "of two kinds that of the latest training counts"
