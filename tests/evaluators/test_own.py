"""An evaluator of the user's own that was written for versions before 0.16, whose only metric was accuracy."""

from types import SimpleNamespace
from typing import Any

import pytest

from seplace.errors import UserCodeError
from seplace.evaluators.own import OwnEvaluator
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation, Job
from seplace.training.score import Score

JOB = Job(placement=Placement.parse("none-none"), seed=0, epochs=1)


def of_before() -> OwnEvaluator:
    def evaluate(job: Job, **_: object) -> Evaluation:
        figures: dict[str, Any] = {"accuracy": 81.0}
        return Evaluation(placement=job.placement, seed=job.seed, epochs=job.epochs, state="complete", **figures)

    evaluator: Any = SimpleNamespace(evaluate=evaluate, test=lambda _: Score(accuracy=80.0, cross_entropy=0.5))
    return OwnEvaluator(evaluator, "mine:Evaluator")


def test_an_accuracy_in_an_evaluation_is_told_its_name_of_today() -> None:
    said = "evaluator mine:Evaluator fails in evaluate.*an Evaluation has `value`, the metric, in place of `accuracy`"
    with pytest.raises(UserCodeError, match=said):
        of_before().evaluate(JOB, on_epoch=lambda _: None)


def test_a_score_of_the_test_split_is_taken_as_before() -> None:
    evaluation = Evaluation(placement=JOB.placement, seed=0, epochs=1, state="complete", value=81.0)
    tested = of_before().test(evaluation)
    assert (tested.value, tested.cross_entropy, tested.correct) == (80.0, 0.5, None)
