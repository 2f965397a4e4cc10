"""What a study asks of its evaluator, whichever it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from seplace.costs.table import CostTable
    from seplace.placement import Placement
    from seplace.results.evaluation import Evaluation, Job
    from seplace.training.score import Score


class Evaluator(Protocol):
    """Turns the jobs of one study into evaluations, and knows what its placements cost."""

    def evaluate(self, job: Job, *, on_epoch: Callable[[int], None]) -> Evaluation:
        """Evaluate one job; `on_epoch` hears of each epoch that is trained."""

    def test(self, evaluation: Evaluation) -> Score:
        """Return what the network of an evaluation reaches on the test split; MissingWeights if that is unknown."""

    def cost_table(self) -> CostTable:
        """Return the counted costs of the space and the baselines."""

    def latencies(self, placements: Sequence[Placement]) -> dict[str, dict[str, Any]]:
        """Return measured latencies, with how they were measured, by the text of the placement.

        Placements whose latency cannot be had are left out.
        """

    def describe_images(self) -> dict[str, Any]:
        """Return what a trained network needs to know of its data, as plain JSON types."""

    def estimate_seconds(self, placement: Placement) -> float:
        """Estimate the time of one training."""
