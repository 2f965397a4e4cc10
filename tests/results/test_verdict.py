import pytest

from seplace.placement import Placement
from seplace.results.evaluation import Evaluation
from seplace.results.observations import estimates_of
from seplace.results.verdict import claim_of, regret_sentence, rungs_sentence, verdict
from tests.results.test_evaluation import CBAM, ECA, PLAIN, SE, evaluation, rows
from tests.results.test_tables import BASE, DESIGN, MARKS, above


def said(evaluations: list[Evaluation], *, names: tuple[str, ...] = tuple(MARKS)) -> str:
    estimates = estimates_of(DESIGN, evaluations, "flops", is_front_of_space=True) if evaluations else None
    return verdict(estimates, {name: Placement.parse(MARKS[name]) for name in names})


@pytest.mark.parametrize(
    "evaluations", [pytest.param([], id="nothing"), pytest.param(rows(se=BASE), id="all but none")]
)
def test_there_is_no_verdict_without_the_plain_backbone(evaluations):
    assert said(evaluations) == "The plain backbone has not been trained yet, so nothing can be compared with it."


def test_a_lead_within_the_noise_is_no_lead():
    sentence = said(rows(plain=BASE, se=above(0.3, noise=0.6), eca=above(-0.2, noise=0.5), cbam=above(0.1, noise=-0.6)))
    start, _, end = sentence.rpartition(" training is ")
    assert start == (
        "No placement is better than the plain backbone at 95 %. "
        "(3 placements were compared with the plain backbone. The standard deviation of one"
    )
    assert end.endswith(" points.)")


def test_a_clear_lead_is_named_with_its_interval():
    sentence = said(rows(plain=BASE, se=above(2.0), eca=above(0.0)), names=("plain",))
    assert sentence.startswith(f"Placement {SE} is better than the plain backbone at 95 %: +")
    assert " points of validation accuracy (posterior mean; 90 % credible interval +" in sentence
    assert "baseline" not in sentence
    assert "(2 placements were compared with the plain backbone; 1 is better at 95 %. The standard" in sentence


def test_a_gain_over_the_plain_backbone_may_be_none_over_a_baseline():
    evaluations = [*rows(plain=BASE, eca=above(2.9)), *rows(cbam=above(3.0))]
    sentence = said(evaluations, names=("plain", "ECA in two stages"))
    assert sentence.startswith(f"Placement {CBAM} is better than the plain backbone at 95 %: ")
    rival = "It is not shown to be better than the best baseline that costs no more, ECA in two stages: "
    assert rival in sentence
    clear = said([*rows(plain=BASE, eca=above(0.5)), *rows(cbam=above(6.0))], names=("plain", "ECA in two stages"))
    assert "It is also better than the best baseline that costs no more, ECA in two stages: +" in clear


def test_one_lucky_training_among_many_is_not_claimed():
    evaluations = rows(plain=BASE, se=above(0.0), eca=above(0.1))
    evaluations.append(evaluation(CBAM, 0, BASE[0] + 0.3))
    assert said(evaluations).startswith("No placement is better than the plain backbone at 95 %")


def test_rungs_are_named_with_their_rank_correlation():
    noted = {
        "stopped": 1,
        "rungs": [
            {"epochs": 1, "stopped": 0, "on": False, "tau": None, "pairs": 1},
            {"epochs": 3, "stopped": 1, "on": True, "tau": 0.4478, "pairs": 12},
        ],
    }
    assert rungs_sentence(noted) == (
        "Rungs at the end: after 1 epoch off (no tau over 1 pair), "
        "after 3 epochs on (Kendall's tau with the final ranks 0.45 over 12 pairs); 1 training stopped early."
    )


def test_the_regret_is_expected_and_of_the_recommended_front():
    noted = {"settled": True, "mean": 0.031, "upper": 0.078, "trainings": 40}
    assert regret_sentence(noted) == (
        "The search ended after 40 trainings of candidates of the space because its front had settled. The expected "
        "hypervolume regret of the recommended front is 3 % of the attainable hypervolume "
        "(at most 8 % with 90 % probability)."
    )


def test_a_placement_is_claimed_to_be_better_or_not():
    evaluations = rows(plain=BASE, se=above(2.0), eca=above(0.0))
    estimates, plain = estimates_of(DESIGN, evaluations, "flops", is_front_of_space=True), Placement.parse(PLAIN)
    assert claim_of(plain, estimates, plain=plain) == f"{plain} is the plain backbone."
    better, alike = (claim_of(Placement.parse(text), estimates, plain=plain) for text in (SE, ECA))
    assert better.startswith(f"{SE} is better than the plain backbone at 95 %: +")
    assert alike.startswith(f"{ECA} is not shown to be better than the plain backbone at 95 %: ")
