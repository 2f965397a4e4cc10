"""Real trainings where it is known by construction in which stage attention pays; more in tests.benchmarks.controls."""

from pathlib import Path

import pytest

from tests.controls import evaluations

EPOCHS = 8
"""Of the twelve of the studies: enough for what is tested."""


@pytest.mark.slow
def test_a_gate_is_worth_points_in_the_last_stage_and_none_in_the_middle(tmp_path: Path) -> None:
    texts = ("none-none-none", "none-eca-none", "none-none-eca")
    accuracies = [
        one.accuracy for one in evaluations("positive-control", texts, seeds=1, epochs=EPOCHS, folder=tmp_path)
    ]
    assert None not in accuracies
    plain, middle, last = accuracies
    # 87.5 % at the least cross-entropy; without the order of the marks 93.75 % can be had at most.
    assert 84 < plain < 94
    assert 84 < middle < 94
    assert last > 98


@pytest.mark.slow
def test_a_gate_is_worth_nothing_where_local_filters_and_a_mean_suffice(tmp_path: Path) -> None:
    texts = ("none-none-none", "none-none-eca")
    trained = list(evaluations("negative-control", texts, seeds=2, epochs=EPOCHS, folder=tmp_path))
    best = {text: max(one.accuracy for one in trained if str(one.placement) == text) for text in texts}
    # What can be had at all; now and then a training ends at 89 % instead, another on each kind of processor.
    assert best == pytest.approx(dict.fromkeys(texts, 95), abs=3)
