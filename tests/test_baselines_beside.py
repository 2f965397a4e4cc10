"""Baselines that a space does not have are compared with it, and are no answer to it."""

from pathlib import Path

import pandas as pd
import pytest

import seplace
from seplace.attention.options import GateOptions
from seplace.backbones.describe import describe
from seplace.effects.design import Design
from seplace.metric import ACCURACY
from seplace.placement import Placement
from seplace.results.both_splits import BothSplits
from seplace.results.evaluation import Evaluation
from seplace.results.observations import estimates_of, is_candidate
from seplace.results.picks import PICKS, front_of_candidates
from seplace.results.summaries import summarize
from seplace.results.tables import front_frame, placements_frame
from seplace.results.verdict import verdict
from seplace.space import SearchSpace
from tests.spaces import parse

SPACE = SearchSpace(
    name="eca",
    backbone=describe("cifar_resnet8"),
    choices=(parse("eca", "none"), parse("none", "eca"), parse("none", "eca")),
    gate=GateOptions(init="paper"),
)
PLAIN, ECA, SE, CBAM = "none-none-none", "none-eca-eca", "none-none-se16", "cbam16-cbam16-cbam16"
FLOPS = {PLAIN: 1000, SE: 1100, ECA: 1200, CBAM: 1500}
MARKS = {mark: name for name, mark in SPACE.baselines.items()}


def rows(**accuracies: float) -> list[Evaluation]:
    texts = {"plain": PLAIN, "eca": ECA, "se": SE, "cbam": CBAM}
    return [
        Evaluation(
            placement=Placement.parse(texts[name]),
            seed=seed,
            epochs=3,
            state="complete",
            value=accuracy + seed,
            cross_entropy=1.0,
            costs={"flops": FLOPS[texts[name]]},
        )
        for name, accuracy in accuracies.items()
        for seed in range(6)
    ]


def table(evaluations: list[Evaluation], *, is_front_of_space: bool) -> pd.DataFrame:
    return placements_frame(
        summarize(evaluations, ACCURACY),
        estimates_of(Design(SPACE), evaluations, "flops", metric=ACCURACY, is_front_of_space=is_front_of_space),
        cost="flops",
        plain_costs={"flops": 1000},
        baselines={str(mark): name for mark, name in MARKS.items()},
        both_splits=BothSplits(evaluations, metric=ACCURACY, tests={}, images={}),
        test_top5={},
        latencies={},
    )


ABOVE = rows(plain=70, eca=72, se=80, cbam=90)
"""SE and CBAM, which the space does not have, are better than what it has."""


def test_the_front_is_that_of_the_space_and_the_plain_backbone() -> None:
    found = table(ABOVE, is_front_of_space=True)
    assert found[found["on_front"]]["placement"].tolist() == [PLAIN, ECA]
    assert front_frame(found)["placement"].tolist() == [PLAIN, ECA, SE, CBAM]
    by_text = found.set_index("placement")
    assert by_text.loc[ECA, "p_front"] > 0.9
    assert by_text.loc[ECA, "best_baseline"] == "SE in the last stage"  # it is compared all the same
    assert by_text.loc[ECA, "gain_vs_baseline"] < -5


def test_a_study_that_began_before_keeps_its_front_and_picks_of_its_space() -> None:
    found = table(ABOVE, is_front_of_space=False)
    assert found[found["on_front"]]["placement"].tolist() == [PLAIN, SE, CBAM]
    assert front_of_candidates(found, SPACE, ACCURACY, cost="flops")["placement"].tolist() == [PLAIN, ECA]


def test_the_verdict_is_about_the_space() -> None:
    def said(evaluations: list[Evaluation]) -> str:
        estimates = estimates_of(Design(SPACE), evaluations, "flops", metric=ACCURACY, is_front_of_space=True)
        return verdict(estimates, SPACE.baselines, run="")

    assert said(ABOVE).startswith(f"Placement {ECA} is better than the plain backbone at 95 %: ")
    only_beside = said(rows(plain=70, eca=60, se=80, cbam=90))
    assert only_beside.startswith(
        "No placement of the space is better than the plain backbone at 95 %; of the baselines outside the space, "
        "SE in the last stage, CBAM everywhere. ("
    )


def test_the_plain_backbone_is_a_candidate_wherever_it_stands() -> None:
    space = SearchSpace(
        name="always", backbone=SPACE.backbone, choices=(parse("eca"), parse("eca"), parse("eca")), gate=SPACE.gate
    )
    assert Placement.parse(PLAIN) not in space
    assert is_candidate(Placement.parse(PLAIN), space)
    assert not is_candidate(Placement.parse(SE), space)


@pytest.mark.parametrize("name", ["pilot-16px-half-width", "cifar10-resnet8-or-wider"])
def test_published_tables_stay_and_their_picks_are_of_their_space(name: str) -> None:
    folder = Path(__file__).parent.parent / "results" / name
    results = seplace.load(folder)
    written = pd.read_csv(folder / "placements.csv")
    assert results.placements["on_front"].tolist() == written["on_front"].tolist()
    assert any(
        not is_candidate(Placement.parse(text), results.config.search_space)
        for text in written[written["on_front"]]["placement"]
    )
    for pick in PICKS:
        assert is_candidate(results.pick(pick).placement, results.config.search_space)
    named = written[written["baseline"] == "SE everywhere"]["placement"].iloc[0]
    assert str(results.pick(named).placement) == named
