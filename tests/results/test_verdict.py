from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seplace.arrays import ImageBits
from seplace.effects.estimates import Estimates
from seplace.metric import ACCURACY, Metric
from seplace.placement import Placement
from seplace.results.advice import advice
from seplace.results.evaluation import Evaluation
from seplace.results.observations import estimates_of
from seplace.results.verdict import claim_of, confirming, regret_sentence, rungs_sentence, unused_sentence, verdict
from seplace.sample_scores import SampleScores
from tests.results.test_evaluation import CBAM, ECA, PLAIN, SE, evaluation, rows
from tests.results.test_tables import BASE, DESIGN, MARKS, above

RUN = "seplace run toy"
OWN = Metric(name="val_x", goal="maximize", label="x", test_name="test_x")


def said(evaluations: list[Evaluation], *, names: tuple[str, ...] = tuple(MARKS)) -> str:
    estimates = (
        estimates_of(DESIGN, evaluations, "flops", metric=ACCURACY, is_front_of_space=True) if evaluations else None
    )
    return verdict(estimates, {name: Placement.parse(MARKS[name]) for name in names}, run=RUN)


@pytest.mark.parametrize(
    "evaluations", [pytest.param([], id="nothing"), pytest.param(rows(se=BASE), id="all but none")]
)
def test_there_is_no_verdict_without_the_plain_backbone(evaluations):
    assert said(evaluations) == "The plain backbone has not been trained yet, so nothing can be compared with it."


def test_a_lead_within_the_noise_is_no_lead():
    sentence = said(rows(plain=BASE, se=above(0.3, noise=0.6), eca=above(-0.2, noise=0.5), cbam=above(0.1, noise=-0.6)))
    start, _, end = sentence.rpartition(" training is ")
    assert start.startswith(
        f"No placement is better than the plain backbone at 95 %. The highest estimate is that of {SE}: +"
    )
    assert " These trainings show gains of about " in start
    assert " points or more (80 % power, for a typical placement by its own trainings). (" in start
    assert start.endswith(
        "(3 placements were compared with the plain backbone. All figures are about this validation split alone: "
        "which images each training got right is not known. The standard deviation of one"
    )
    assert end.endswith(" points.)")


def test_a_clear_lead_is_named_with_its_interval():
    sentence = said(rows(plain=BASE, se=above(2.0), eca=above(0.0)), names=("plain",))
    assert sentence.startswith(f"Placement {SE} is better than the plain backbone at 95 %: +")
    assert " points of validation accuracy (posterior mean; 90 % credible interval +" in sentence
    assert "baseline" not in sentence
    assert "(2 placements were compared with the plain backbone; 1 is better at 95 %. All figures" in sentence


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


def on_images(placement: str, seed: int, right: np.ndarray) -> Evaluation:
    return replace(evaluation(placement, seed, 100 * right.mean()), correct=ImageBits.of(right))


def test_an_estimate_that_is_higher_and_not_compared_is_named_beside_the_highest_of_the_compared():
    close = rows(plain=BASE, se=above(0.0, noise=0.6), eca=above(-0.2, noise=0.5))
    lone = evaluation(CBAM, 0, BASE[0] + 3.0)
    marks = {name: Placement.parse(text) for name, text in {**MARKS, "CBAM everywhere": CBAM}.items()}
    for outside in ((), (CBAM,)):
        estimates = estimates_of(DESIGN, [*close, lone], "flops", metric=ACCURACY, is_front_of_space=True)
        estimates.beside = frozenset(map(Placement.parse, outside))
        sentence = verdict(estimates, marks, run=RUN)
        assert "The highest estimate is" not in sentence
        assert f" Of the placements with at least two seeds, {SE} has the highest estimate: " in sentence
        assert f" {CBAM} (CBAM everywhere) is estimated higher (+" in sentence
        assert " points), on one seed: another seed would tell. These trainings show" in sentence
    seeds = [evaluation(CBAM, 1, BASE[1] - 0.5), evaluation(CBAM, 2, BASE[2] - 0.5)]
    estimates = estimates_of(DESIGN, [*close, lone, *seeds], "flops", metric=ACCURACY, is_front_of_space=True)
    estimates.beside = frozenset({Placement.parse(CBAM)})
    sentence = verdict(estimates, {"plain": Placement.parse(PLAIN)}, run=RUN)
    assert f" Of the placements of the space with at least two seeds, {SE} has the highest estimate: " in sentence
    assert f" {CBAM} is estimated higher (+" in sentence
    assert " points), outside the space. " in sentence


def some_images(*, gain: float, seeds: int, images: int = 400) -> list[Evaluation]:
    """Trainings on images of which half are hard; a gain is the share of them that a placement gets right beside."""
    random = np.random.default_rng(3)
    hard = random.random(images) < 0.5
    helped = hard & (random.random(images) < 2 * gain / 100)
    flips = [random.random(images) < 0.01 for _ in range(2 * seeds)]
    plain = [on_images(PLAIN, seed, ~hard ^ flips[seed]) for seed in range(seeds)]
    return plain + [on_images(SE, seed, (~hard | helped) ^ flips[seeds + seed]) for seed in range(seeds)]


def test_one_seed_is_no_verdict_and_the_sentence_says_how_to_add_another():
    sentence = said(some_images(gain=20.0, seeds=1))
    assert sentence.startswith(
        "No verdict yet: the plain backbone was trained on one seed, and what a seed does to one training is not known "
        "before the second. To train up to 3 seeds of the best placements, run `seplace run toy --set confirm.seeds=3 "
        f"--set confirm.trainings=18`; finished trainings are kept. The highest estimate is that of {SE}: +"
    )
    assert "95 %" not in sentence.split(SE)[0]
    assert "All figures are about new images; the 400 validation images are a sample of them." in sentence
    assert said(some_images(gain=20.0, seeds=2)).startswith(f"Placement {SE} is better than the plain backbone at 95 %")


def test_a_confirmation_that_gave_no_second_seed_is_to_train_more():
    estimates = estimates_of(DESIGN, some_images(gain=20.0, seeds=1), "flops", metric=ACCURACY, is_front_of_space=True)
    plain = {"plain": Placement.parse(PLAIN)}
    sentence = verdict(estimates, plain, run=RUN, confirm_trainings=4, confirm_seeds=5)
    assert f"`{RUN} --set confirm.seeds=5 --set confirm.trainings=40`" in sentence
    sentence = verdict(estimates, plain, run=RUN, confirm_trainings=4)
    assert f"`{RUN} --set confirm.seeds=3 --set confirm.trainings=22`" in sentence


def test_a_confirmation_that_is_still_to_come_is_not_to_be_changed():
    estimates = estimates_of(DESIGN, some_images(gain=20.0, seeds=1), "flops", metric=ACCURACY, is_front_of_space=True)
    plain = {"plain": Placement.parse(PLAIN)}
    sentence = verdict(estimates, plain, run=RUN, confirm_trainings=4, is_to_be_confirmed=True)
    assert " before the second. The confirmation that follows the search adds it. The highest estimate " in sentence
    assert "--set" not in sentence


@pytest.mark.parametrize("former", ["--set confirm.seeds=2", "--set=confirm.seeds=2", "--set 'confirm={seeds: 2}'"])
def test_a_command_with_a_confirmation_gets_another(former):
    again = f"seplace run 'my study.yaml' {former} --set training.epochs=5 --set confirm.trainings=4"
    assert confirming(again, seeds=3, after=4) == (
        "seplace run 'my study.yaml' --set training.epochs=5 --set confirm.seeds=3 --set confirm.trainings=22"
    )


def test_a_placement_without_a_second_seed_is_not_claimed():
    plain = some_images(gain=20.0, seeds=2)[:2]
    lone = some_images(gain=20.0, seeds=1)[1]
    assert said([*plain, lone]).startswith("No verdict yet: no other placement was trained on a second seed, and what")
    estimates = estimates_of(DESIGN, [*plain, lone], "flops", metric=ACCURACY, is_front_of_space=True)
    claim = claim_of(Placement.parse(SE), estimates, plain=Placement.parse(PLAIN))
    assert f"{SE} is not shown to be better than the plain backbone at 95 %, for want of a second seed: +" in claim


def test_where_the_split_is_the_limit_the_verdict_says_so():
    sentence = said(some_images(gain=4.0, seeds=12, images=100))
    assert "the 100 validation images are the limit, and four times as many would halve it." in sentence
    assert "are the limit" not in said(some_images(gain=4.0, seeds=12, images=100)[:-11])  # one seed of the placement


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
        "The search ended after 40 trainings of candidates of the space because its front had settled; baselines "
        "outside it, the confirmation and later trainings are not counted. The expected hypervolume regret of the "
        "front recommended then is 3 % of the attainable hypervolume (at most 8 % with 90 % probability)."
    )


def test_trainings_that_a_confirmation_left_have_a_reason():
    twice = [[["none", 1], ["none", 1], ["se4", 1]], [["eca", 1]]]
    assert unused_sentence(twice, trainings=4, seeds=2) == (
        "1 of the 4 trainings to confirm was not used: trainings of the plain backbone were counted twice, as in "
        "studies begun with version 0.16 or before."
    )
    assert unused_sentence(twice[1:], trainings=4, seeds=2) == (
        "3 of the 4 trainings to confirm were not used: its rule found no other, on at most 2 seeds a placement, that "
        "would settle a doubt."
    )
    assert unused_sentence(twice[1:], trainings=1, seeds=2) == ""


def test_a_placement_is_claimed_to_be_better_or_not():
    evaluations = rows(plain=BASE, se=above(2.0), eca=above(0.0))
    estimates, plain = (
        estimates_of(DESIGN, evaluations, "flops", metric=ACCURACY, is_front_of_space=True),
        Placement.parse(PLAIN),
    )
    assert claim_of(plain, estimates, plain=plain) == f"{plain} is the plain backbone."
    better, alike = (claim_of(Placement.parse(text), estimates, plain=plain) for text in (SE, ECA))
    assert better.startswith(f"{SE} is better than the plain backbone at 95 %: +")
    assert alike.startswith(f"{ECA} is not shown to be better than the plain backbone at 95 %: ")


def test_scores_of_samples_let_a_verdict_be_about_new_samples():
    metric = Metric(name="val_iou", goal="maximize", label="IoU", test_name="test_iou")
    random = np.random.default_rng(0)
    hard = random.random(80) * 0.5
    trained = []
    for seed in range(3):
        for placement, gain in ((PLAIN, 0.0), (SE, 0.2), (ECA, 0.01)):
            scores = SampleScores.of(hard + gain + 0.1 * random.random(80))
            trained.append(replace(evaluation(placement, seed, scores.mean), sample_scores=scores))
    for rows_of, about in (
        (trained, "All figures are about new samples; the 80 validation samples are a sample of them."),
        (
            [replace(row, sample_scores=None) for row in trained],
            "All figures are about this validation split alone: the values of single samples are not known, since the "
            "training offers no sample_scores.",
        ),
    ):
        estimates = estimates_of(DESIGN, rows_of, "flops", metric=metric, is_front_of_space=True)
        sentence = verdict(estimates, {"plain": Placement.parse(PLAIN)}, run=RUN)
        assert sentence.startswith(f"Placement {SE} is better than the plain backbone at 95 %: +0.")
        assert about in sentence


def of_a_metric(values: dict[str, list[float]]) -> Estimates:
    evaluations = rows(**values)
    estimates = estimates_of(DESIGN, evaluations, "flops", metric=OWN, is_front_of_space=True)
    assert estimates is not None
    return estimates


def test_equal_values_of_a_metric_are_told_in_one_sentence_and_nothing_else_is():
    estimates = of_a_metric({"plain": [1e6, 1e6], "se": [1e6, 1e6]})
    sentence = "All 4 trainings gave the same value, x 1000000: check the metric, val_x."
    assert verdict(estimates, {"plain": Placement.parse(PLAIN)}, run=RUN) == sentence
    assert claim_of(Placement.parse(SE), estimates, plain=Placement.parse(PLAIN)) == sentence
    made = advice(estimates, {"plain": Placement.parse(PLAIN)}, cost="flops", folder=Path("x"), run=RUN, is_over=True)
    assert made.sentence == f"Nothing can be advised: a{sentence[1:]}"
    assert of_a_metric({"plain": [1e6, 1e6], "se": [1e6, 2e6]}).only_value is None
    assert of_a_metric({"plain": [1e6, 1e6]}).only_value is None  # two may be alike by chance
    assert said(rows(plain=[50.0, 50.0], se=[50.0, 50.0])).startswith("No placement is better")


@pytest.mark.parametrize("seeds", [1, 2])
def test_the_plain_backbone_alone_is_no_verdict_and_its_noise_is_not_told(seeds: int):
    sentence = said(rows(plain=BASE[:seeds]))
    assert sentence.startswith("No verdict yet: no other placement has been trained. All figures are about")
    assert "standard deviation" not in sentence
