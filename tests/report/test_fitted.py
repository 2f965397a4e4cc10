"""Tables fit their console, and no number of a shown column is cut, whatever the width."""

import io
import re
from collections import Counter

import pandas as pd
import pytest
from rich.cells import cell_len
from rich.console import Console

from seplace.interval import UNKNOWN, Interval
from seplace.metric import ACCURACY
from seplace.report.bench_tables import counts_table, measured_table, published_table
from seplace.report.console import PipeConsole
from seplace.report.fitted import FittedTable, folded, hung
from seplace.report.proxy_tables import rank_correlation_view
from seplace.report.simulation_tables import calibration_table, rungs_table, simulation_table
from seplace.report.terminal import (
    effects_table,
    front_table,
    noise_table,
    plain_table,
    proxies_table,
    recommended_table,
)

WIDTHS = (24, 30, 40, 52, 60, 71, 79, 80, 90, 100, 107, 120, 140, 160, 200, 260)
DEEP = "-".join(["none", "se16", "eca.parallel", "cbam[squeeze=max]8.cross"] * 4)
OWN = "none-attention_of_ours.channel:GatedExcitation16-none@resnet50_v1[width=1.25]"


def interval(name: str, value: float, reach: float = 1.25) -> dict[str, float]:
    return Interval(value=value, lower=value - reach, upper=value + reach).columns(name)


def placements() -> pd.DataFrame:
    names = [("none-none-none", "plain"), (DEEP, ""), (OWN, ""), ("se16-se16-se16", "SE everywhere")]
    rows = [
        {
            "placement": name,
            "baseline": baseline,
            "on_front": at < 3,
            "p_front": 0.62,
            "n": at,
            **interval("accuracy", 80.0 + at),
            **interval("gain", 0.3 - at),
            **interval("gain_vs_baseline", 0.2 * at),
            "flops": 2_000_000_000 + at,
            "extra_flops": 512_000 * at,
            "test_accuracy": 79.0,
            "test_accuracy_se": 0.25,
            "test_gain": 1.5,
            "test_gain_se": 0.31,
        }
        for at, (name, baseline) in enumerate(names)
    ]
    return pd.DataFrame(rows)


def effects() -> pd.DataFrame:
    names = ("cbam[squeeze=max]8.cross", "attention_of_ours.channel:GatedExcitation16")
    rows = [
        {"kind": "choice", "stage": at, "name": name, "p_positive": 0.98, "trainings": 4, "extra_latency_ms": 0.25}
        | {"extra_flops": 12_345.0, "extra_params": 37.3, **interval("effect", 0.5 * at)}
        for at, name in enumerate(names)
    ]
    return pd.DataFrame(rows)


def proxies() -> pd.DataFrame:
    row = {"proxy": "jacobian_covariance", "p_positive": 0.97, "fit": 0.82, "scored": 64, "seconds": 12.5}
    more = {"shared_seconds": 3.25, "verdict": "left out: the choices of its stages do not explain it (R² 0.12)"}
    return pd.DataFrame([row | more | interval("effect", 0.4)])


def noise() -> pd.DataFrame:
    names = ("sd of placements", "tau between epoch 6 and the last, other seed")
    rows = [
        {"quantity": name, "score": score, "placements": 14, "seeds": 2, **interval("value", 1.15)}
        for name in names
        for score in ("accuracy", "cross_entropy")
    ]
    return pd.DataFrame(rows)


def counts() -> list[dict]:
    costs = {"params": 28_071_976, "macs": 3_860_488_192, "flops": 3_908_000_000}
    extras = {f"extra_{name}_percent": 9.84 for name in costs}
    times = {
        f"{name}{end}": value
        for name in ("latency_ms", "latency_ratio", "images_per_second", "throughput_ratio")
        for end, value in (("", 12.31), ("_lower", 11.91), ("_upper", 13.42))
    }
    first = {"backbone": "resnet50_v1", "image_size": 224, "name": "SE everywhere", "batch": 32, "threads": 2}
    first["placement"] = "se16-se16-se16-se16"
    return [
        first | costs | extras | times | {"device": "cpu", "torch": "2.13", "repeats": 10, "peak_tensor_bytes": 9e9}
    ]


def published() -> list[dict]:
    row = {"source": "se", "table": "table 10", "network": "SE-ResNet-50 (r = 16)", "backbone": "resnet50_v1"}
    row |= {"placement": "se16-se16-se16-se16", "quantity": "parameters", "unit": "1e6", "published": "28.1"}
    other = row | {"ours": "28.07", "difference": 0.03, "verdict": "buffers are counted"}
    return [row | {"ours": "28.1", "difference": 0, "verdict": "equal"}, other]


def simulations() -> pd.DataFrame:
    rows = [
        {"problem": "interacting-seeds[images=500]", "recommendation": "recommended", "sampler": "effects"}
        | {"trainings": count, "repetitions": 50, **interval("hypervolume", 0.512, 0.0125)}
        for count in (12, 25, 50, 100)
    ]
    return pd.DataFrame(rows)


def calibrations() -> pd.DataFrame:
    row = {"problem": "interacting-seeds[images=500]", "sampler": "effects", "regret": 0.04, "expected_regret": 0.05}
    row |= {"front_points": 5, "covered": 4, "gains_covered": 4, "different": 40, "trained": 50, "compared": 9}
    row |= dict.fromkeys(("bias", "gain_bias", "observed_gain_bias"), -0.012)
    return pd.DataFrame([row | {"claimed": 3, "wrongly_claimed": 0, "compared_gains_covered": 8}])


def correlations() -> pd.DataFrame:
    row = {"proxy": "jacobian_covariance", "against": "cross-entropy", "placements": 124, "replicated": 60}
    row |= {"verdict": "ranks forwards", "seconds": 1.25, "shared_seconds": 30.5, **UNKNOWN.columns("ceiling")}
    return pd.DataFrame([row | interval("tau", 0.4, 0.1) | interval("beyond_flops", -0.2, 0.1)])


def rungs() -> pd.DataFrame:
    row = {"problem": "slow-starters", "sampler": "effects", "epochs": 3, "on": True, "stopped": 12.0, "pairs": 66}
    return pd.DataFrame([row | {"tau": 0.45}, row | {"tau": 0.55}])


TABLES = {
    "front": lambda: front_table(placements(), ACCURACY, cost="flops", title="a study: front"),
    "recommend": lambda: recommended_table(placements(), ACCURACY, cost="flops", title="a study", baselines={}),
    "effects": lambda: effects_table(effects(), ACCURACY, kind="choice", title="effect of each choice"),
    "proxies": lambda: proxies_table(proxies(), ACCURACY, title="effect of each proxy's score"),
    "noise": lambda: noise_table(noise(), ACCURACY, title="a study"),
    "plan": lambda: plain_table(["cost", "plain", "cheapest"], [["latency_ms", "12.5", "+3.894G"]], title="costs"),
    "bench": lambda: counts_table(counts()),
    "bench --latency": lambda: measured_table(counts()),
    "bench --published": lambda: published_table(published()),
    "simulate": lambda: simulation_table(simulations()),
    "simulate, calibration": lambda: calibration_table(calibrations()),
    "simulate --rungs": lambda: rungs_table(rungs()),
    "proxy": lambda: rank_correlation_view(correlations()),
}


def printed(table: FittedTable, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(table, crop=False)
    return console.file.getvalue()


def numbers(text: str) -> Counter[str]:
    return Counter(each for each in re.split(r"[\s│,\[\]]+", text) if re.search(r"\d", each))


def hidden_of(text: str) -> set[str]:
    said = " ".join(text.split()).partition("a wider terminal also shows ")[2]
    return set(said.split(", ")) if said else set()


@pytest.mark.parametrize("name", TABLES)
def test_no_number_is_cut_at_any_width(name: str) -> None:
    table = TABLES[name]()
    spare = {column.heading for column in table.columns if column.spare}
    shown_before = -1
    for width in WIDTHS:
        text = printed(table, width)
        assert max(map(cell_len, text.splitlines())) <= width
        assert "…" not in text.replace(table.title, "")
        hidden = hidden_of(text)
        assert hidden <= spare
        assert len(spare - hidden) >= shown_before or "─" not in text  # a wider terminal shows no less
        shown_before = len(spare - hidden) if "─" in text else -1
        for at, column in enumerate(table.columns):
            cells = [row.cells[at] for row in table.rows if column.heading not in hidden]
            if column.is_text:
                parts = {part for cell in cells for part in re.split(r"[\s@-]+", cell) if len(part) < 12}
                assert all(part in text for part in parts)
            else:
                assert numbers(" ".join(cells)) <= numbers(text), (width, column.heading)


@pytest.mark.parametrize("name", TABLES)
def test_a_pipe_gets_all_columns_with_names_on_one_line(name: str) -> None:
    table = TABLES[name]()
    console = PipeConsole(file=io.StringIO(), width=160)
    console.print(table, crop=False)
    text = console.file.getvalue()
    assert not hidden_of(text)
    assert not re.search(r"[│┃]|[^\S\n]\n", text)
    for at, column in enumerate(table.columns):
        cells = [row.cells[at] for row in table.rows]
        assert numbers(" ".join(cells)) <= numbers(text), column.heading
        assert not column.is_text or all(cell in text for cell in cells)


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (40, ["none-se16-eca.parallel-", "cbam8@resnet50"]),
        (26, ["none-se16-eca.parallel-", "cbam8@resnet50"]),
        (16, ["none-se16-", "eca.parallel-", "cbam8@resnet50"]),
        (13, ["none-se16-", "eca.parallel-", "cbam8", "@resnet50"]),
    ],
)
def test_a_placement_is_broken_between_its_stages(width: int, lines: list[str]) -> None:
    name = "none-se16-eca.parallel-cbam8@resnet50"
    assert folded(name, width, is_name=True) == ([name] if width >= len(name) else lines)


def test_sentences_are_broken_between_words_and_hang() -> None:
    assert folded("a gain of +0.20 for se16-eca is known", 16) == ["a gain of +0.20", "for se16-eca is", "known"]
    assert hung("  note: one two three four", 20, indent=2) == ["  note: one two", "    three four"]
