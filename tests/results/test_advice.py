"""Advice claims what the verdict claims: to take, to stop, or what is missing."""

from pathlib import Path

import pytest

from seplace.api import Results
from seplace.metric import ACCURACY, Metric
from seplace.placement import Placement
from seplace.results.advice import WORTH, Advice, advice
from seplace.results.evaluation import Evaluation
from seplace.results.observations import estimates_of
from seplace.results.verdict import verdict
from tests.results.test_evaluation import CBAM, PLAIN, SE, rows
from tests.results.test_tables import BASE, DESIGN, MARKS, above
from tests.results.test_verdict import some_images

FOLDER = Path("results/an example")
RUN = "seplace run study.yaml"


def advised(evaluations: list[Evaluation], *, names: tuple[str, ...] = ("plain",), is_over: bool = True) -> Advice:
    estimates = (
        estimates_of(DESIGN, evaluations, "flops", metric=ACCURACY, is_front_of_space=True) if evaluations else None
    )
    marks = {name: Placement.parse(MARKS[name]) for name in names}
    made = advice(estimates, marks, cost="flops", folder=FOLDER, run=RUN, is_over=is_over)
    if made.kind == "take":
        assert f"{made.take} is better than the plain backbone at 95 %" in verdict(estimates, marks, run=RUN)
    assert Advice.from_json(made.to_json()) == made
    return made


def test_a_clear_lead_is_to_be_taken() -> None:
    made = advised(rows(plain=BASE, se=above(2.0), eca=above(0.0)))
    assert made.take == Placement.parse(SE)
    assert made.sentence.startswith(f"Take {SE}: it gains about ")
    assert " % more FLOPs" in made.sentence
    assert "may do as well" not in made.sentence


def test_a_baseline_that_costs_no_more_is_named_beside_it() -> None:
    evaluations = [*rows(plain=BASE, eca=above(2.9)), *rows(cbam=above(3.0))]
    made = advised(evaluations, names=("plain", "ECA in two stages"))
    assert made.take == Placement.parse(CBAM)
    assert "; the baseline ECA in two stages (" in made.sentence
    assert made.sentence.endswith("), which costs no more, may do as well.")


def test_small_gains_that_are_known_well_are_a_reason_to_stop(monkeypatch) -> None:
    made = advised(rows(plain=BASE, se=above(0.02), eca=above(-0.02), cbam=above(0.01)))
    assert (made.kind, made.take) == ("stop", Placement.parse(PLAIN))
    assert made.sentence.startswith(
        "Attention does not pay here: with 95 % probability none of the 3 trained placements"
    )
    assert f" gains {WORTH:g} points (the least that seplace calls worth its trouble) or more on " in made.sentence
    metric = Metric(name="val_error", goal="minimize", label="error", test_name="test_error", unit="mm")
    small = rows(plain=[5.1, 4.9, 5.2, 4.8], se=[5.0, 5.0, 5.1, 4.9])
    estimates = estimates_of(DESIGN, small, "flops", metric=metric, is_front_of_space=True)
    marks = {"plain": Placement.parse(PLAIN)}
    monkeypatch.setattr("seplace.results.advice.WORTH_OF_NOISE", 5.0)
    made = advice(estimates, marks, cost="flops", folder=FOLDER, run=RUN, is_over=True)
    assert " mm (half the standard deviation of one training) or more on this validation split. " in made.sentence


def test_what_is_neither_shown_nor_ruled_out_needs_more_trainings_or_images() -> None:
    noisy = advised(rows(plain=BASE, se=above(0.3, noise=0.9), eca=above(-0.2, noise=0.9)))
    assert (noisy.kind, noisy.take) == ("train", None)
    assert " with 95 % probability no trained placement gains more than " in noisy.sentence
    more = "--set confirm.seeds=8 --set confirm.trainings=63"
    assert noisy.next[-1].command == f"{RUN} {more}"
    few = advised(some_images(gain=4.0, seeds=12, images=100))
    assert few.kind == "images"
    assert "such as 400" in few.next[0].what


def test_one_seed_is_too_little() -> None:
    made = advised(some_images(gain=20.0, seeds=1))
    assert made.sentence == "Too little is trained to tell: the plain backbone was trained on one seed alone."
    assert made.lines[-1] == f"  {RUN} --set confirm.seeds=3 --set confirm.trainings=18"


@pytest.mark.parametrize("evaluations", [[], rows(se=BASE), rows(plain=BASE, se=above(2.0))])
def test_a_study_that_is_not_over_is_to_go_on(evaluations) -> None:
    made = advised(evaluations, is_over=False)
    assert (made.kind, made.take) == ("wait", None)
    assert made.lines[-2:] == ("Next: let the study come to its end:", f"  {RUN}")


def test_commands_can_be_pasted(tmp_path, monkeypatch) -> None:
    made = Results.load("results/pilot-32px").advice
    assert made.kind == "take"
    assert made.sentence.endswith(", for 7.2 % more FLOPs; none-none-cbam16 gains about 1.9 for 0.64 % more FLOPs.")
    (step,) = made.next  # the published folder has no weights to export
    assert step.command == "seplace train results/pilot-32px cbam8-cbam16-cbam16 --epochs 24 --beside-plain"
    (tmp_path / FOLDER / "weights").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    lead = advised(rows(plain=BASE, se=above(2.0)))
    assert lead.next[0].command == f"seplace export 'results/an example' --pick {SE}"
