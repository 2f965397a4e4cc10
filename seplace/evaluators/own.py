"""An evaluator of the user's own, whose errors are reported as errors in the user's code."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from seplace.results.evaluation import Evaluation, Tested
from seplace.results.ledger_content import check_described, check_fact
from seplace.user_code import user_errors

if TYPE_CHECKING:
    from seplace.costs.table import CostTable
    from seplace.evaluators.evaluator import Evaluator
    from seplace.placement import Placement
    from seplace.results.evaluation import Job


class OwnEvaluator:
    """Wraps an evaluator that an import path names."""

    def __init__(self, evaluator: Evaluator, name: str) -> None:
        self.evaluator = evaluator
        self.name = name

    def evaluate(self, job: Job, *, on_epoch: Callable[[int], None]) -> Evaluation:
        """Evaluate one job; `on_epoch` is called with the number of each trained epoch."""
        with self._errors_in("evaluate"):
            evaluation = self._evaluation(job, on_epoch)
            if not isinstance(evaluation, Evaluation):
                raise TypeError(f"it returns an Evaluation (got {type(evaluation).__name__})")
            if evaluation.key != job.key:
                raise ValueError(f"it returns the evaluation of {job.key} (got that of {evaluation.key})")
        return evaluation

    def _evaluation(self, job: Job, on_epoch: Callable[[int], None]) -> Evaluation:
        try:
            return self.evaluator.evaluate(job, on_epoch=on_epoch)
        except TypeError as error:
            if "argument 'accuracy'" in str(error):
                raise TypeError("an Evaluation has `value`, the metric, in place of `accuracy` since 0.16") from error
            raise

    def test(self, evaluation: Evaluation) -> Tested:
        """Return the metric of a trained network on the test split. Raises MissingWeights where it cannot be known."""
        with self._errors_in("test"):
            tested: Any = self.evaluator.test(evaluation)
            return Tested(
                # Before version 0.16 it was a Score, whose metric was accuracy.
                value=float(tested.value if hasattr(tested, "value") else tested.accuracy),
                cross_entropy=None if tested.cross_entropy is None else float(tested.cross_entropy),
                correct=tested.correct,
                sample_scores=getattr(tested, "sample_scores", None),  # not in a Score of before 0.16
                top5_accuracy=None if tested.top5_accuracy is None else float(tested.top5_accuracy),
            )

    def cost_table(self) -> CostTable:
        """Return the counted costs of the space and the baselines."""
        with self._errors_in("cost_table"):
            return self.evaluator.cost_table()

    def latencies(self, placements: Sequence[Placement]) -> dict[str, dict[str, Any]]:
        """Return measured latencies by the text of the placement; placements without a latency are left out."""
        with self._errors_in("latencies"):
            latencies: dict[str, dict[str, Any]] = _as_stored(self.evaluator.latencies(placements))
            check_fact("latencies", latencies)
        return latencies

    def describe_images(self) -> dict[str, Any]:
        """Return a description of the data, as plain JSON types."""
        with self._errors_in("describe_images"):
            images: dict[str, Any] = _as_stored(self.evaluator.describe_images())
            check_described(images)
        return images

    def estimate_seconds(self, placement: Placement) -> float:
        """Estimate the time of one training."""
        with self._errors_in("estimate_seconds"):
            return self.evaluator.estimate_seconds(placement)

    def _errors_in(self, method: str) -> AbstractContextManager[None]:
        return user_errors(f"evaluator {self.name} fails in {method}")


def _as_stored(content: Any) -> Any:
    """Return plain JSON types as they are read again; raises TypeError or ValueError for others."""
    return json.loads(json.dumps(content, allow_nan=False))
