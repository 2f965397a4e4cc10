"""An evaluator of the user's own: whatever it is asked, its errors are told as theirs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from seplace.user_code import user_errors

if TYPE_CHECKING:
    from seplace.costs.table import CostTable
    from seplace.evaluators.evaluator import Evaluator
    from seplace.placement import Placement
    from seplace.results.evaluation import Evaluation, Job
    from seplace.training.score import Score


class OwnEvaluator:
    """Asks an evaluator that an import path names."""

    def __init__(self, evaluator: Evaluator, name: str) -> None:
        self.evaluator = evaluator
        self.name = name

    def evaluate(self, job: Job, *, on_epoch: Callable[[int], None]) -> Evaluation:
        """Evaluate one job; `on_epoch` hears of each epoch that is trained."""
        with self._told("evaluate"):
            return self.evaluator.evaluate(job, on_epoch=on_epoch)

    def test(self, evaluation: Evaluation) -> Score:
        """Return what the network of an evaluation reaches on the test split; MissingWeights if that is unknown."""
        with self._told("test"):
            return self.evaluator.test(evaluation)

    def cost_table(self) -> CostTable:
        """Return the counted costs of the space and the baselines."""
        with self._told("cost_table"):
            return self.evaluator.cost_table()

    def latencies(self, placements: Sequence[Placement]) -> dict[str, dict[str, Any]]:
        """Return measured latencies by the text of the placement; those that cannot be had are left out."""
        with self._told("latencies"):
            return self.evaluator.latencies(placements)

    def describe_images(self) -> dict[str, Any]:
        """Return what a trained network needs to know of its data, as plain JSON types."""
        with self._told("describe_images"):
            return self.evaluator.describe_images()

    def estimate_seconds(self, placement: Placement) -> float:
        """Estimate the time of one training."""
        with self._told("estimate_seconds"):
            return self.evaluator.estimate_seconds(placement)

    def _told(self, asked: str) -> AbstractContextManager[None]:
        return user_errors(f"evaluator {self.name} fails in {asked}")
