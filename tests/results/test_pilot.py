import itertools
from dataclasses import replace

import numpy as np
import pytest

from seplace.arrays import ImageBits
from seplace.errors import DataError
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation
from seplace.results.pilot import pilot_of

TEXTS = ("none-none-none", "none-none-eca", "none-eca-none", "eca-none-none")


def trained(text, seed, accuracy, correct=None):
    bits = None if correct is None else ImageBits.of(correct)
    return Evaluation(
        placement=Placement.parse(text), seed=seed, epochs=1, state="complete", value=accuracy, correct=bits
    )


def test_noise_by_arithmetic():
    # Residuals about placements and seeds: 0 0, -1 1, 1 -1, on 2 degrees of freedom.
    scores = [[51.0, 53.0], [52.0, 56.0], [56.0, 56.0]]
    rows = [trained(TEXTS[at], seed, scores[at][seed]) for at in range(3) for seed in range(2)]
    alone = trained(TEXTS[3], 0, 90.0)  # on one seed it says nothing
    failed = replace(trained(TEXTS[3], 1, 0.0), state="failed", value=None)
    pilot = pilot_of([*rows, alone, failed])
    assert pilot.noise == pytest.approx(0.01 * np.sqrt(4 / 2))
    assert pilot.freedom == 2
    assert pilot.accuracy == pytest.approx(np.mean(scores) / 100)
    assert (pilot.images, pilot.flips, pilot.difference) == (None, None, None)


def test_the_noise_of_one_placement_holds_the_effect_of_its_seeds():
    pilot = pilot_of([trained(TEXTS[0], seed, accuracy) for seed, accuracy in enumerate((50.0, 52.0))])
    assert pilot.noise == pytest.approx(0.01 * np.sqrt(2))
    assert pilot.freedom == 1


def test_without_two_seeds_there_is_no_noise_to_measure():
    with pytest.raises(DataError, match="no placement was trained on two seeds"):
        pilot_of([trained(text, 0, 50.0) for text in TEXTS])


def test_what_images_were_made_of_is_found():
    random = np.random.default_rng(0)
    images, seeds = 20_000, 3
    # Of each image its own probabilities, with a part that all placements share on a seed.
    of_placement = random.uniform(0.3, 0.6, (len(TEXTS), images))
    of_seed = random.uniform(0.0, 0.3, (seeds, images))
    probabilities = of_placement[:, None] + of_seed
    right = random.uniform(size=probabilities.shape) < probabilities
    pairs = itertools.product(range(len(TEXTS)), range(seeds))
    pilot = pilot_of([trained(TEXTS[at], seed, 100 * right[at, seed].mean(), right[at, seed]) for at, seed in pairs])
    assert pilot.images == images
    assert pilot.freedom == 6
    assert pilot.flips == pytest.approx((probabilities * (1 - probabilities)).mean(), rel=0.02)
    assert 0.9 < pilot.difference / (2 * 0.3**2 / 12) < 1.25  # with its standard error
    assert pilot.noise**2 == pytest.approx(pilot.flips / images, rel=1.5)


def test_few_images_that_show_no_difference_do_not_show_that_there_is_none():
    random = np.random.default_rng(1)
    found = {}
    for images in (100, 10_000):
        right = random.uniform(size=(2, 2, images)) < 0.8
        pairs = itertools.product(range(2), range(2))
        rows = [trained(TEXTS[at], seed, 100 * right[at, seed].mean(), right[at, seed]) for at, seed in pairs]
        found[images] = pilot_of(rows).difference
    # The standard error of a mean of products of two differences, each of variance 2 * 0.8 * 0.2.
    assert 0.32 / 10 * 0.5 < found[100] < 0.32 / 10 * 4
    assert found[10_000] < found[100] / 3


def test_images_that_are_not_known_of_all_trainings_are_not_used():
    right = np.array([True, False, True])
    rows = [trained(TEXTS[at], seed, 200 / 3, right) for at in range(2) for seed in range(2)]
    assert pilot_of(rows).flips == pytest.approx(0)
    assert pilot_of([*rows[:3], replace(rows[3], correct=None)]).flips is None
    fewer = trained(TEXTS[1], 1, 50.0, right[:2])
    assert pilot_of([*rows[:3], fewer]).flips is None
    assert pilot_of(rows[2:]).difference is None  # the plain backbone is not there
