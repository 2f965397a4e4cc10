import io

import pandas as pd
import pytest
from rich.console import Console

from seplace.interval import UNKNOWN, Interval
from seplace.metric import ACCURACY
from seplace.report.numbers import duration, percent, quantity
from seplace.report.simulation_tables import calibration_table, simulation_table
from seplace.report.terminal import effects_table, front_table, recommended_table


def printed(table: object, *, width: int = 240) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    return console.file.getvalue().splitlines()


def row(placement: str, *, on_front: bool, baseline: str, gain: float, vs_baseline: Interval = UNKNOWN) -> dict:
    return {
        "placement": placement,
        "baseline": baseline,
        "on_front": on_front,
        "p_front": 0.62,
        "n": 3,
        **Interval(value=80.0, lower=79.5, upper=80.6).columns("accuracy"),
        **Interval(value=gain, lower=gain - 1, upper=gain + 1).columns("gain"),
        **vs_baseline.columns("gain_vs_baseline"),
        "flops": 2_000_000,
        "extra_flops": 512,
        "test_accuracy": 79.0,
        "test_accuracy_se": 0.25,
        "test_gain": gain / 2,
        "test_gain_se": 0.31,
    }


FRONT = pd.DataFrame(
    [
        row("none-none", on_front=True, baseline="plain", gain=0.0),
        row("none-se4", on_front=True, baseline="", gain=1.2, vs_baseline=Interval(value=0.2, lower=-0.4, upper=0.9)),
        row("se16-se16", on_front=False, baseline="SE everywhere", gain=0.3),
    ]
)


def test_the_front_says_what_each_number_is():
    text = printed(front_table(FRONT, ACCURACY, cost="flops", title="a study"))
    heading = text[2]
    legend = " ".join(text[-6:])
    for words in (
        "front",
        "P(non-dominated)",
        "seeds",
        "accuracy %",
        "gain vs plain",
        "gain vs baseline",
        "test %",
        "test gain",
    ):
        assert words in heading
    plain, best, beside = (next(line for line in text if f" {name} " in line) for name in FRONT["placement"])
    assert ["●" in line for line in (plain, best, beside)] == [True, True, False]
    assert "62 %" in best
    assert "+1.20 [+0.20, +2.20] │ +0.20 [-0.40, +0.90]" in best
    assert "+0.00" not in plain  # it has no gain over itself
    assert "79.00 ± 0.25 │ +0.60 ± 0.31 │" in best
    assert "0.31" not in plain
    for words in (
        "none: no attention",
        "● and bold: on the front; (in parentheses): the name of a baseline",
        "posterior mean [90 % credible interval]",
        "gain vs baseline: over the best baseline that costs no more",
        "mean over tested seeds ± standard error over seeds and new images",
    ):
        assert words in legend
    assert "(SE everywhere)" in beside


def test_errors_over_seeds_alone_are_not_said_to_be_over_images():
    text = printed(front_table(FRONT, ACCURACY, cost="flops", title="a study", has_test_images=False), width=300)
    legend = " ".join(line.strip() for line in text[-2:])
    assert legend.endswith(", over seeds alone where it is not known which test images were right")
    assert not any(
        "over seeds alone" in line for line in printed(front_table(FRONT, ACCURACY, cost="flops", title="a study"))
    )


def test_a_study_without_a_test_split_has_no_column_for_it():
    assert not any(
        "test %" in line for line in printed(front_table(FRONT, ACCURACY, cost="flops", title="", has_test=False))
    )


def test_recommended_placements_have_their_order_and_those_that_lose_stand_below_a_line():
    several = FRONT.assign(n=[0, 1, 2], gain=[0.0, -0.4, 0.3])
    table = recommended_table(several, ACCURACY, cost="flops", title="a study", baselines={"none-none": "plain"})
    text = printed(table)
    plain, worse, better = (next(line for line in text if f" {name} " in line) for name in FRONT["placement"])
    assert plain.startswith("│ 1 │ none-none │ (plain)")
    assert "│      no │" in plain
    assert "0.00 [" not in plain.replace("80.00 [", "")
    assert worse.startswith("│ 2 │ none-se4")
    assert text.index(plain) < text.index(better) < text.index(worse)
    assert "below the line: not expected to be better than the plain backbone" in " ".join(text)
    assert "below the line" not in " ".join(
        printed(recommended_table(FRONT, ACCURACY, cost="flops", title="", baselines={}))
    )


@pytest.mark.parametrize(
    ("width", "gains", "hidden"),
    [
        (100, "[+0.20, +2.20]  [-0.40, +0.90]         ± 0.31", {"flops", "test %"}),
        (78, "[+0.20, +2.20]", {"accuracy %", "gain vs baseline", "test gain"}),
    ],
)
def test_a_narrow_terminal_cuts_nothing(width, gains, hidden):
    text = printed(front_table(FRONT, ACCURACY, cost="flops", title="a study"), width=width)
    assert all(len(line) <= width for line in text)
    assert not any("…" in line for line in text)
    for placement in (*FRONT["placement"], "SE everywhere"):
        assert any(placement in line for line in text)
    assert any(gains in line for line in text)
    best, beside = (next(at for at, line in enumerate(text) if name in line) for name in FRONT["placement"][1:])
    assert any(set(line) == {"─"} for line in text[best:beside])  # the line of the title
    shown = " ".join(text[text.index(next(line for line in text if "a wider terminal also shows" in line)) :])
    assert all(heading in shown for heading in hidden)
    assert "seeds" not in shown
    legend = " ".join(text)
    # Columns that are left out are not explained.
    assert "test %, test gain (vs plain): " not in legend
    assert ("test gain (vs plain): mean over" in legend) == ("test gain" not in hidden)
    assert "accuracy, gain vs plain: " not in legend
    assert "gain vs plain: posterior mean" in legend


def test_effects_have_the_probability_of_their_sign():
    effects = pd.DataFrame(
        [{"kind": "choice", "stage": 0, "name": "se4", "p_positive": 0.98, "trainings": 4, "extra_latency_ms": 0.25}]
    ).assign(**Interval(value=0.5, lower=0.1, upper=0.9).columns("effect"))
    text = "\n".join(printed(effects_table(effects, ACCURACY, kind="choice", title="a study")))
    assert "P(effect > 0)" in text
    assert "│ all   │ se4    │ +0.50 [+0.10, +0.90] │          98 % │" in text
    assert "● and bold: its sign is known" in text
    assert "extra ms" in text
    assert "not timed" not in text
    some = pd.concat([effects, effects, effects.assign(extra_latency_ms=float("nan"))])
    text = "\n".join(printed(effects_table(some, ACCURACY, kind="choice", title="a study")))
    assert "extra ms: empty where a choice was not timed: those of the front and of the baselines are" in text
    unsure = printed(effects_table(effects.assign(p_positive=0.7), ACCURACY, kind="choice", title="a study"))
    assert not any("● and bold" in line for line in unsure)


def test_simulated_searches_have_their_regret_beside_the_expected_one():
    counts = {"front_points": 5, "covered": 4, "gains_covered": 4, "different": 40, "trained": 50}
    biases = dict.fromkeys(("bias", "gain_bias", "observed_gain_bias"), 0.01)
    one = {"problem": "usual", "sampler": "effects", "regret": 0.04, "expected_regret": 0.05, **counts, **biases}
    text = printed(calibration_table(pd.DataFrame([one | {"claimed": 3, "wrongly_claimed": 0}])))
    assert "estimates of the trained front against the truth" in text[0]
    assert "expected regret" in text[2]
    assert "4.0 % │           5.0 % │    80 % │         100 % │" in next(line for line in text if "usual" in line)
    summary = {"problem": "usual", "recommendation": "observed", "sampler": "effects", "trainings": 12}
    interval = Interval(value=0.5, lower=0.4, upper=0.6).columns("hypervolume")
    text = printed(simulation_table(pd.DataFrame([summary | interval | {"repetitions": 50}])))
    assert "0.500 [0.400, 0.600]" in next(line for line in text if "usual" in line)


def test_numbers_as_text():
    nan = float("nan")
    assert [ACCURACY.plus_minus(81.0, 0.25), ACCURACY.plus_minus(81.0, nan), ACCURACY.plus_minus(nan, nan)] == [
        "81.00 ± 0.25",
        "81.00",
        "",
    ]
    assert [quantity(3_894_000_000), quantity(512, signed=True), quantity(0.25)] == ["3.894G", "+512", "0.25"]
    assert [quantity(2768.5, signed=True), percent(0.083), percent(2.88)] == ["+2,768", "8.3 %", "288 %"]
    assert [duration(0.314), duration(45), duration(720), duration(12_600)] == ["0.31 s", "45 s", "12 min", "3.5 h"]
