"""The unit of scores: the same numbers on every scale, and accuracy as it is."""

from dataclasses import replace

import numpy as np
import pytest

from seplace.metric import ACCURACY
from seplace.score_unit import ScoreUnit

OWN = replace(ACCURACY, name="val_miou", label="mIoU")
SCORES = np.random.default_rng(0).random(50) * 0.3 + 0.5


@pytest.mark.parametrize("factor", [100.0, 1e-4, 1e9, 1 / 25.4, 3.7])
def test_counts_are_equal_to_the_last_digit_on_every_scale(factor):
    one, other = (ScoreUnit.of(OWN, scores.tolist()) for scores in (SCORES, factor * SCORES))
    assert one.counts(SCORES).tolist() == other.counts(factor * SCORES).tolist()
    assert one.counts(SCORES) == pytest.approx(SCORES / SCORES.max(), rel=1e-9)
    assert one.variance(0.01) == other.variance(0.01 * factor**2)


def test_accuracy_is_counted_as_it_is():
    unit = ScoreUnit.of(ACCURACY, [70.123456789123])
    assert unit.count(70.123456789123) == 70.123456789123
    assert unit.counts(SCORES) is SCORES
    assert unit.variance(0.123456789) == 0.123456789


def test_errors_and_zeros_have_a_unit_too():
    assert ScoreUnit.of(OWN, [-4.0, -2.0]).count(-2.0) == -0.5
    assert ScoreUnit.of(OWN, [0.0, 0.0]).count(0.0) == 0.0
