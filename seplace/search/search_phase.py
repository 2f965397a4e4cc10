"""The search phase: ask the sampler, train and tell until the budget is spent or the front is settled.

A placement that is proposed again is trained on its next seed, or to its end if it had stopped at a rung. The budget is
counted in epochs: a training that goes on pays only for the rest.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from seplace.effects.denoised import denoised
from seplace.effects.model import Posterior, images_of
from seplace.effects.recommend import Regret, expected_regret
from seplace.results.observations import observation_of, observations_of
from seplace.results.stored import without_collector
from seplace.search.proposals import Proposals
from seplace.search.rungs import FIRST_SEED, Bands, Rungs
from seplace.seeds import derive_seed

if TYPE_CHECKING:
    from seplace.effects.model import Observation
    from seplace.placement import Placement
    from seplace.results.evaluation import Evaluation, Job
    from seplace.samplers.history import History
    from seplace.samplers.task import Task
    from seplace.search.budget import Budget
    from seplace.search.optuna_file import OptunaFile
    from seplace.search.trainings import Trainings

_PATIENCE = 25
"""The number of proposals in a row without a training after which a random placement that needs one is taken."""

_SETTLED = 0.05
"""The expected hypervolume regret, as a share of the attainable hypervolume, at which the search is settled."""

_SETTLED_EVERY = 5
"""The least number of results after which the expected regret is computed again."""

_NOTED_EVERY = 1.0
"""The seconds of a search that a killed run may forget."""

_DRAWS = 8
"""Posterior draws of the model's scales from which the expected regret is computed."""


@dataclass(frozen=True, kw_only=True)
class _Step:
    """A proposal, and the training that it waits for."""

    number: int
    """-1 for a baseline outside the space."""
    placement: Placement
    job: Job | None
    """None if earlier trainings answer."""
    cost: int
    """The epochs that the job still has to train."""
    baseline: str | None = None
    """The name of the baseline that it is; None for a proposal."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Unrecorded:
    """A finished proposal that the study in memory lacks; its seed is None if earlier trainings answered."""

    number: int
    placement: Placement
    seed: int | None
    ended: int
    """The number of trainings of the placement that had ended then."""


class SearchPhase:
    """One search. Proposals and trainings of earlier runs are taken from the ledger."""

    def __init__(
        self,
        task: Task,
        budget: Budget,
        *,
        trainings: Trainings,
        sampler: str,
        name: str,
        baselines: Mapping[str, Placement],
        overlaps: bool,
        optuna_file: OptunaFile | None,
        on_done: Callable[[float], None],
    ) -> None:
        """Take what the search needs. The baselines are trained already, unless the search `overlaps` them.

        `on_done` is called with the number of trainings done, or with the share of a budget in hours that has passed.
        """
        self.task = task
        self.budget = budget
        self.trainings = trainings
        self.ledger = ledger = trainings.ledger
        self.costs = trainings.costs
        self.baselines = baselines
        self.optuna_file = optuna_file
        self.on_done = on_done
        self.done = 0.0
        self.proposals = Proposals(task, sampler=sampler, name=name, workers=budget.workers)
        self.recorded = ledger.proposals()
        self.seeds = Counter(baselines.values())
        self.length = budget.length
        self.spent = 0
        """Epochs, including those of running trainings."""
        self.is_spent = False
        self.unproductive = 0
        self.pending: deque[_Step] = deque()
        self.unrecorded: list[_Unrecorded] = []
        """The proposals of earlier runs that are taken, and that the study in memory lacks."""
        bands = Bands(task) if budget.rungs else None
        self.rungs = Rungs(budget.rungs, length=self.length, bands=bands, seed=task.seed)
        self.ended: dict[Placement, list[int]] = defaultdict(list)
        """The seeds of whole trainings that have been processed, in order, whatever else has finished meanwhile."""
        self.batches: dict[int, str | None] = {}
        """The digests of what the plain backbone saw, by seed, as far as its results were processed."""
        for label, placement in baselines.items():
            if overlaps:
                self._begin_baseline(label, placement)
            else:
                self._add_baseline(label, placement)
        self._noted = 0.0
        """When the time of the search was last committed, by the monotonic clock."""
        self.started = time.monotonic() - (ledger.fact("search_seconds") or 0.0)

    def run(self) -> None:
        """Run the search to its end."""
        try:
            self._run()
        except BaseException:
            with suppress(Exception):  # the cause says more; the next run writes what is lacking
                self._write_optuna_file(now=True)
            raise

    def _run(self) -> None:
        # In-order tell: proposal k is made after exactly those before k - window are known, whatever finished first.
        window = self.budget.workers + self.budget.workers // 2
        ended, settles_at, is_settled, has_begun = 0, _SETTLED_EVERY, False, False
        self._take_finished()
        while True:
            while len(self.pending) < window and not is_settled and self._ask():
                pass
            if not self.pending:
                break
            step = self.pending[0]
            last = None if step.job is None else self.trainings.answer(step.job)
            if step.job is None or last is not None:
                self.pending.popleft()
                has_ended = self._finish(step, last)
                ended += has_ended
                if self.budget.stop == "settled" and has_ended and ended == settles_at:
                    is_settled = self._regret(self.proposals.history).mean <= _SETTLED
                    # With many workers or results it would take longer than the trainings.
                    settles_at = ended + max(_SETTLED_EVERY, self.budget.workers // 2, ended // 50)
                self._write_optuna_file()
                self._count()
            else:
                if not has_begun:
                    has_begun = True
                    self._count()
                    self.on_done(self.done)
                self.trainings.collect()
                self.on_done(self.done)
                self._note_seconds()
        self._note_seconds(now=True)
        self._write_optuna_file(now=True)
        self._note_regret(is_settled=is_settled)
        if self.budget.rungs:
            self.ledger.set_fact("rungs", self.rungs.to_fact())
        self._count()
        self.on_done(self.done)

    def _count(self) -> None:
        """Count the trainings that are done, where the budget counts trainings."""
        if self.budget.trainings is not None:
            self.done = (self.spent - sum(each.cost for each in self.pending)) / self.length

    def _take_finished(self) -> None:
        """Take the finished proposals of earlier runs without telling them, if no sampler and no rung looks at them.

        They are added when something does.
        """
        if self.proposals.reads_study or self.budget.rungs or self.budget.stop == "settled":
            return
        while self.pending:  # baselines that the search overlaps
            assert self.pending[0].job is not None
            last = self.trainings.answer(self.pending[0].job)
            if last is None:
                return
            self._finish(self.pending.popleft(), last)
        with without_collector():
            self._take_in_order()

    def _take_in_order(self) -> None:
        results, length = self.trainings.results, self.length
        while self._within_budget(length):
            placement = self.recorded.get(self.proposals.next_number)
            if placement is None:
                break
            seed = self.seeds.get(placement, 0)
            is_trained = seed < self.task.seeds and self.costs.within_limits(placement)
            if is_trained and (str(placement), seed, length) not in results:
                break
            if is_trained:
                self.seeds[placement] = seed + 1
                self.ended[placement].append(seed)
                self.spent += length
            self.unproductive = 0 if is_trained else self.unproductive + 1
            self._note_unrecorded(self.proposals.take(placement), placement, seed if is_trained else None)
        if self.budget.trainings is not None:
            self.done = self.spent / length

    def _note_unrecorded(self, number: int, placement: Placement, seed: int | None) -> None:
        ended = len(self.ended[placement])
        self.unrecorded.append(_Unrecorded(number=number, placement=placement, seed=seed, ended=ended))

    def _tell_taken(self) -> None:
        """Tell the proposals that were taken from earlier runs."""
        unrecorded, self.unrecorded = self.unrecorded, []
        with without_collector():
            for each in unrecorded:
                last = None
                if each.seed is not None:
                    last = self.trainings.results[str(each.placement), each.seed, self.length]
                self._tell(each.number, last, each.placement, seeds=self.ended[each.placement][: each.ended])

    def _write_optuna_file(self, *, now: bool = False) -> None:
        if self.optuna_file is not None and (now or self.optuna_file.is_due):
            self._tell_taken()
            self.optuna_file.update(self.proposals)

    def _note_seconds(self, *, now: bool = False) -> None:
        """Commit the time of the search, `now` or once a second: a commit waits for the disk."""
        time_now = time.monotonic()
        if now or time_now >= self._noted + _NOTED_EVERY:
            self._noted = time_now
            self.ledger.set_fact("search_seconds", time_now - self.started)

    def _add_baseline(self, label: str, placement: Placement) -> None:
        """Add a baseline that is trained."""
        evaluation = self.trainings.results[self.trainings.job(placement, FIRST_SEED).key]
        self.spent += self.length
        self._add_end(evaluation)
        training = self._observation_of(evaluation)
        if placement in self.task.space and training is not None:
            self.proposals.add_known(
                training,
                cost=self.costs.of(placement)[self.task.cost],
                constraints=self._constraints(placement, has_failed=False),
                label=label,
                times=self.trainings.times(evaluation),
            )

    def _begin_baseline(self, label: str, placement: Placement) -> None:
        """Begin to train a baseline, one of the first steps of the search: its result counts in its turn."""
        number = self.proposals.ask(placement)[0] if placement in self.task.space else -1
        job = self.trainings.job(placement, FIRST_SEED)
        self._start(_Step(number=number, placement=placement, job=job, cost=self.length, baseline=label))

    def _finish_baseline(self, step: _Step, evaluation: Evaluation) -> None:
        """Tell the result of a baseline. Raises TooManyFailures if the plain backbone has none."""
        if step.baseline == "plain":
            self.trainings.refuse_without(step.placement)
        self._add_end(evaluation)
        training = self._observation_of(evaluation)
        if step.number < 0:
            return
        self._set_times(step.number, evaluation)
        if training is None:
            self.proposals.tell_failed(step.number)
        else:
            self.proposals.tell(
                step.number,
                score=training.score,
                cost=self.costs.of(step.placement)[self.task.cost],
                constraints=self._constraints(step.placement, has_failed=False),
                training=training,
                baseline=step.baseline,
            )

    def _within_budget(self, epochs: int) -> bool:
        """Return whether the budget allows more epochs; a proposal that an earlier run made in its hours is allowed.

        After the first refusal nothing new begins, so that a study whose budget grows equals one that always had it.
        """
        budget = self.budget
        if budget.trainings is not None:
            self.is_spent = self.is_spent or self.spent + epochs > budget.trainings * self.length
            return not self.is_spent
        assert budget.hours is not None
        share = (time.monotonic() - self.started) / (3600 * budget.hours)
        self.done = min(share, 1.0)
        return share < 1 or self.proposals.next_number in self.recorded

    def _ask(self) -> bool:
        """Make a proposal and start its training; return False if the budget or the placements are used up.

        A stopped training that goes on comes before anything new.
        """
        number = self.proposals.next_number
        due = self.rungs.due()
        if not self._within_budget(self.length if due is None else due.cost):
            return False
        fixed = self.recorded.get(number) if due is None else due.placement
        if fixed is None and self.unproductive >= _PATIENCE:
            fixed = self._fresh_placement(number)
            if fixed is None:
                return False
        number, placement = self.proposals.ask(fixed)
        if number not in self.recorded:
            self.ledger.add_proposal(number, placement)
        job, cost = None, 0
        if self.rungs.is_stopped(placement):
            reached = self.rungs.go_on(placement)
            target = self.length if due is None else due.target
            job, cost = self.trainings.job(placement, FIRST_SEED, epochs=target), target - reached
        elif self.seeds[placement] < self.task.seeds and self.costs.within_limits(placement):
            seed = self.seeds[placement]
            cost = self.rungs.first_target(number) if seed == FIRST_SEED else self.length
            job = self.trainings.job(placement, seed, epochs=cost)
            self.seeds[placement] += 1
        self.unproductive = 0 if job is not None else self.unproductive + 1
        self._start(_Step(number=number, placement=placement, job=job, cost=cost))
        return True

    def _start(self, step: _Step) -> None:
        if step.job is not None:
            self.trainings.start(step.job)
            self.spent += step.cost
        self.pending.append(step)

    def _finish(self, step: _Step, last: Evaluation | None) -> bool:
        """Tell the result of a step, or let its training go on; return whether it was a whole training."""
        if step.baseline is not None and last is not None:
            self._finish_baseline(step, last)
            return False
        job = step.job
        if job is None and self.unrecorded:
            self._note_unrecorded(step.number, step.placement, None)
            return False
        self._tell_taken()
        value = None if job is None or last is None else last.value_after(job.epochs)
        if job is None or job.epochs == self.length or value is None:
            if last is not None:
                self._add_end(last)
            self._tell(step.number, last, step.placement, seeds=self.ended[step.placement])
            return job is not None
        score = self.task.metric.score(value)
        target = self.rungs.add_at_rung(step.placement, job.epochs, score)
        if target is not None:
            rest = target - job.epochs
            if self.spent + rest <= (self.budget.trainings or 0) * self.length:
                self._start(replace(step, job=replace(job, epochs=target), cost=rest))
                return False
            self.is_spent = True
            self.rungs.stop(step.placement, job.epochs)
        if last is not None:
            self._set_times(step.number, last)
        self.proposals.tell_stopped(
            step.number,
            score=self.rungs.expected(job.epochs, score),
            cost=self.costs.of(step.placement)[self.task.cost],
            constraints=self._constraints(step.placement, has_failed=False),
            seed=job.seed,
            epochs=job.epochs,
        )
        return False

    def _add_end(self, evaluation: Evaluation) -> None:
        """Record a whole training; the rungs take those on the first seed."""
        self.ended[evaluation.placement].append(evaluation.seed)
        if evaluation.placement.is_plain:
            self.batches[evaluation.seed] = evaluation.batches
        if evaluation.seed != FIRST_SEED:
            return
        score_of = self.task.metric.score
        curve = {rung: evaluation.value_after(rung) for rung in self.budget.rungs}
        known = {rung: score_of(value) for rung, value in curve.items() if value is not None}
        if evaluation.value is not None:
            self.rungs.add_at_end(evaluation.placement, score_of(evaluation.value), known)

    def _fresh_placement(self, number: int) -> Placement | None:
        """Return a random placement that keeps the limits and has a seed left; None if no such placement is found."""
        space = self.task.space
        order = np.random.default_rng(derive_seed(self.task.seed, "fresh", number))
        indices = order.permutation(len(space)) if len(space) <= 10**6 else order.integers(len(space), size=10**4)
        for placement in self.task.listed or (space.placement_at(int(index)) for index in indices):
            has_seed = self.seeds[placement] < self.task.seeds or self.rungs.is_stopped(placement)
            if has_seed and self.costs.within_limits(placement):
                return placement
        return None

    def _tell(self, number: int, last: Evaluation | None, placement: Placement, *, seeds: Sequence[int]) -> None:
        """Tell the mean score of a placement on `seeds` with its last training; None if earlier ones answered."""
        if last is not None:
            self._set_times(number, last)
        if last is not None and last.reason == "crashed":
            self.proposals.tell_failed(number)
            return
        score = self.trainings.mean_score(placement, self.task.metric, seeds=seeds)
        has_failed = score is None or (last is not None and last.state == "failed")
        constraints = self._constraints(placement, has_failed=has_failed)
        if score is None or max(constraints.values()) > 0:
            # Finite and pessimistic: without a value a sampler would propose a failing placement again and again.
            score = (self.task.metric.worst_score or 0.0) if self.proposals.least is None else self.proposals.least
        training = None if last is None else self._observation_of(last)
        cost = self.costs.of(placement)[self.task.cost]
        self.proposals.tell(number, score=score, cost=cost, constraints=constraints, training=training)

    def _observation_of(self, evaluation: Evaluation) -> Observation | None:
        """Return a training as an observation, paired unless the plain backbone is known to have seen other data."""
        seen = self.batches.get(evaluation.seed)
        is_paired = seen is None or evaluation.batches in (None, seen)
        return observation_of(evaluation, self.task.metric, is_paired=is_paired)

    def _set_times(self, number: int, evaluation: Evaluation) -> None:
        times = self.trainings.times(evaluation)
        if times is not None:
            self.proposals.set_times(number, *times)

    def _constraints(self, placement: Placement, *, has_failed: bool) -> dict[str, float]:
        """Return the constraints of a placement by name; they are satisfied at or below 0."""
        excess = {f"{name} over its limit": share for name, share in self.costs.excess(placement).items()}
        return excess | {"training failed": 1.0 if has_failed else -1.0}

    def _regret(self, history: History) -> Regret:
        """Return the expected hypervolume regret of the front that would be recommended now."""
        design = self.task.design
        ended = [
            self.trainings.results[self.trainings.job(placement, seed).key]
            for placement, seeds in self.ended.items()
            for seed in seeds
        ]
        # A trial has no room for what its training got right.
        images = images_of(design, observations_of(ended, self.task.metric))
        if images is not None and self.proposals.unit is not None:
            images = images.counted_in(self.proposals.unit)
        posterior = Posterior(
            design,
            denoised(design, history.observations),
            draws=_DRAWS,
            random=np.random.default_rng(0),
            images=images,
            metric=self.task.metric,
        )
        return expected_regret(posterior, self.task.priced_space_by(history.costs), closed=history.failed)

    def _note_regret(self, *, is_settled: bool) -> None:
        self._tell_taken()
        history = self.proposals.history
        if history.observations:
            regret = self._regret(history)
            noted = {"settled": is_settled, "mean": regret.mean, "upper": regret.upper}
            self.ledger.set_fact("regret", noted | {"trainings": len(history.observations)})
