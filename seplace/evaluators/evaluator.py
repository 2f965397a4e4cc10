"""The interface of evaluators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from seplace.costs.table import CostTable
    from seplace.placement import Placement
    from seplace.results.evaluation import Evaluation, Job, Tested


class Evaluator(Protocol):
    """Turns the jobs of one study into evaluations, and knows the costs of its placements."""

    def evaluate(self, job: Job, *, on_epoch: Callable[[int], None]) -> Evaluation:
        """Evaluate one job; `on_epoch` is called with the number of each trained epoch.

        The evaluation's `value` is the study's metric in its unit. A whole training of a classifier may say in
        `correct` which validation images it got right: one bit for each, in an order that is the same for all
        trainings, whose share is the accuracy. Of another metric it may say in `sample_scores` the value of each
        validation sample, whose mean is the metric. Estimates are about new images, or samples, only where it does.
        """

    def test(self, evaluation: Evaluation) -> Tested:
        """Return the metric of a trained network on the test split, with `correct` or `sample_scores`.

        Raises MissingWeights where it cannot be known, and MissingTestSplit where there is no test split.
        """

    def cost_table(self) -> CostTable:
        """Return the counted costs of the space and the baselines."""

    def latencies(self, placements: Sequence[Placement]) -> dict[str, dict[str, Any]]:
        """Return measured latencies, with the conditions of the measurement, by the text of the placement.

        Placements without a latency are left out.
        """

    def describe_images(self) -> dict[str, Any]:
        """Return a description of the data, as plain JSON types; an exported network carries it.

        It has `classes` (their names), `channels` and `image_size`; an export also needs `mean` and `std` of each
        channel. With `validation_images`, their number, estimates are about new images.
        """

    def estimate_seconds(self, placement: Placement) -> float:
        """Estimate the time of one training."""
