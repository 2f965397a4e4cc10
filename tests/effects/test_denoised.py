"""Accuracies on the line in cross-entropy: what they are for, and when they are left as they are."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seplace.effects.denoised import denoised
from seplace.effects.design import Design
from seplace.effects.model import Observation
from seplace.simulation.tabular import CompleteBenchmark
from tests.effects.toy import SMALL, gates_of, trainings

DESIGN = Design(SMALL)
TABLE = Path(__file__).parents[2] / "results" / "cifar10-table"


def accuracies(observations) -> np.ndarray:
    return np.array([each.score for each in observations])


@pytest.mark.parametrize("count", [5, 12, 100])
def test_accuracies_lie_on_a_line_in_cross_entropy(count):
    before = trainings(count)
    after = denoised(DESIGN, before)
    assert accuracies(after).mean() == pytest.approx(accuracies(before).mean(), abs=0.05)
    assert [replace(each, score=0.0) for each in after] == [replace(each, score=0.0) for each in before]
    losses = np.array([each.cross_entropy for each in before])
    assert np.corrcoef(losses, accuracies(after))[0, 1] == pytest.approx(-1)


def test_on_the_line_they_are_nearer_to_the_truth():
    before = trainings(200)
    truth = np.array([50 + 0.9 * gates_of(each.placement) for each in before])
    errors = [np.std(accuracies(each) - truth) for each in (before, denoised(DESIGN, before))]
    assert errors[0] == pytest.approx(np.hypot(0.9, 0.4), rel=0.1)
    assert errors[1] == pytest.approx(0.9, rel=0.1)


def test_on_the_line_a_real_training_foretells_more_of_others():
    """Of the accuracies on the other three seeds, whose own are not drawn to any line."""
    table = CompleteBenchmark.load(TABLE)
    space = table.source.config.search_space
    predicted = []
    for seed in range(4):
        before = [
            Observation(placement=placement, seed=seed, score=float(accuracy), cross_entropy=float(loss))
            for placement, accuracy, loss in zip(
                space, table.last[:, seed], table.cross_entropies[:, seed], strict=True
            )
        ]
        others = np.delete(table.last, seed, axis=1).mean(axis=1)
        predicted.append(
            [np.corrcoef(accuracies(each), others)[0, 1] for each in (before, denoised(Design(space), before))]
        )
    assert np.diff(predicted, axis=1).mean() > 0.02


@pytest.mark.parametrize(
    "observations",
    [
        trainings(4),
        [replace(each, cross_entropy=None) for each in trainings(40)],
        [replace(each, cross_entropy=float("nan")) for each in trainings(40)],
        [replace(each, cross_entropy=1.3) for each in trainings(40)],
        [replace(each, score=50.0) for each in trainings(40)],
        trainings(40, beside=3.0),
        trainings(40, slope=45.0),
    ],
    ids=["few", "unknown", "not finite", "of one cross-entropy", "of one accuracy", "unrelated", "the wrong way"],
)
def test_without_a_line_they_stay_as_they_are(observations):
    assert [str(each) for each in denoised(DESIGN, observations)] == list(map(str, observations))


def test_no_observations_stay_none():
    assert denoised(DESIGN, []) == []


def test_where_a_module_is_beside_the_line_they_stay_as_they_are():
    """Say, it makes a network surer of itself, and no more accurate."""

    def moved(drawn: list[Observation]) -> list[Observation]:
        counts = [sum(choice.module == "se" for choice in each.placement.choices) for each in drawn]
        return [replace(each, score=each.score + 0.3 * count) for each, count in zip(drawn, counts, strict=True)]

    studies = [moved(trainings(60, seed=seed)) for seed in range(20)]
    assert sum(denoised(DESIGN, study) == study for study in studies) >= 16


def test_where_placements_are_beside_the_line_each_in_its_way_they_stay_as_they_are():
    """In none of their choices alone, but in all together."""
    plain = trainings(200)
    moved = [replace(each, score=each.score + 0.5 * (-1) ** gates_of(each.placement)) for each in plain]
    assert denoised(DESIGN, plain) != plain
    assert denoised(DESIGN, moved) == moved


def test_noise_is_seldom_taken_for_more():
    left = [denoised(DESIGN, drawn) == drawn for drawn in (trainings(60, seed=seed) for seed in range(100))]
    assert sum(left) <= 5


@pytest.mark.parametrize("stranger", [{"score": 10.0, "cross_entropy": 80.0}, {"score": 45.0}, {"cross_entropy": None}])
def test_a_stranger_counts_by_its_accuracy_and_bends_no_line(stranger):
    """A training that diverged, one beside the line, one that did not tell."""
    known = trainings(40)
    odd = replace(known[0], **stranger)
    expected = denoised(DESIGN, known[1:])
    assert accuracies(denoised(DESIGN, [odd, *known[1:]])) == pytest.approx([odd.score, *accuracies(expected)])
