"""A metric of the user's own runs through everything that says accuracy otherwise."""

import json
import math
import re
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pandas as pd
import pytest
from matplotlib.figure import Figure

from seplace.api import Results
from seplace.errors import InvalidStudy
from seplace.interval import Interval
from seplace.metric import ACCURACY, Metric, column_of
from seplace.metric import test_name_of as name_on_test_split
from seplace.report.figures.style import write_ticks
from seplace.report.notebook import results_html
from seplace.report.page.content import page_of
from seplace.report.page.paint import painted, plain, signed
from seplace.report.paper_tables import front_as
from seplace.report.power import power_lines
from seplace.results.tables import to_csv, to_json
from seplace.search.power import power_of
from seplace.study.config import load_study
from tests.own_metric import ERROR, PUBLISHED, SHARE, millimetres, with_metric
from tests.studies import write_study

if TYPE_CHECKING:
    from seplace.search.plan import Plan

MM = Metric(name="val_error", goal="minimize", unit="mm", label="error", test_name="test_error")


@pytest.fixture(scope="module")
def error(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return with_metric(tmp_path_factory.mktemp("own") / "mm", ERROR, millimetres)


@pytest.mark.parametrize(
    ("name", "column", "test_name"),
    [
        ("val_miou", "miou", "test_miou"),
        ("val/miou", "miou", "test/miou"),
        ("mAP@50", "mAP_50", "test_mAP@50"),
        ("val_accuracy", "accuracy", "test_accuracy"),
        ("val_gain", "metric_gain", "test_gain"),
        ("val_2d", "metric_2d", "test_2d"),
        ("val_", "val_", "test_val_"),
    ],
)
def test_the_names_of_a_metric(name: str, column: str, test_name: str) -> None:
    assert (column_of(name), name_on_test_split(name)) == (column, test_name)
    assert column_of(name).isidentifier()


def test_scores_are_larger_where_values_are_better() -> None:
    assert (MM.score(2.5), MM.value(-2.5), ACCURACY.score(81.0), ACCURACY.value(81.0)) == (-2.5, 2.5, 81.0, 81.0)
    assert [math.copysign(1, each) for each in (MM.score(0.0), MM.value(0.0))] == [1, 1]
    assert (MM.loss(-2.5), ACCURACY.loss(81.0)) == (2.5, 19.0)


def test_numbers_have_the_decimals_that_their_spread_needs() -> None:
    fine, coarse = MM.with_digits_for([0.931, 0.978, 0.954]), MM.with_digits_for([900.0, 1300.0])
    assert (fine.text(0.9316), fine.gain(0.0461), fine.plus_minus(0.98, 0.0064)) == (
        "0.9316 mm",
        "+0.0461 mm",
        "0.9800 ± 0.0064",
    )
    assert (coarse.text(1234.5), coarse.gain(-88.0)) == ("1234 mm", "-88 mm")
    assert (ACCURACY.text(81.234), ACCURACY.gain(-0.001), ACCURACY.with_digits_for([1.0, 2.0])) == (
        "81.23 %",
        "+0.00 points",
        ACCURACY,
    )


def test_what_decimals_would_show_as_zero_is_in_powers_of_ten() -> None:
    tiny, near = MM.with_digits_for([1.1e-10, 1.3e-10]), MM.with_digits_for([0.5, 0.5 + 2e-9])
    assert (tiny.text(1.2346e-10), tiny.gain(-3.4e-12), tiny.gain(0.0)) == ("1.235e-10 mm", "-3.4e-12 mm", "+0 mm")
    assert tiny.plus_minus(0.0, 3.4e-12) == "0 ± 3.4e-12"
    assert tiny.interval(Interval(value=1e-12, lower=-1e-13, upper=2e-12), signed=True) == (
        "+1.0e-12 [-1.0e-13, +2.0e-12]"
    )
    assert (near.text(0.5), near.gain(1.5e-9)) == ("0.50000000000 mm", "+1.50e-09 mm")
    assert MM.with_digits_for([0.1] * 3).text(0.1) == "0.1000 mm"  # a sum of them is not three times as much
    page = (signed(3.4e-12, 12), plain(1.5e-10, 12), plain(0.0, 12))
    assert page == ("+3.40e\N{MINUS SIGN}12", "1.50e\N{MINUS SIGN}10", "0.000000000000")


def test_numbers_in_json_have_their_significant_digits() -> None:
    table = pd.DataFrame({"placement": ["none"], "n": [1], "x": [1.53333333333e-10], "gain": [math.nan]})
    assert json.loads(to_json(table, MM)) == [{"placement": "none", "n": 1, "x": 1.533333333e-10, "gain": None}]
    assert to_json(table, ACCURACY) == table.to_json(orient="records", indent=1)


def test_ticks_of_small_numbers_are_no_zeros() -> None:
    axes = Figure().add_subplot()
    axes.set_ylim(-1e-10, 1e-10)
    write_ticks(axes.yaxis)
    assert [axes.yaxis.major.formatter(each, 0) for each in (5e-11, 1e-25)] == ["5e\N{MINUS SIGN}11", "0"]


def test_tables_have_its_values_and_gains_are_positive_where_it_is_better(error: Results) -> None:
    table, known = error.placements.set_index("placement"), Results.load(PUBLISHED).placements.set_index("placement")
    plain = "none-none-none"
    assert [name for name in table if "accuracy" in name or "cross_entropy" in name] == []
    expected = millimetres(known["accuracy"])
    assert table["depth_error"].to_numpy() == pytest.approx(expected[table.index].to_numpy(), abs=2e-3)
    assert (table["depth_error_lower"] <= table["depth_error"]).all()
    assert (table["depth_error"] <= table["depth_error_upper"]).all()
    gains = table.loc[plain, "depth_error"] - table["depth_error"]
    assert table["gain"].to_numpy() == pytest.approx(gains.to_numpy())
    tested = table[table["test_n"] > 1]
    assert tested["test_gain"].to_numpy() == pytest.approx(0.02 * known.loc[tested.index, "test_gain"].to_numpy())
    assert table["observed_depth_error"].to_numpy() == pytest.approx(
        millimetres(known.loc[table.index, "observed_accuracy"]).to_numpy()
    )
    assert error.front[error.front["on_front"]]["depth_error"].is_monotonic_decreasing
    assert set(error.evaluations) >= {"depth_error"}
    assert error.curves.columns.tolist() == ["placement", "seed", "epochs", "epoch", "depth_error", "train_loss"]
    assert error.history["hypervolume"].is_monotonic_decreasing
    assert str(error.pick("best").placement) == "srm.parallel-eca-cbam8"
    assert "depth_error_lower" in to_csv(error.recommended).splitlines()[0]


def test_sentences_say_which_direction_is_better(error: Results) -> None:
    assert re.search(r"at 95 %: 0\.0\d+ mm less validation depth error \(posterior mean; .*\+0\.0", error.verdict)
    assert "Depth error is minimized: a positive gain is a lower depth error." in error.verdict
    assert "the values of single samples are not known" in error.verdict
    assert re.search(r"it has about 0\.0\d+ mm less validation depth error than the plain", error.advice.sentence)


def test_nothing_that_is_shown_speaks_of_accuracy(error: Results) -> None:
    page = painted(page_of(error))
    visible = re.sub(r"<(script|style)[^>]*>.*?</\1>|<pre>.*?</pre>", "", page, flags=re.DOTALL)
    texts = {
        "page": re.sub(r"<[^>]+>", " ", visible),
        "notebook": results_html(error),
        "latex": front_as(error, "latex"),
        "markdown": front_as(error, "markdown"),
        "verdict": error.verdict + error.advice.sentence + error.outlook,
    }
    for name, text in texts.items():
        found = re.findall(
            r".{30}(?:accurac|points\b(?! with)|new images|validation images).{30}", text, flags=re.IGNORECASE
        )
        assert found == [], name
        assert "depth error" in text, name
    assert "Depth error (mm)" in texts["markdown"]
    assert "depth error mm" in texts["page"]


def test_a_pilot_says_what_can_be_shown(error: Results) -> None:
    lines = power_lines(cast("Plan", SimpleNamespace(power=power_of(error.config, {}, pilot=error.folder))))
    assert re.match(r"gains over plain of about 0\.0\d+ mm or more can be shown on this validation split", lines[0])
    assert re.search(r"\(17 degrees of freedom\): one training scatters by 0\.02\d mm$", lines[1])


@pytest.mark.parametrize("kind", ["front", "effects", "heat", "history", "curves"])
def test_figures_have_its_label_and_unit(error: Results, kind: str) -> None:
    figure = error.plot(kind=kind)
    said = " ".join(text.get_text() for text in figure.findobj(lambda each: hasattr(each, "get_text")))
    said = " ".join(said.split())
    assert re.search(r"depth error in mm|in mm less validation depth error|depth error of the front in mm", said), said
    assert "accuracy" not in said


def test_the_axis_of_a_minimized_metric_says_so(error: Results) -> None:
    (axes,) = error.plot(absolute=True).axes
    assert axes.get_ylabel().replace("\n", " ") == "validation depth error in mm, lower is better"


@pytest.mark.long
def test_a_share_is_shown_in_points_as_accuracy_is(tmp_path: Path) -> None:
    share, known = with_metric(tmp_path / "miou", SHARE, lambda accuracy: accuracy), Results.load(PUBLISHED)
    assert share.front["gain"].tolist() == known.front["gain"].tolist()
    assert share.verdict.partition(" (13 of")[0] == known.verdict.partition(" (13 of")[0].replace("accuracy", "mIoU")
    assert "mIoU in %" in share.plot(absolute=True).axes[0].get_ylabel()


def test_the_built_in_recipe_has_accuracy_alone(tmp_path: Path) -> None:
    path = write_study(tmp_path, objective={"metric": {"name": "val_miou", "goal": "minimize"}})
    with pytest.raises(InvalidStudy) as raised:
        load_study(path)
    said = str(raised.value)
    assert re.search(r"objective\.metric\.name: the built-in recipe reports accuracy.* \(got 'val_miou'\)", said)
    assert "objective.metric.goal" in said
    named = write_study(tmp_path, objective={"metric": {"name": "accuracy", "goal": "maximize"}})
    assert load_study(named).metric is ACCURACY
    assert load_study(named).fingerprint()["objective.metric"] is None
