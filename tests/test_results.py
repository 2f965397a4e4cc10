import json
import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seplace.placement import Placement
from seplace.results import (
    Evaluation,
    evaluations_frame,
    front_frame,
    front_of,
    knee_of,
    mean_and_error,
    paired_gain,
    placements_frame,
    relative_hypervolume,
    seed_effects,
    student_t,
    summarise,
    verdict,
)

PLAIN, SE, ECA, CBAM = "none-none-none", "none-none-se4", "none-eca-eca", "cbam4-cbam4-cbam4"
FLOPS = {PLAIN: 1000, SE: 1100, ECA: 1200, CBAM: 1500}


def evaluation(text: str, seed: int, accuracy: float | None, **changes) -> Evaluation:
    values = {
        "placement": Placement.parse(text),
        "seed": seed,
        "epochs": 6,
        "state": "failed" if accuracy is None else "complete",
        "accuracy": accuracy,
        "cross_entropy": None if accuracy is None else (100 - accuracy) / 50,
        "costs": {"flops": FLOPS[text], "params": FLOPS[text] // 10},
    }
    return Evaluation(**(values | changes))


def rows(**accuracies: list[float]) -> list[Evaluation]:
    texts = {"plain": PLAIN, "se": SE, "eca": ECA, "cbam": CBAM}
    return [
        evaluation(texts[name], seed, accuracy)
        for name, values in accuracies.items()
        for seed, accuracy in enumerate(values)
    ]


def frame(evaluations: list[Evaluation], **changes) -> pd.DataFrame:
    values = {
        "cost": "flops",
        "plain_costs": {"flops": 1000, "params": 100},
        "yardsticks": {PLAIN: "none", CBAM: "CBAM everywhere"},
        "tests": {},
        "latencies": {},
    }
    return placements_frame(summarise(evaluations), **(values | changes))


def test_a_summary_holds_the_complete_seeds_of_a_placement():
    found = summarise([*rows(plain=[80, 82], se=[81]), evaluation(PLAIN, 2, None), evaluation(ECA, 0, None)])
    # Seed 0 is a point below the average of both, so 81 on seed 0 alone is worth 82.
    assert [(str(each.placement), each.n) for each in found] == [(PLAIN, 2), (SE, 1)]
    assert [each.accuracy for each in found] == pytest.approx([81.0, 82.0])
    assert found[0].accuracies == {0: 80, 1: 82}
    assert found[0].costs == {"flops": 1000, "params": 100}


def test_seed_effects_by_arithmetic():
    assert seed_effects([{0: 80.0, 1: 82.0}]) == pytest.approx({0: -1.0, 1: 1.0})
    assert seed_effects([{0: 80.0, 1: 82.0}, {0: 83.0, 1: 83.0}, {0: 50.0}]) == pytest.approx({0: -0.5, 1: 0.5})
    assert seed_effects([{0: 80.0}, {0: 90.0}]) == pytest.approx({0: 0.0})
    assert seed_effects([]) == {}


@given(
    placement_effects=st.lists(st.floats(-5, 5), min_size=1, max_size=6),
    effects=st.lists(st.floats(-3, 3), min_size=2, max_size=4),
    missing=st.sets(st.tuples(st.integers(1, 5), st.integers(0, 3))),
)
def test_seed_effects_are_found_where_not_every_seed_was_trained(placement_effects, effects, missing):
    centred = [effect - sum(effects) / len(effects) for effect in effects]
    accuracies = [
        {seed: 80 + placement + effect for seed, effect in enumerate(centred) if (row, seed) not in missing or not row}
        for row, placement in enumerate(placement_effects)
    ]
    found = seed_effects([by_seed for by_seed in accuracies if by_seed])
    assert [found[seed] for seed in range(len(effects))] == pytest.approx(centred, abs=1e-6)


def test_the_front_is_by_mean_accuracy_and_cheapest_first():
    found = summarise(rows(cbam=[84, 84], eca=[90, 70], plain=[80, 80], se=[83, 81]))
    assert [str(each.placement) for each in front_of(found, "flops")] == [PLAIN, SE, CBAM]
    assert front_of([], "flops") == []


def test_equal_placements_share_the_front_in_order_of_their_names():
    same = [evaluation(SE, 0, 80.0), evaluation(ECA, 0, 80.0, costs={"flops": 1100})]
    assert [str(each.placement) for each in front_of(summarise(same), "flops")] == [ECA, SE]


@pytest.mark.parametrize(
    ("values", "mean", "error"),
    [
        ([], math.nan, math.nan),
        ([3.0], 3.0, math.nan),
        ([1.0, 3.0], 2.0, 1.0),  # sd √2, over √2
        ([1.0, 2.0, 3.0, 4.0], 2.5, math.sqrt(5 / 3) / 2),
    ],
)
def test_mean_and_error(values, mean, error):
    assert mean_and_error(values) == pytest.approx((mean, error), nan_ok=True)


def test_a_gain_is_paired_by_seed():
    summaries = summarise(
        [*rows(plain=[80, 90]), evaluation(SE, 1, 91.5), evaluation(SE, 0, 81.0), evaluation(SE, 7, 10.0)]
    )
    assert paired_gain(summaries[1], summaries[0]) == pytest.approx((1.25, 0.25, 2))
    assert paired_gain(summaries[0], summaries[0]) == (0.0, 0.0, 2)
    assert paired_gain(summaries[1], None) == pytest.approx((math.nan, math.nan, 0), nan_ok=True)


def test_the_hypervolume_is_a_share_of_the_box():
    # 80 % at the cheapest price: the whole width; 90 % from 1100 of 1000 … 1.005 * 1500.
    found = summarise(rows(plain=[80], se=[90]))
    width = 1.005 * 1500 - 1000
    assert relative_hypervolume(found, "flops", (1000, 1500)) == pytest.approx(0.8 + 0.1 * (width - 100) / width)
    assert relative_hypervolume([], "flops", (1000, 1500)) == 0


@pytest.mark.parametrize(
    ("level", "freedom", "expected"),
    [(0.05, 1, 12.7062), (0.05, 3, 3.18245), (0.025, 3, 4.17653), (0.025, 6, 2.96869), (0.05, 1000, 1.96234)],
)
def test_student_t_as_tables_print_it(level, freedom, expected):
    assert student_t(level, freedom) == pytest.approx(expected, rel=1e-5)


def test_the_table_of_placements_by_arithmetic():
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
        *("placement", "stage1", "stage2", "stage3", "yardstick", "on_front", "n", "accuracy", "accuracy_se"),
        *("gain", "gain_se", "gain_pairs", "cross_entropy", "cross_entropy_se"),
        *("flops", "params", "extra_flops", "extra_params"),
        *("latency_ms", "latency_ms_lower", "latency_ms_upper", "extra_latency_ms"),
        *("test_accuracy", "test_accuracy_se"),
    ]
    assert table["placement"].tolist() == [PLAIN, SE, CBAM]
    assert table["yardstick"].tolist() == ["none", "", "CBAM everywhere"]
    assert table["on_front"].tolist() == [True, True, False]
    se = table.iloc[1]
    assert (se["stage1"], se["stage3"]) == ("none", "se4")
    # Seeds 0 and 1 are half a point below and above their average: 83.5 and 82.5 once adjusted.
    assert (se["n"], se["accuracy"], se["accuracy_se"]) == pytest.approx((2, 83.0, 0.5))
    assert (se["gain"], se["gain_se"], se["gain_pairs"]) == (2.0, 1.0, 2)
    assert (se["flops"], se["extra_flops"], se["extra_params"]) == (1100, 100, 10)
    assert (se["latency_ms"], se["extra_latency_ms"]) == (2.0, 0.5)
    assert (se["test_accuracy"], se["test_accuracy_se"]) == (71.0, 1.0)
    assert table["latency_ms"].isna().tolist() == [True, False, True]
    assert math.isnan(table.iloc[2]["accuracy_se"])
    assert table.iloc[2]["gain"] == -1.0


def test_the_front_table_ends_with_the_other_yardsticks():
    table = front_frame(frame(rows(plain=[80], eca=[70], cbam=[79], se=[83])))
    assert table["placement"].tolist() == [PLAIN, SE, CBAM]
    assert table.index.tolist() == [0, 1, 2]
    all_members = front_frame(frame(rows(plain=[80], se=[83])))
    assert all_members["placement"].tolist() == [PLAIN, SE]
    assert front_frame(frame([])).empty


def test_the_knee_is_the_member_that_bulges_most():
    table = frame(rows(plain=[80], se=[89], cbam=[90]))
    assert table["placement"].iloc[knee_of(table, "flops")] == SE


def test_evaluations_in_a_table():
    table = evaluations_frame([evaluation(SE, 0, 81.0, seconds=1.23456), evaluation(SE, 1, None, reason="oom")])
    assert table[["seed", "state", "reason"]].to_numpy().tolist() == [[0, "complete", ""], [1, "failed", "oom"]]
    assert table["seconds"].iloc[0] == 1.235
    assert table["flops"].tolist() == [1100, 1100]
    assert evaluations_frame([]).empty


# Four paired differences of gain + SPREAD have the standard deviation √(0.08 / 3) = 0.163. Alone (3 degrees of freedom,
# t 3.182) their mean is sure beyond 3.182 * 0.163 / √4 = 0.260 points; two such placements pool to 6 degrees of
# freedom, and for either of two t is 2.969, which makes 0.242; a single pair beside four reaches 4.177 * 0.163 = 0.682.
BASE = [80.0, 81.0, 82.0, 83.0]
SPREAD = [0.0, 0.2, -0.2, 0.0]


def above(gain: float) -> list[float]:
    return [base + gain + more for base, more in zip(BASE, SPREAD, strict=True)]


def basis(compared: int) -> str:
    return (
        f"({compared} placement{'' if compared == 1 else 's'} compared and corrected for; one paired difference has a "
        "standard deviation of 0.16 points)."
    )


@pytest.mark.parametrize(
    ("evaluations", "sentence"),
    [
        pytest.param([], "none has not been trained yet, so nothing can be compared with it.", id="nothing"),
        pytest.param(
            rows(se=BASE), "none has not been trained yet, so nothing can be compared with it.", id="without none"
        ),
        pytest.param(
            rows(plain=BASE, se=above(-1)),
            "No placement is better than none: the front is the plain backbone alone.",
            id="none alone",
        ),
        pytest.param(
            rows(plain=BASE, se=[95.0]),
            "No placement has two seeds in common with none yet, so nothing can be said of their differences.",
            id="one seed",
        ),
        pytest.param(
            rows(plain=BASE, se=above(1)),
            f"{SE} is better than none at 95 %: +1.00 ± 0.26 points over 4 seeds {basis(1)}",
            id="better",
        ),
        pytest.param(
            rows(plain=BASE, se=above(0.25)),
            f"No placement on the front is better than none at 95 % {basis(1)}",
            id="just not sure alone",
        ),
        pytest.param(
            rows(plain=BASE, se=above(0.27)),
            f"{SE} is better than none at 95 %: +0.27 ± 0.26 points over 4 seeds {basis(1)}",
            id="just sure alone",
        ),
        pytest.param(
            rows(plain=BASE, se=above(0.2), eca=above(0.24)),
            f"No placement on the front is better than none at 95 % {basis(2)}",
            id="neither of two",
        ),
        pytest.param(
            rows(plain=BASE, se=above(0.2), eca=above(0.25)),
            f"{ECA} is better than none at 95 %: +0.25 ± 0.24 points over 4 seeds {basis(2)}",
            id="the better of two",
        ),
        pytest.param(
            rows(plain=BASE, se=above(0.25), cbam=above(-5)),
            f"{SE} is better than none at 95 %: +0.25 ± 0.24 points over 4 seeds {basis(2)}",
            id="those beside the front are corrected for, and pooled",
        ),
        pytest.param(
            rows(plain=BASE, se=above(0.2), eca=[80.1]),
            f"No placement on the front is better than none at 95 % {basis(2)}",
            id="one pair is not on the front",
        ),
        pytest.param(
            rows(plain=BASE, se=above(0.2), eca=[89.0]),
            f"{ECA} is better than none at 95 %: +9.00 ± 0.68 points over 1 seed {basis(2)}",
            id="one pair, measured by the others' spread",
        ),
    ],
)
def test_the_verdict(evaluations, sentence):
    assert verdict(frame(evaluations)) == sentence


numbers = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(codec="utf-8"), max_size=20)


@given(
    st.builds(
        Evaluation,
        placement=st.sampled_from([PLAIN, "se16.parallel-eca-cbam8.cross", "my.module:Gate4-none-none"]).map(
            Placement.parse
        ),
        seed=st.integers(0, 2**62),
        epochs=st.integers(1, 1000),
        state=st.sampled_from(["complete", "failed"]),
        accuracy=st.none() | numbers,
        cross_entropy=st.none() | numbers,
        curve=st.lists(st.dictionaries(st.sampled_from(["epoch", "accuracy"]), numbers)).map(tuple),
        costs=st.dictionaries(texts, numbers | st.integers()),
        seconds=numbers,
        device=texts,
        threads=st.integers(0, 99),
        weights=st.none() | texts,
        weights_sha256=st.none() | texts,
        reason=texts,
        message=texts,
        attempts=st.integers(1, 9),
        versions=st.dictionaries(texts, texts),
    )
)
def test_an_evaluation_survives_its_record(one):
    assert Evaluation.from_record(json.loads(json.dumps(one.to_record(), allow_nan=False))) == one
