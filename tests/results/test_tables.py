import csv
import io
import math
from dataclasses import replace

import pandas as pd
import pytest

from seplace.costs.table import CostTable
from seplace.effects.design import Design
from seplace.metric import ACCURACY
from seplace.placement import Placement
from seplace.results.both_splits import BothSplits
from seplace.results.effects_tables import effects_frame
from seplace.results.evaluation import Evaluation
from seplace.results.observations import estimates_of
from seplace.results.picks import knee_of
from seplace.results.summaries import summarize
from seplace.results.tables import evaluations_frame, front_frame, paired_gain, placements_frame, to_csv
from seplace.study.space_file import load_space
from tests.results.test_evaluation import CBAM, ECA, PLAIN, SE, evaluation, rows

DESIGN = Design(load_space("cifar-resnet8"))
MARKS = {"plain": PLAIN, "ECA in two stages": ECA, "CBAM everywhere": CBAM}
BASE = [80.0, 81.0, 82.0, 83.0]
"""Accuracies of four seeds; seeds differ by a point, and what is paired by seed does not."""


def above(gain: float, noise: float = 0.1) -> list[float]:
    return [base + gain + noise * sign for base, sign in zip(BASE, (1, -2, 0, 1), strict=True)]


def frame(evaluations: list[Evaluation], **changes) -> pd.DataFrame:
    values = {
        "cost": "flops",
        "plain_costs": {"flops": 1000, "params": 100},
        "baselines": {text: name for name, text in MARKS.items()},
        "test_top5": {},
        "latencies": {},
    }
    tests = {(*key, 6): (accuracy, 0.1) for key, accuracy in changes.pop("tests", {}).items()}
    both_splits = BothSplits(evaluations, metric=ACCURACY, tests=tests, images=changes.pop("test_images", {}))
    estimates = (
        estimates_of(DESIGN, evaluations, "flops", metric=ACCURACY, is_front_of_space=True) if evaluations else None
    )
    return placements_frame(summarize(evaluations, ACCURACY), estimates, both_splits=both_splits, **(values | changes))


def test_a_gain_is_paired_by_seed():
    plain, se, eca = summarize(rows(plain=[80, 82, 90], se=[81, 84], eca=[80.5]), ACCURACY)
    assert paired_gain(se, plain) == pytest.approx((1.5, 0.5, 2))
    assert paired_gain(eca, plain)[0] == 0.5
    assert math.isnan(paired_gain(eca, plain)[1])
    assert paired_gain(se, None)[2] == 0


def test_backbones_that_share_no_weights_are_not_paired():
    wider = Placement.parse(f"{PLAIN}@cifar_resnet8[width=1.06]")
    others = [replace(row, placement=wider) for row in rows(plain=[85, 95])]
    plain, other = summarize([*rows(plain=[80, 90]), *others], ACCURACY)
    assert paired_gain(other, plain) == pytest.approx((5.0, math.hypot(5.0, 5.0), 0))  # paired it would be 5 ± 0


def test_the_table_of_placements():
    table = frame(
        rows(plain=[80, 82], cbam=[79], se=[83, 83]),
        tests={(SE, 0): 70.0, (SE, 1): 72.0, (PLAIN, 0): 69.0},
        latencies={
            SE: {
                "latency_ms": 2.0,
                "latency_ms_lower": 1.9,
                "latency_ms_upper": 2.2,
                "extra_latency_ms": 0.5,
                "repeats": 30,
            }
        },
    )
    assert list(table.columns) == [
        *("placement", "stage1", "stage2", "stage3", "baseline", "on_front", "p_front", "n"),
        *("accuracy", "accuracy_lower", "accuracy_upper", "gain", "gain_lower", "gain_upper", "p_better"),
        *("gain_vs_baseline", "gain_vs_baseline_lower", "gain_vs_baseline_upper", "best_baseline"),
        *("observed_accuracy", "observed_accuracy_se", "observed_gain", "observed_gain_se", "gain_pairs"),
        *("cross_entropy", "cross_entropy_se", "flops", "params", "extra_flops", "extra_params"),
        *("latency_ms", "latency_ms_lower", "latency_ms_upper", "extra_latency_ms"),
        *("test_accuracy", "test_accuracy_se", "test_n", "test_gain", "test_gain_se", "test_pairs"),
        *("observed_gap", "observed_gap_se"),
    ]
    assert table["placement"].tolist() == [PLAIN, SE, CBAM]
    assert table["baseline"].tolist() == ["plain", "", "CBAM everywhere"]
    se = table.iloc[1]
    assert (se["stage1"], se["stage3"]) == ("none", "se4")
    # Seeds 0 and 1 are half a point below and above their average: 83.5 and 82.5 once adjusted.
    assert (se["n"], se["observed_accuracy"], se["observed_accuracy_se"]) == pytest.approx((2, 83.0, 0.5))
    assert (se["observed_gain"], se["observed_gain_se"], se["gain_pairs"]) == (2.0, 1.0, 2)
    assert (se["flops"], se["extra_flops"], se["extra_params"]) == (1100, 100, 10)
    assert (se["latency_ms"], se["extra_latency_ms"]) == (2.0, 0.5)
    assert (se["test_accuracy"], se["test_accuracy_se"], se["test_n"]) == (71.0, 1.0, 2)
    assert (se["test_gain"], se["test_pairs"], se["observed_gap"]) == (1.0, 1, 2.0)
    assert math.isnan(se["test_gain_se"])
    assert math.isnan(se["observed_gap_se"])
    assert table["latency_ms"].isna().tolist() == [True, False, True]
    assert math.isnan(table.iloc[2]["observed_accuracy_se"])
    assert table.iloc[2]["observed_gain"] == -1.0


def test_estimates_are_more_careful_than_what_was_observed():
    table = frame(rows(plain=BASE, se=above(1.0), eca=above(-0.5), cbam=above(0.6))).set_index("placement")
    for name in ("accuracy", "gain"):
        estimate = table.loc[SE, [name, f"{name}_lower", f"{name}_upper"]].tolist()
        assert estimate[1] < estimate[0] < estimate[2]
    assert 0.3 < table.loc[SE, "gain"] < 1.05
    assert table.loc[SE, "gain_upper"] - table.loc[SE, "gain_lower"] < 1
    # The plain backbone has the seeds of the others: what they share does not blur a difference.
    spans = {name: table.loc[SE, f"{name}_upper"] - table.loc[SE, f"{name}_lower"] for name in ("accuracy", "gain")}
    assert spans["gain"] < spans["accuracy"]
    assert table.loc[PLAIN, ["gain", "gain_lower", "gain_upper", "p_better"]].tolist() == [0, 0, 0, 0]
    assert table.loc[SE, "p_better"] > 0.95 > 0.2 > table.loc[ECA, "p_better"]
    assert table["on_front"].to_dict() == {PLAIN: True, SE: True, ECA: False, CBAM: False}
    assert table.loc[PLAIN, "p_front"] == 1.0
    assert table.loc[SE, "p_front"] > 0.9 > 0.1 > table.loc[ECA, "p_front"]


def test_an_accuracy_ends_at_100_and_its_gain_does_not():
    table = frame(rows(plain=[90.0, 99.0], se=[99.9, 100.0], eca=[0.0, 0.5])).set_index("placement")
    percent = table[["accuracy", "accuracy_lower", "accuracy_upper"]]
    assert percent.min(axis=None) == 0
    assert percent.max(axis=None) == 100
    assert table.loc[SE, "gain_upper"] > 100 - table.loc[PLAIN, "accuracy"]


def test_the_rival_is_the_best_baseline_that_costs_no_more():
    table = frame(rows(plain=BASE, se=above(1.0), eca=above(2.0), cbam=above(0.5))).set_index("placement")
    assert table["best_baseline"].to_dict() == {PLAIN: "", SE: "plain", ECA: "plain", CBAM: "ECA in two stages"}
    assert math.isnan(table.loc[PLAIN, "gain_vs_baseline"])
    assert table.loc[SE, "gain_vs_baseline"] == table.loc[SE, "gain"]
    assert table.loc[CBAM, "gain_vs_baseline"] == pytest.approx(
        table.loc[CBAM, "accuracy"] - table.loc[ECA, "accuracy"]
    )


def test_the_front_table_ends_with_the_other_baselines():
    table = front_frame(frame(rows(plain=[80], eca=[70], cbam=[79], se=[83])))
    assert table["placement"].tolist() == [PLAIN, SE, ECA, CBAM]
    assert table["on_front"].tolist() == [True, True, False, False]
    assert table.index.tolist() == [0, 1, 2, 3]
    assert front_frame(frame([])).empty


def test_the_knee_is_the_member_that_bulges_most():
    table = frame(rows(plain=BASE, se=above(9), cbam=above(10)))
    assert table["placement"].iloc[knee_of(table, ACCURACY, "flops")] == SE


def test_the_order_of_the_rows_does_not_matter():
    evaluations = rows(plain=BASE, se=above(1.0), eca=above(2.0))
    pd.testing.assert_frame_equal(frame(evaluations), frame(evaluations[::-1]), check_exact=False)


def test_effects_in_a_table():
    space = DESIGN.space
    extras = tuple(
        {choice: (0 if choice.module == "none" else 10 * stage, 1) for choice in listed}
        for stage, listed in enumerate(space.choices, start=1)
    )
    cost_table = CostTable(names=("flops", "params"), plain=(1000, 100), extras=extras)
    evaluations = rows(plain=BASE, se=above(2.0), eca=above(0.0))
    timed = {SE: {"extra_latency_ms": 0.25}}
    estimates = estimates_of(DESIGN, evaluations, "flops", metric=ACCURACY, is_front_of_space=True)
    table = effects_frame(estimates, cost_table=cost_table, evaluations=evaluations, latencies=timed)
    assert list(table.columns) == [
        *("kind", "stage", "name", "effect", "effect_lower", "effect_upper", "p_positive", "trainings"),
        *("extra_flops", "extra_params", "extra_latency_ms"),
    ]
    choices = table[table["kind"] == "choice"].set_index(["stage", "name"])
    assert len(choices) == 3 * 14
    assert choices.loc[(3, "se4"), ["trainings", "extra_flops", "extra_latency_ms"]].tolist() == [4, 30, 0.25]
    assert choices.loc[(2, "eca"), "trainings"] == 4
    assert choices.loc[(1, "cbam4"), "trainings"] == 0
    assert math.isnan(choices.loc[(1, "cbam4"), "extra_latency_ms"])
    assert choices["effect"].idxmax() == (3, "se4")
    modules = table[table["kind"] == "module"].set_index(["stage", "name"])
    assert modules.loc[(0, "se"), ["trainings", "extra_flops"]].tolist() == [4, 20]
    assert effects_frame(None, cost_table=cost_table, evaluations=[], latencies={}).empty


def test_evaluations_in_a_table():
    table = evaluations_frame(
        [evaluation(SE, 0, 81.0, seconds=1.23456), evaluation(SE, 1, None, reason="oom")], ACCURACY
    )
    assert table[["seed", "state", "reason"]].to_numpy().tolist() == [[0, "complete", ""], [1, "failed", "oom"]]
    assert table["seconds"].iloc[0] == 1.235
    assert table["flops"].tolist() == [1100, 1100]
    assert evaluations_frame([], ACCURACY).empty


def test_cells_and_headings_are_no_formulas_and_obey_no_terminal():
    cells = ["=1+1", "+1", "-1", "@x", "\t=1", "\n=1", "\r=1", "\x1b[31mred", "a,b", "se16", "'=1"]
    table = pd.DataFrame({"=heading": cells, "number": [-1.5] * len(cells)})
    rows = list(csv.reader(io.StringIO(to_csv(table))))
    assert rows[0] == ["'=heading", "number"]
    shown = ["'=1+1", "'+1", "'-1", "'@x", "'\t=1", "'\n=1", r"\r=1", r"\x1b[31mred", "a,b", "se16", "'=1"]
    assert [row[0] for row in rows[1:]] == shown
    assert {row[1] for row in rows[1:]} == {"-1.5"}


def test_top5_accuracies_are_columns_where_they_are_known() -> None:
    assert not {"top5_accuracy", "test_top5_accuracy"} & set(frame(rows(plain=[80, 82])))
    assert "top5_accuracy" not in evaluations_frame(rows(plain=[80]), ACCURACY)
    known = [replace(row, top5_accuracy=row.value + 10) for row in rows(plain=[80, 82])]
    table = frame([*known, *rows(se=[81])], test_top5={(PLAIN, 0, 6): 91.0, (PLAIN, 1, 6): 93.0}).set_index("placement")
    assert table.loc[PLAIN, ["top5_accuracy", "top5_accuracy_se"]].tolist() == [91.0, 1.0]
    assert table.loc[PLAIN, ["test_top5_accuracy", "test_top5_accuracy_se"]].tolist() == [92.0, 1.0]
    assert table.loc[SE, ["top5_accuracy", "test_top5_accuracy"]].isna().all()
    assert evaluations_frame([*known, *rows(se=[81])], ACCURACY)["top5_accuracy"].tolist()[:2] == [90.0, 92.0]
