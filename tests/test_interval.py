import math

import numpy as np
import pytest

from seplace.interval import UNKNOWN, Interval

GAIN = Interval(value=1.2, lower=-0.456, upper=1.98)


def test_of_draws_it_is_the_mean_and_the_central_nine_tenths() -> None:
    interval = Interval.of_draws(np.linspace(0, 2, 101))
    assert (interval.value, interval.lower, interval.upper) == pytest.approx((1.0, 0.1, 1.9))


def test_of_resamples_it_is_the_whole_sample_and_leaves_out_what_is_not_defined() -> None:
    interval = Interval.of_resamples(np.array([0.5, *np.linspace(0, 1, 101), math.nan]))
    assert (interval.value, interval.lower, interval.upper) == pytest.approx((0.5, 0.05, 0.95))
    for undefined in ([math.nan, 0.1, 0.2], [0.3, math.nan]):
        assert math.isnan(Interval.of_resamples(np.array(undefined)).value)


def test_quartiles_are_interpolated_between_neighbors() -> None:
    assert Interval.quartiles([16, 1, 8, 2, 4]) == Interval(value=4, lower=2, upper=8)
    assert Interval.quartiles([1, 3]) == Interval(value=2, lower=1.5, upper=2.5)


def test_its_columns_are_read_back() -> None:
    assert GAIN.columns("gain") == {"gain": 1.2, "gain_lower": -0.456, "gain_upper": 1.98}
    assert Interval.of_row(GAIN.columns("gain") | {"n": 3}, "gain") == GAIN


@pytest.mark.parametrize(
    ("interval", "spec", "text"),
    [
        (GAIN, "+.2f", "+1.20 [-0.46, +1.98]"),
        (GAIN, ".3f", "1.200 [-0.456, 1.980]"),
        (Interval(value=0.5, lower=math.nan, upper=math.nan), ".2f", "0.50"),  # as a share without an interval
        (UNKNOWN, ".2f", ""),
    ],
)
def test_its_text_takes_the_format_of_a_number(interval: Interval, spec: str, text: str) -> None:
    assert format(interval, spec) == text


def test_what_it_covers_and_how_it_ends_at_a_range() -> None:
    assert 1.98 in GAIN
    assert -0.5 not in GAIN
    assert GAIN.clipped(0.0, 1.5) == Interval(value=1.2, lower=0.0, upper=1.5)
