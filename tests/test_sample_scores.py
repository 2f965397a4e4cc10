"""Scores of single samples: packed, read again, and held against the metric."""

import json

import numpy as np
import pytest

from seplace.arrays import ImageBits
from seplace.placement import Placement
from seplace.results import evaluation as results
from seplace.results.evaluation import Evaluation
from seplace.sample_scores import MOST, SampleScores, points_of, samples_from_record

NUMBERS = np.random.default_rng(0).random(1000)
SCORES = SampleScores.of(NUMBERS)


def evaluation(**changes) -> Evaluation:
    values = {"placement": Placement.parse("none-eca"), "seed": 0, "epochs": 1, "state": "complete"}
    return Evaluation(**values | {"value": float(NUMBERS.mean()), "sample_scores": SCORES} | changes)


def test_scores_come_back_in_single_precision_from_a_record():
    assert SCORES.unpacked() == pytest.approx(NUMBERS, rel=1e-7)
    assert SCORES.mean == pytest.approx(NUMBERS.mean())
    assert len(SCORES.packed) < 4 * 1000
    record = json.loads(json.dumps(SCORES.to_record()))
    assert samples_from_record(record) == SCORES
    row = evaluation()
    assert Evaluation.from_record(json.loads(json.dumps(row.to_record()))) == row
    assert "sample_scores" not in evaluation(sample_scores=None).to_record(), "as in records of earlier versions"


def test_bits_stay_bits():
    bits = ImageBits.of(np.array([True, False, True]))
    assert samples_from_record(bits.to_record()) == bits
    assert points_of(bits).tolist() == [100.0, 0.0, 100.0]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"count": 1000, "scores": "no such"}, "cannot be read"),
        ({"count": 1001, "scores": SCORES.to_record()["scores"]}, "do not hold a number for each of 1001"),
        ({"count": 9, "scores": SCORES.to_record()["scores"]}, "do not hold a number for each of 9"),
        ({"count": 0, "scores": SCORES.to_record()["scores"]}, "no sample"),
        (SampleScores.of(np.zeros(2)).to_record() | {"count": -1}, "no sample"),
        (SampleScores.of(np.zeros(2)).to_record() | {"count": MOST + 1}, "at most 20,000,000 are kept"),
    ],
)
def test_a_damaged_record_is_refused(record, message):
    with pytest.raises(ValueError, match=message):
        samples_from_record(record)


def test_scores_that_are_not_those_of_the_metric_are_refused():
    assert evaluation(value=float(NUMBERS.mean()) * 1.0005)
    with pytest.raises(ValueError, match=r"the mean of sample_scores is 0\.\d+, and the metric is 0\.7"):
        evaluation(value=0.7)
    with pytest.raises(TypeError, match="sample_scores is a SampleScores, not a ndarray"):
        evaluation(sample_scores=NUMBERS)
    with pytest.raises(ValueError, match="not finite"):
        SampleScores.of(np.array([0.5, np.nan]))
    half = ImageBits.of(np.arange(10) < 5)
    with pytest.raises(ValueError, match="give one of them"):
        results.Tested(value=50.0, correct=half, sample_scores=SampleScores.of(100.0 * half.unpacked()))
    assert results.Tested(value=0.0, sample_scores=SampleScores.of(np.array([-1.0, 1.0]))), (
        "a mean of 0 is held to the spread"
    )
