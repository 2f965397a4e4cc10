"""No text of a figure overlaps another or is cut, whatever is drawn, at every width."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seplace.api import Results
from seplace.metric import ACCURACY
from seplace.report.figures.curves import plot_curves
from seplace.report.figures.effects import plot_effects, plot_heat
from seplace.report.figures.front import Pick, plot_front
from seplace.report.figures.history import plot_history
from seplace.report.figures.of_study import KINDS
from tests.marks import in_the_long_form
from tests.report.figures.looks import flaws_of, numbers_of

WIDTHS = [None, "single", "double"]
LONG = "my_gates_of_a_very_long_name.and_module:GateThatHasALongName"
"""The name of a module, 60 characters."""


def random_front(seed: int) -> pd.DataFrame:
    """Placements with costs and gains at random: near and far, few and many, with long names."""
    random = np.random.default_rng(seed)
    count = int(random.integers(1, 60))
    extra = np.concatenate([[0.0], random.lognormal(9, random.choice([0.01, 1, 3]), count)]).round()
    extra[random.integers(0, count + 1, count // 3)] = extra[-1]
    gains = np.concatenate([[0.0], random.normal(0, random.choice([0.001, 1.0, 20.0]), count)])
    if random.random() < 0.5:
        gains = np.sort(gains)
        extra = np.sort(extra)
    half = random.exponential(random.choice([0.0, 0.5, 9.0]), count + 1)
    half[0] = 0.0
    order = np.argsort(extra, kind="stable")
    best = np.maximum.accumulate(gains[order])
    on_front = np.zeros(count + 1, dtype=bool)
    on_front[order] = np.concatenate([[True], best[1:] > best[:-1]])
    names = ["none-none", *(f"se{at + 2}-{LONG if random.random() < 0.1 else 'eca.parallel'}" for at in range(count))]
    marks = ["plain", "SE everywhere", "CBAM in the last stage", f"{LONG} everywhere", "plain on a[width=1.1]"]
    return pd.DataFrame(
        {
            "placement": names,
            "baseline": [marks[at] if at < len(marks) and random.random() < 0.8 else "" for at in range(count + 1)],
            "on_front": on_front,
            "n": random.integers(1, 5, count + 1),
            "accuracy": 70 + gains,
            "accuracy_lower": 70 + gains - half,
            "accuracy_upper": 70 + gains + half,
            "gain": gains,
            "gain_lower": gains - half,
            "gain_upper": gains + half,
            "flops": 2_000_000 + extra,
            "extra_flops": extra,
        }
    )


def draw(table: pd.DataFrame, **options):
    last = table["placement"].iloc[-1]
    pick = Pick(placement=last, name="knee", reason="the pick of export")
    return plot_front(
        table,
        ACCURACY,
        cost="flops",
        unit="FLOPs",
        title=f"a study of {LONG}: attention placements on cifar_resnet8[width=0.5]",
        measured="accuracy on new images",
        verdict=f"Placement {last} is better than the plain backbone at 95 %: +1.00 points.",
        better={last},
        pick=pick,
        **options,
    )


@pytest.mark.parametrize("seeds", [range(3), in_the_long_form(range(3, 300))])
def test_texts_of_random_fronts(seeds):
    for seed in seeds:
        table = random_front(seed)
        figure = draw(table, width=WIDTHS[seed % 3], absolute=seed % 5 == 4, heading=seed % 7 != 6)
        assert flaws_of(figure) == [], seed
        # Every front point is named by a label, but for those that would have no room.
        labelled = "".join(numbers_of(figure))
        assert "1" in labelled, seed


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "gates"])
def test_an_empty_study_is_drawn_as_one(kind, width):
    empty = pd.DataFrame()
    title = f"a study of {LONG}"
    figure = {
        "front": lambda: plot_front(
            empty, ACCURACY, cost="flops", unit="FLOPs", title=title, measured="a", width=width
        ),
        "effects": lambda: plot_effects(empty, ACCURACY, title=title, width=width),
        "heat": lambda: plot_heat(empty, ACCURACY, title=title, width=width),
        "history": lambda: plot_history(empty, ACCURACY, title=title, plain=None, width=width),
        "curves": lambda: plot_curves(empty, ACCURACY, title=title, plain="none", front=[], pick=None, width=width),
    }[kind]()
    assert flaws_of(figure) == []
    assert [text.get_text() for text in figure.axes[0].texts] == ["no training is complete yet"]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("choices", "stages"),
    [(5, 4), pytest.param(1, 1, marks=pytest.mark.long), pytest.param(30, 16, marks=pytest.mark.long)],
)
def test_texts_of_effects(choices, stages, width):
    names = [f"se{at + 1}" for at in range(choices - 1)] + [f"{LONG}4.parallel"]
    rows = [
        (
            "choice",
            stage,
            name,
            effect := (-1) ** at * 0.4 * at + 0.1 * stage,
            effect - 0.5,
            effect + 0.5,
            0.5 + at / 99,
        )
        for stage in range(1, stages + 1)
        for at, name in enumerate(names)
        if stage != 2 or at != 1
    ]
    rows.append(("backbone", 0, "cifar_resnet20[width=1.25]", 1.0, 0.5, 1.5, 1.0))
    columns = ["kind", "stage", "name", "effect", "effect_lower", "effect_upper", "p_positive"]
    table = pd.DataFrame(rows, columns=columns)
    for plot in (plot_effects, plot_heat):
        assert flaws_of(plot(table, ACCURACY, title=f"a study of {LONG}", width=width)) == []


@pytest.mark.parametrize(
    "name",
    [
        "pilot-32px",
        *map(
            in_the_long_form,
            sorted(
                path.parent.name for path in Path("results").glob("*/ledger.sqlite") if "pilot-32px" not in str(path)
            ),
        ),
    ],
)
def test_texts_of_committed_results(name):
    results = Results.load(Path("results") / name)
    for at, kind in enumerate(each for each in KINDS if each != "gates"):  # which need weights
        assert flaws_of(results.plot(kind=kind, width=WIDTHS[at % 3])) == [], kind


def test_fonts_are_readable_in_print():
    figure = draw(random_front(1), width="single")
    assert min(text.get_fontsize() for text in figure.texts + figure.axes[0].texts) >= 6.5
