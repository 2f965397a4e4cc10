"""The variance over images, against images of which the chances to be right are known."""

from __future__ import annotations

import numpy as np
import pytest

from seplace.arrays import ImageBits
from seplace.attention.options import GateOptions
from seplace.backbones.describe import describe
from seplace.effects.design import Design
from seplace.effects.estimates import Estimates
from seplace.effects.images import image_variance
from seplace.effects.model import Observation, images_of
from seplace.placement import Placement, StageChoice
from seplace.space import SearchSpace

CHOICES = (StageChoice(), StageChoice("se", 4), StageChoice("eca"))
SPACE = SearchSpace(
    name="small", backbone=describe("cifar_resnet8"), choices=(CHOICES,) * 3, gate=GateOptions(init="identity")
)
DESIGN = Design(SPACE)
PLAIN = Placement.parse("none-none-none")
PLACEMENTS = [PLAIN, *(SPACE.placement_at(index) for index in (1, 3, 5, 9, 14, 18, 22, 26))]


def chances(images: int, *, persistent: float, random: np.random.Generator) -> dict[Placement, np.ndarray]:
    """The chance of each image to be right: most are sure; `persistent` is how much a placement shifts it by itself."""
    base = np.clip(random.choice([0.1, 0.9], images, p=[0.4, 0.6]) + random.normal(0, 0.05, images), 0.02, 0.98)
    shift = {placement: persistent * random.choice([-1, 0, 0, 0, 1], images) for placement in PLACEMENTS}
    return {placement: np.clip(base + shift[placement], 0.0, 1.0) for placement in PLACEMENTS}


def trained(pi: dict[Placement, np.ndarray], seeds: int, random: np.random.Generator) -> list[Observation]:
    found = []
    for seed in range(seeds):
        for placement, chance in pi.items():
            right = random.random(len(chance)) < chance
            bits = ImageBits.of(right)
            found.append(Observation(placement=placement, seed=seed, score=bits.accuracy, correct=bits))
    return found


def variance_of_gain(observations: list[Observation], placement: Placement) -> float:
    images = images_of(DESIGN, observations)
    assert images is not None
    rows = DESIGN.rows(DESIGN.levels([placement, PLAIN]))
    return float(images.columns @ (rows[0] - rows[1]) ** 2) + 2 * images.placement


@pytest.mark.parametrize("persistent", [0.0, 0.4])
def test_several_seeds_tell_the_images_from_the_chance_of_a_training(persistent):
    random = np.random.default_rng(1)
    pi = chances(2000, persistent=persistent, random=random)
    true = np.mean([np.var(pi[each] - pi[PLAIN]) for each in PLACEMENTS[1:]]) * 1e4 / 2000
    observations = trained(pi, 4, random)
    found = np.mean([variance_of_gain(observations, each) for each in PLACEMENTS[1:]])
    chance = np.mean([np.mean(each * (1 - each)) for each in pi.values()]) * 1e4 / 2000
    assert found == pytest.approx(true, rel=0.35, abs=0.25 * chance)
    images = images_of(DESIGN, observations)
    assert images is not None
    assert images.training == pytest.approx(chance, rel=0.3)
    assert images.base + images.placement == pytest.approx(np.var(pi[PLAIN]) * 1e4 / 2000, rel=0.1)


def test_one_seed_puts_all_that_trainings_disagree_about_down_to_the_images():
    random = np.random.default_rng(2)
    observations = trained(chances(500, persistent=0.2, random=random), 1, random)
    plain, *others = (each.correct.unpacked() for each in observations if each.correct is not None)
    disagreement = np.mean([np.mean(each != plain) for each in others]) * 1e4 / 500
    found = np.mean([variance_of_gain(observations, each.placement) for each in observations[1:]])
    assert found == pytest.approx(disagreement, rel=0.35)
    assert found > 0.9 * disagreement


def test_the_noise_of_a_training_is_no_less_than_the_step_of_its_accuracy():
    right = np.arange(100) < 60
    observations = [
        Observation(placement=each, seed=seed, score=60.0, correct=ImageBits.of(right))
        for each in PLACEMENTS
        for seed in (0, 1)
    ]
    images = images_of(DESIGN, observations)
    assert images is not None
    assert images.training >= 1.0**2 / 12
    estimates = Estimates(DESIGN, observations, dict.fromkeys(PLACEMENTS, 1.0))
    assert estimates.posterior.noise_sd >= 1.0 / np.sqrt(12)


def test_one_training_alone_has_a_variance_and_no_nan():
    bits = ImageBits.of(np.arange(100) < 60)
    images = image_variance(DESIGN, [PLAIN], [0], [bits])
    assert images.base > 0
    assert np.isfinite([images.base, images.placement, images.training, *images.columns]).all()


def test_without_bits_nothing_is_known_of_images():
    assert images_of(DESIGN, [Observation(placement=PLAIN, seed=0, score=50.0)]) is None


def test_trainings_without_bits_and_other_sizes_of_split_are_left_out():
    random = np.random.default_rng(3)
    observations = trained(chances(200, persistent=0.1, random=random), 2, random)
    before = [Observation(placement=PLAIN, seed=5, score=50.0)]
    before += trained(chances(64, persistent=0.1, random=random), 1, random)
    images, alone = images_of(DESIGN, [*before, *observations]), images_of(DESIGN, observations)
    assert images is not None
    assert alone is not None
    assert images.images == 200
    assert images.placement == alone.placement


def test_intervals_of_gains_hold_on_all_images():
    """Of 12 data sets with 100 images, of which the gains are 0: without the images half of the intervals miss it."""
    held: dict[bool, list[bool]] = {True: [], False: []}
    for number in range(12):
        random = np.random.default_rng(100 + number)
        pi = chances(100, persistent=0.4, random=random)
        observations = trained(pi, 4, random)
        for knows_images in held:
            given = observations if knows_images else [_without_bits(each) for each in observations]
            estimates = Estimates(DESIGN, given, dict.fromkeys(PLACEMENTS, 1.0))
            held[knows_images] += [0.0 in estimates.difference(each, PLAIN) for each in PLACEMENTS[1:]]
    assert np.mean(held[True]) >= 0.85
    assert np.mean(held[False]) < np.mean(held[True]) - 0.05


def _without_bits(observation: Observation) -> Observation:
    return Observation(placement=observation.placement, seed=observation.seed, score=observation.score)
