import numpy as np
import pandas as pd
import pytest

from seplace.metric import ACCURACY
from seplace.report.figures.front_view import FrontView, front_view, headline, limits_of, ticks_of


def table(gains, half=0.5, *, extra=None, n=1) -> pd.DataFrame:
    """Return placements with gains and half their intervals; the first is the plain backbone, the front rises."""
    gains, half = np.asarray(gains, dtype=float), np.broadcast_to(np.asarray(half, dtype=float), np.shape(gains)).copy()
    half[0] = 0.0
    extra = 10_000 * np.arange(len(gains)) if extra is None else np.asarray(extra)
    return pd.DataFrame(
        {
            "placement": [f"se{at}-none" for at in range(len(gains))],
            "baseline": ["plain", *[""] * (len(gains) - 1)],
            "on_front": gains >= np.maximum.accumulate(gains),
            "n": n,
            "accuracy": 80 + gains,
            "accuracy_lower": 79 + gains - half,
            "accuracy_upper": 81 + gains + half,
            "gain": gains,
            "gain_lower": gains - half,
            "gain_upper": gains + half,
            "flops": 1_000_000 + extra,
            "extra_flops": extra,
        }
    )


def view_of(placements: pd.DataFrame, **options) -> FrontView:
    return front_view(
        placements,
        ACCURACY,
        **{
            "cost": "flops",
            "unit": "FLOPs",
            "measured": "validation accuracy",
            "verdict": "",
            "absolute": False,
            **options,
        },
    )


def test_the_front_by_gain_is_the_front_by_accuracy():
    view, absolute = view_of(table([0, 1, 0.5, 2])), view_of(table([0, 1, 0.5, 2]), absolute=True)
    assert view.front["y"].tolist() == [0, 1, 2]
    assert absolute.front["y"].tolist() == [80, 81, 82]
    assert view.is_gain
    assert not absolute.is_gain


@pytest.mark.parametrize("absolute", [False, True])
def test_without_the_plain_backbone_accuracies_are_shown_and_the_axis_says_why(absolute):
    without = table([0, 1, 2])[1:].assign(gain=np.nan, gain_lower=np.nan, gain_upper=np.nan)
    view = view_of(without, absolute=absolute)
    assert view.points["y"].tolist() == [81, 82]
    assert view.y_label.startswith("validation accuracy in % (plain is not trained)")


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("measured", ["validation accuracy", "accuracy on new images"])
def test_the_axis_says_what_its_intervals_are_about(measured, absolute):
    view = view_of(table([0, 1]), measured=measured, absolute=absolute)
    assert view.y_label == (f"{measured} in %" if absolute else f"gain over plain, in points of {measured}")
    assert view.interval == f"posterior mean, 90 % credible interval{'' if absolute else ' of the gain'}"


@pytest.mark.parametrize(
    ("seeds", "text"),
    [
        ([1], "1 training of 1 placement, 1 seed (n)"),
        ([2, 2], "4 trainings of 2 placements, 2 seeds each (n)"),
        ([1, 2], "3 trainings of 2 placements, 1 or 2 seeds each (n)"),
        ([1, 5, 2], "8 trainings of 3 placements, 1 to 5 seeds each (n)"),
    ],
)
def test_trainings_and_seeds_are_counted(seeds, text):
    extra = 100_000 * np.arange(len(seeds))
    assert view_of(table(range(len(seeds)), extra=extra, n=seeds)).heading == (text,)


@pytest.mark.parametrize(
    ("dearest", "note"),
    [(60_000, ""), (35_000, "; their FLOPs differ by 3.5 %"), (5, "; their FLOPs differ by less than 0.01 %")],
)
def test_a_cost_that_hardly_moves_is_said_to(dearest, note):
    (line,) = view_of(table([0, 1], extra=[0, dearest])).heading
    assert line == f"2 trainings of 2 placements, 1 seed each (n){note}"


@pytest.mark.parametrize(
    ("line", "rest"),
    [
        ("Placement se4-none is better than the plain backbone at 95 %", ": +2.00 points (mean). More."),
        ("No placement of the space is better at 95 %", "; of the baselines outside the space, SE everywhere. More."),
        ("No placement is better than the plain backbone at 95 %", ". (3 placements were compared.)"),
        ("No verdict yet: the plain backbone was trained on one seed", ", and a seed matters. Add a confirmation."),
        ("Nothing can be compared with the plain backbone: a.b-c.d@net[width=0.5] failed", "."),
        ("Placement a.b-c@net[width=0.5] is better", " (posterior mean)."),
        ("The plain backbone has not been trained yet, so nothing can be compared with it", "."),
    ],
)
def test_the_headline_is_the_first_statement_without_figures(line, rest):
    assert headline(line + rest) == line


@pytest.mark.parametrize(
    ("gains", "half", "low", "high", "why"),
    [
        ([0.0], 0.0, -0.1, 0.1, "a single point has an axis"),
        ([0.0, 1e-4], 1e-3, -0.1, 0.1, "nothing is enlarged beyond what is reported"),
        ([0.0, 1.5], 8.0, -6.5, 9.5, "what is uncertain is no outlier where all is"),
        ([0.0, 11.0, 11.0, 11.0, 11.5], 2.0, 0.0, 13.5, "plain far below the rest stays: a gain of it is read"),
        ([0.0, *[1.0] * 19], [0.5] * 19 + [20.0], 0.0, 1.5, "one uncertain placement does not squash the rest"),
        ([0.0, *[1.0] * 18, -40.0], 0.5, 0.0, 1.5, "nor does one that failed to learn"),
        ([0.0, *[1.0] * 18, 40.0], [0.5] * 19 + [90.0], 0.0, 40.0, "the mean of a front point is always shown"),
        ([0.0, *[1.0] * 17, 2.0, -40.0], 0.5, 0.0, 2.5, "what is a little farther stays"),
    ],
)
def test_limits(gains, half, low, high, why):
    bottom, top = limits_of(view_of(table(gains, half)).points, least=0.2)
    margin = 0.05 * (high - low)
    assert (bottom, top) == pytest.approx((low - margin, high + margin), abs=1e-3), why


def test_the_intervals_of_very_many_are_left_out():
    few, many = view_of(table([0, 2, *[1] * 150])), view_of(table([0, 2, *[1] * 151]))
    assert (few.rest, many.rest) == ("other trained", "other trained, without intervals")
    width = many.points["upper"] - many.points["lower"]
    assert width[many.points["on_front"]].tolist() == [0, 1]
    assert (width[~many.points["on_front"]] == 0).all()
    assert (few.points["upper"] > few.points["lower"]).sum() == 151


def test_a_legend_names_as_many_front_points_as_have_room():
    view = view_of(table(np.arange(60.0)))
    assert len(view.names) == 41
    assert view.names[-1] == "… and 20 more in front.csv"


@pytest.mark.parametrize(
    ("extra", "front", "log_from", "why"),
    [
        ([0, 10_000, 20_000, 30_000], [0, 1, 2, 3], None, "the front reaches over the axis"),
        ([0, 4_100, 8_000, 240_000], [0, 1, 2], 2.0, "CBAM everywhere would squeeze the front"),
        ([0, 8_000, 12_000, 900_000], [0, 1, 2, 3], 5.0, "so would a wider network that is on the front"),
        ([-8_000, 0, 240_000], [0, 1], None, "two points are no crowd"),
        ([0, 1, 900_000, 9_000_000], [0, 1, 2], 0.005, "the linear part is no less than a thousandth"),
    ],
)
def test_dear_placements_do_not_squeeze_the_front(extra, front, log_from, why):
    placements = table([0.0] * len(extra), extra=extra)
    placements["on_front"] = placements.index.isin(front)
    view = view_of(placements)
    assert view.log_from == (None if log_from is None else pytest.approx(log_from)), why
    assert ("log scale beyond" in view.x_label) == (log_from is not None)


def test_a_logarithmic_axis_is_marked_at_zero_and_round_numbers():
    assert ticks_of(-1, 250, log_from=5) == [0, 5, 100, 10, 50, 200, 20]
    assert ticks_of(-12, 3, log_from=2) == [0, 2, -2, -10, -5]


def test_the_verdict_fills_the_points_that_are_better():
    view = view_of(table([0, 1, 2]), better={"se2-none"})
    assert view.has_verdict
    assert view.front["is_better"].tolist() == [False, False, True]
    assert not view_of(table([0, 1, 2]), better={"se2-none"}, absolute=True).has_verdict
    assert not view_of(table([0, 1, 2])).has_verdict
