"""A search problem: a space whose true accuracies are known, and simulated trainings in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from seplace.arrays import Floats, ImageBits
from seplace.effects.design import Design
from seplace.effects.priced_space import Candidates, PricedSpace, cost_tables
from seplace.metric import ACCURACY, Metric
from seplace.pareto import hypervolume
from seplace.results.evaluation import Evaluation, Job
from seplace.sample_scores import SampleScores

if TYPE_CHECKING:
    from seplace.costs.table import CostTable
    from seplace.placement import Placement
    from seplace.space import SearchSpace


@dataclass(frozen=True, kw_only=True)
class SearchProblem:
    """The truth and noisy trainings. It evaluates jobs as an evaluator does."""

    name: str
    space: SearchSpace
    cost_table: CostTable
    cost: str
    truth: Floats
    """The accuracy of every candidate, expected over seeds, in percent (candidates,), in the space's order."""
    lowest: float
    """The reference accuracy of hypervolumes; the reference cost is that of the dearest candidate."""
    observe: Callable[[Placement, int], float]
    """The score on the validation split of the training of a placement on a seed: accuracy in percent."""
    metric: Metric = ACCURACY
    """What trainings report; everything else that a problem says is a score, where larger is better."""
    cross_entropy: Callable[[Placement, int], float] | None = None
    """The validation cross-entropy of the same training, in nats; None where the problem has none."""
    correct: Callable[[Placement, int], ImageBits] | None = None
    """Which validation images the same training classifies right; None where the accuracy is that on all images."""
    sample_scores: Callable[[Placement, int], SampleScores] | None = None
    """The value of another metric for each validation sample of the same training, or None."""
    length: int
    """The epochs of a training."""
    early: Callable[[Placement, int, int], float]
    """The accuracy after some of its epochs. Raises DataError if it was not scored then."""
    seeds: int | None = None
    """The most trainings of one placement that it can answer; None for any number."""
    scored: tuple[int, ...] = ()
    """The epochs that the learning curve of a training holds, beside the last."""
    proxy: Floats | None = None
    """The proxy's score of every candidate (candidates,), if the problem has a proxy; larger is better."""

    @cached_property
    def priced_space(self) -> PricedSpace:
        """The priced space."""
        design = Design(self.space)
        return PricedSpace(design, cost_tables(design, self.cost_table, self.cost), limits=[])

    @cached_property
    def best_volume(self) -> float:
        """The hypervolume of the true front."""
        return self._volume(self.truth, self._costs)

    def share(self, placements: list[Placement]) -> float:
        """Return the true hypervolume of some candidates over that of the true front; 1 if the latter is 0."""
        if self.best_volume == 0:
            return 1.0
        at = [self.space.index(placement) for placement in placements if placement in self.space]
        if not at:
            return 0.0
        return self._volume(self.truth[at], self._costs[at]) / self.best_volume

    def placements(self, candidates: Candidates) -> list[Placement]:
        """Return candidates as placements."""
        return [self.space.placement_at(int(index)) for index in self.priced_space.indices(candidates.levels)]

    def score(self, placement: Placement) -> float:
        """Return the proxy's score of a candidate: the problem is its own proxy."""
        assert self.proxy is not None
        return float(self.proxy[self.space.index(placement)])

    def evaluate(self, job: Job, *, on_epoch: Callable[[int], None]) -> Evaluation:  # noqa: ARG002 - no time passes
        """Return the evaluation of a simulated training."""
        placement, seed = job.placement, job.seed
        early = {epoch: self.early(placement, seed, epoch) for epoch in self.scored if epoch <= job.epochs}
        is_whole = job.epochs == self.length
        return Evaluation(
            placement=placement,
            seed=seed,
            epochs=job.epochs,
            state="complete",
            value=self.metric.value(self.observe(placement, seed) if is_whole else early[job.epochs]),
            cross_entropy=self.cross_entropy(placement, seed) if is_whole and self.cross_entropy else None,
            correct=self.correct(placement, seed) if is_whole and self.correct else None,
            sample_scores=self.sample_scores(placement, seed) if is_whole and self.sample_scores else None,
            curve=tuple({"epoch": epoch, "value": self.metric.value(score)} for epoch, score in early.items()),
        )

    def make(self, worker: int) -> SearchProblem:  # noqa: ARG002 - all workers live in the same problem
        """Return the evaluator of a worker."""
        return self

    @cached_property
    def _costs(self) -> Floats:
        return self.priced_space.cost.everywhere()

    def _volume(self, values: Floats, costs: Floats) -> float:
        losses = np.stack([-values, costs], axis=1)
        return hypervolume(losses, np.array([-self.lowest, self._costs.max()]))
