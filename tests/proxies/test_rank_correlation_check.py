import math
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from scipy.stats import kendalltau

from seplace import api
from seplace.errors import InputError, UnknownName
from seplace.interval import Interval
from seplace.metric import ACCURACY
from seplace.placement import Placement
from seplace.proxies.rank_correlation_check import (
    Scores,
    Trained,
    compare,
    rank_correlation_table,
    sampled,
    trained_placements,
    verdict,
)
from seplace.report.proxy_tables import rank_correlation_view
from seplace.results.evaluation import Evaluation
from tests.proxies.toy import EFFORT

COUNT = 250
RANDOM = np.random.default_rng(0)
FLOPS = RANDOM.permutation(COUNT).astype(float)
TRUTH = 0.6 * (FLOPS - FLOPS.mean()) / FLOPS.std() + 0.8 * RANDOM.standard_normal(COUNT)
"""Of variance 1, of which FLOPs explain a third or so."""


def placement(number: int) -> Placement:
    return Placement.parse(f"none-se{number + 1}-none")


def study(*, seeds: int, noise: float = 1.0) -> list[Trained]:
    random = np.random.default_rng(1)
    values = TRUTH[:, None] + noise * random.standard_normal((COUNT, seeds))
    return [
        Trained(
            placement=placement(at),
            flops=FLOPS[at],
            score=dict(enumerate(row.tolist())),
            negative_cross_entropy=dict(enumerate((row / 10).tolist())),
        )
        for at, row in enumerate(values)
    ]


def scored(name: str, values) -> Scores:
    return Scores(proxy=name, values=tuple(map(float, values)), seconds=0.5, shared_seconds=2.0)


def rows_of(trained: list[Trained], *scores: Scores) -> dict[str, dict]:
    table = compare(trained, scores, ACCURACY, seed=0)
    assert table["against"].tolist() == ["accuracy", "-cross_entropy"] * (1 + len(scores))
    return {row["proxy"]: row for row in table[table["against"] == "accuracy"].to_dict("records")}


@pytest.fixture(scope="module")
def judged() -> dict[str, dict]:
    noise = np.random.default_rng(2).standard_normal(COUNT)
    return rows_of(
        study(seeds=3),
        scored("truth", TRUTH),
        scored("backwards", -TRUTH),
        scored("noise", noise),
        scored("cost again", FLOPS + 0.3 * FLOPS.std() * noise),
        scored("constant", np.zeros(COUNT)),
    )


def test_taus_are_those_with_the_means_over_seeds(judged) -> None:
    means = [np.mean(list(each.score.values())) for each in study(seeds=3)]
    assert judged["truth"]["tau"] == pytest.approx(kendalltau(TRUTH, means).statistic)
    assert judged["flops"]["tau"] == pytest.approx(kendalltau(FLOPS, means).statistic)
    assert judged["backwards"]["tau"] == -judged["truth"]["tau"]
    assert judged["truth"]["tau_lower"] < judged["truth"]["tau"] < judged["truth"]["tau_upper"]


def test_the_truth_gets_near_the_ceiling(judged) -> None:
    """One training has reliability 1/2, three have 3/4: tau = 2/π arcsin √(3/4) = 2/3."""
    assert judged["truth"]["ceiling"] == pytest.approx(2 / 3, abs=0.04)
    assert judged["truth"]["tau"] == pytest.approx(judged["truth"]["ceiling"], abs=0.05)
    assert judged["truth"]["ceiling_lower"] < 2 / 3 < judged["truth"]["ceiling_upper"]


def test_verdicts(judged) -> None:
    assert {name: row["verdict"] for name, row in judged.items()} == {
        "flops": "helps",
        "truth": "helps",
        "backwards": "ranks backwards",
        "noise": "useless",
        "cost again": "no better than FLOPs",
        "constant": "useless",
    }
    assert math.isnan(judged["constant"]["tau"])
    assert math.isnan(judged["flops"]["beyond_flops"])
    assert 0 < judged["truth"]["beyond_flops"] < judged["truth"]["tau"] + 0.05


def test_an_interval_that_touches_zero_proves_nothing() -> None:
    def interval(lower: float, upper: float) -> Interval:
        return Interval(value=(lower + upper) / 2, lower=lower, upper=upper)

    sure, unsure, below = interval(0.1, 0.3), interval(0.0, 0.2), interval(-0.3, -0.1)
    assert [verdict(tau, sure) for tau in (sure, unsure, below)] == ["helps", "useless", "ranks backwards"]
    assert [verdict(sure, beyond) for beyond in (None, unsure, below)] == ["helps", *["no better than FLOPs"] * 2]


def test_one_seed_has_no_ceiling() -> None:
    row = rows_of(study(seeds=1))["flops"]
    assert math.isnan(row["ceiling"])
    assert row["replicated"] == 0
    assert row["tau"] > 0


def evaluation(text: str, seed: int, accuracy: float, *, epochs: int = 9) -> Evaluation:
    return Evaluation(
        placement=Placement.parse(text),
        seed=seed,
        epochs=epochs,
        state="complete",
        value=accuracy,
        cross_entropy=1 - accuracy / 100,
        costs={"flops": 100.0 + len(text)},
    )


def test_trained_placements_are_those_of_the_full_length_without_the_luck_of_seeds() -> None:
    rows = [
        evaluation("none-se4-none", 0, 60.0),
        evaluation("none-se4-none", 1, 64.0),
        evaluation("none-eca-none", 1, 65.0),
        evaluation("eca-none-none", 0, 61.0, epochs=3),
        replace(evaluation("eca-eca-none", 0, 0.0), state="failed", value=None, cross_entropy=None),
    ]
    trained = trained_placements(rows, ACCURACY, epochs=9)
    assert [str(each.placement) for each in trained] == ["none-eca-none", "none-se4-none"]
    assert [each.flops for each in trained] == [113.0, 113.0]
    assert trained[0].score == pytest.approx({1: 63.0})  # seed 1 is 4 points better than seed 0
    assert trained[1].score == pytest.approx({0: 62.0, 1: 62.0})
    assert trained[1].negative_cross_entropy == pytest.approx({0: -0.38, 1: -0.38})


def test_a_sample_is_drawn_from_the_seed() -> None:
    trained = study(seeds=1)
    some = sampled(trained, 20, seed=0)
    assert len(some) == 20
    assert some == sampled(trained, 20, seed=0) != sampled(trained, 20, seed=1)
    assert sampled(trained, None, seed=0) == sampled(trained, 10_000, seed=0) == trained
    with pytest.raises(InputError, match="at least 5 trained placements"):
        sampled(trained, 4, seed=0)


def rank_correlation_check(finished, **changes):
    results = api.load(finished)
    arguments = {
        "proxies": ["naswot", "short_training"],
        "placements": 6,
        "seed": 0,
        "effort": EFFORT,
        "device": "cpu",
        "on_score": lambda _name, _done: None,
    }
    return rank_correlation_table(results.live_config, results.rows, **(arguments | changes))


def test_a_finished_study_puts_proxies_on_probation(finished) -> None:
    heard = []
    table = rank_correlation_check(finished, on_score=lambda name, done: heard.append((name, done)))
    assert heard == [(name, done) for name in ("naswot", "short_training") for done in range(1, 7)]
    assert table["proxy"].tolist() == [name for name in ("flops", "naswot", "short_training") for _ in range(2)]
    assert (table["placements"] == 6).all()
    by_loss = table[table["against"] == "-cross_entropy"]  # accuracies of so short trainings are all alike
    assert by_loss["tau"].between(-1, 1).all()
    assert (by_loss["tau_lower"] <= by_loss["tau_upper"]).all()
    assert (table["seconds"][2:] > 0).all()
    again = rank_correlation_check(finished).drop(columns=["seconds", "shared_seconds"])
    assert again.equals(table.drop(columns=["seconds", "shared_seconds"]))
    console = Console(width=200, record=True)
    console.print(rank_correlation_view(table))
    text = console.export_text()
    assert "n = 6 placements" in text
    assert "short_training" in text


def test_a_wrong_name_is_told_first(finished) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'naswot'"):
        rank_correlation_check(finished, proxies=["naswo"])


def test_the_view_says_what_is_not_known() -> None:
    console = Console(width=200, record=True)
    table = compare(study(seeds=1), [scored("constant", np.zeros(COUNT))], ACCURACY, seed=0)
    console.print(rank_correlation_view(table))
    text = console.export_text()
    assert "not known" in text
    assert "all tied" in text
