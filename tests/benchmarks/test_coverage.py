"""The analysis of coverage on made-up trainings."""

import numpy as np
import pandas as pd
import pytest

from seplace.effects.design import Design
from tests.benchmarks.coverage import KnownSet, coverage, intervals, samples
from tests.benchmarks.coverage_trainings import PLACEMENTS, SPACE


def made_up(random: np.random.Generator, *, seeds: int = 8, images: int = 400) -> KnownSet:
    """Return trainings whose accuracies vary with the placement, the seed of a placement, the image, and by chance."""
    shape = (len(PLACEMENTS), 4 + seeds, images)
    chance = 0.6 + 0.1 * random.standard_normal(shape[:2])[..., None]
    chance = chance + 0.2 * random.standard_normal((len(PLACEMENTS), 1, images))
    right = random.random(shape) < chance
    return KnownSet("made up", 0, right[:, :4], right[:, 4:])


def test_the_error_of_the_truth_is_that_over_seeds_and_images() -> None:
    random = np.random.default_rng(0)
    truths, errors = zip(*(made_up(random, images=100).truth() for _ in range(300)), strict=True)
    assert np.var(truths, axis=0).mean() == pytest.approx(np.square(errors).mean(), rel=0.1)
    assert np.ptp(np.array(truths)[:, 0]) == 0.0


def test_the_truth_of_equal_networks_is_certain() -> None:
    known = made_up(np.random.default_rng(0))
    known.test[1:] = known.test[0]
    for values in known.truth():
        assert not values.any()


@pytest.mark.parametrize(
    ("images", "seeds", "wanted"),
    [
        (500, 4, [(0, [0, 1, 2, 3]), (500, [1, 2, 3, 0])]),
        (2_000, 1, [(0, [0]), (0, [1])]),
        (2_000, 4, [(0, [0, 1, 2, 3])]),
    ],
)
def test_repetitions_differ_in_images_or_in_seeds(images: int, seeds: int, wanted: list[tuple[int, list[int]]]) -> None:
    drawn = [(block.start, some) for block, some in samples(images, seeds, 2)]
    assert drawn == wanted


def test_each_gain_of_each_study_has_an_interval_beside_its_truth() -> None:
    known = made_up(np.random.default_rng(0))
    costs = {placement: float(at) for at, placement in enumerate(PLACEMENTS)}
    rows = pd.DataFrame(
        intervals(known, Design(SPACE), costs, with_images=True, repetitions=1, numbers_of_images=(100,))
    )
    assert rows.groupby(["images", "seeds"]).size().to_dict() == {(100, seeds): 7 for seeds in (1, 2, 3, 4)}
    assert (rows["lower"] < rows["gain"]).all()
    assert rows["truth"].tolist() == list(known.truth()[0][1:]) * 4


def row(
    number: int, truth: float, *, truth_error: float = 0.0, sure: bool = False, seeds: int = 1
) -> dict[str, object]:
    """Return an interval from 1 to 4 about 2."""
    return {
        "model": "a",
        "kind": "made up",
        "number": number,
        "images": 100,
        "seeds": seeds,
        "repetition": 0,
        "gain": 2.0,
        "lower": 1.0,
        "upper": 4.0,
        "on_front": sure,
        "sure": sure,
        "truth": truth,
        "truth_error": truth_error,
    }


def test_shares_and_their_errors_over_data_sets() -> None:
    table = coverage(
        pd.DataFrame([row(0, 3.0), row(0, 0.5), row(1, 3.0), row(1, 3.5, seeds=2), row(2, -1.0, truth_error=2.0)])
    )
    of_all = table[(table["kind"] == "all") & (table["seeds"] == "all")].iloc[0]
    assert (of_all["sets"], of_all["held_n"], of_all["held"]) == (3, 5, 0.6)
    assert of_all["held_corrected"] == 0.8, "3 points off, beside the truth's 3.3 and 1 of its own"
    offs = np.array([1 - 2 * 0.6, 2 - 2 * 0.6, -0.6])
    assert of_all["held_se"] == pytest.approx(np.sqrt((offs**2).sum() * 3 / 2) / 5)
    assert of_all["median_width"] == 3.0
    assert set(table["seeds"]) == {"all", "1", "2"}


def test_a_claim_is_wrong_where_the_truth_is_not_above_zero() -> None:
    table = coverage(pd.DataFrame([row(0, 3.0, sure=True), row(0, 0.0, truth_error=1.0, sure=True), row(1, -1.0)]))
    shares = table[(table["kind"] == "all") & (table["seeds"] == "all")].iloc[0]
    assert (shares["claims_wrong_n"], shares["claims_wrong"], shares["claims_wrong_expected"]) == (2, 0.5, 0.25)
    assert (shares["studies_wrong_n"], shares["studies_wrong"], shares["studies_wrong_expected"]) == (2, 0.5, 0.25)
    assert (shares["front_held_corrected_n"], shares["front_held_corrected"]) == (2, 0.5)
