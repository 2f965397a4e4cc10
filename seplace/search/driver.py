"""The driver: one process that owns a search. It asks, trains, records, tells; all else is a view.

Phases: yardsticks, search, confirmation of the front, and at the end the one reading of the test split. An evaluation
is committed to the ledger before the sampler is told. A placement that is proposed again is trained on its next seed.
"""

from __future__ import annotations

import functools
import os
import sys
import time
import warnings
from collections import Counter, deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seplace.config import differences
from seplace.effects.model import Posterior
from seplace.effects.recommend import Regret, expected_regret
from seplace.errors import MissingWeights, StudyChanged
from seplace.executors import EXECUTORS
from seplace.executors.executor import EvaluatorMaker, Executor
from seplace.files import write_atomically
from seplace.ledger import Ledger
from seplace.placement import Placement, placed_alone
from seplace.results import Job, judge
from seplace.samplers.task import Task
from seplace.search.confirmation import next_round
from seplace.search.interruption import signals_as_errors
from seplace.search.lock import study_lock
from seplace.search.prices import Prices, count_prices, price_key, read_prices, store_prices
from seplace.search.progress import Observer, Progress, Standing, standing_of
from seplace.search.proposals import Proposals, StudyFile
from seplace.search.trainings import Trainings
from seplace.streams import derive_seed

if TYPE_CHECKING:
    from seplace.config import StudyConfig
    from seplace.costs.table import PriceTable
    from seplace.evaluators.stand_alone import StandAlone
    from seplace.samplers.past import Past

_PATIENCE = 25
"""So many proposals in a row that need no training end in a random placement that does."""


def run_study(config: StudyConfig, folder: Path, *, observer: Observer) -> None:
    """Run a study to its end in `folder`, or go on with it.

    StudyBusy if another process runs it; StudyChanged if the folder belongs to a study with another meaning;
    TooManyFailures if trainings keep failing; Interrupted on a signal, after which the same call resumes.
    """
    with study_lock(folder / "lock"), Ledger(folder / "ledger.sqlite") as ledger, signals_as_errors():
        claim(config, folder, ledger)
        ledger.set_fact("finished", False)
        is_command = Path(sys.argv[0]).name == "seplace"
        ledger.set_fact("command", " ".join(["seplace", *sys.argv[1:]]) if is_command else "seplace.run")
        maker = EvaluatorMaker(name="stand_alone", config=config, folder=folder, threads=config.run.threads)
        evaluator = maker.make(0)
        prices = Prices(config, price_table(config, folder, evaluator), ledger=ledger, evaluator=evaluator)
        prices.check_limits()
        if ledger.fact("images") is None:
            ledger.set_fact("images", evaluator.describe_images())
        driver = Driver(
            config,
            ledger=ledger,
            make_executor=functools.partial(_make_executor, config, maker),
            prices=prices,
            yardsticks=config.search_space.yardsticks,
            study_file=StudyFile(folder / "optuna.db"),
            observer=observer,
        )
        try:
            driver.run_yardsticks()
            driver.run_search()
            driver.run_confirmation()
            driver.run_test(evaluator)
        finally:
            driver.close()


def _make_executor(config: StudyConfig, maker: EvaluatorMaker, on_progress: Callable[[], None]) -> Executor:
    executor: Executor = EXECUTORS[config.run.executor](
        maker, workers=config.run.workers, max_retries=config.run.max_retries, on_progress=on_progress
    )
    return executor


def claim(config: StudyConfig, folder: Path, ledger: Ledger) -> None:
    """Make `folder` this study's, or refuse it key by key."""
    meaning, known = config.fingerprint(), ledger.fact("fingerprint")
    if known is not None and (changes := differences(known, meaning)):
        raise StudyChanged(
            f"{folder} holds results of a study with another meaning; only its budget may grow. Changed:\n  "
            + "\n  ".join(changes)
        )
    if known is None:
        ledger.set_fact("fingerprint", meaning)
    # Relative, so that a folder of results can be moved with its studies.
    ledger.set_fact("study_folder", os.path.relpath(config.folder, folder.resolve()))
    write_atomically(folder / "study.yaml", config.source_text)
    write_atomically(folder / "space.yaml", config.space_text)


def price_table(config: StudyConfig, folder: Path, evaluator: StandAlone) -> PriceTable:
    """Return the study's prices: those of an earlier run, or counted now and kept."""
    path, key = folder / "prices.json", price_key(config)
    table = read_prices(path, key=key)
    if table is None:
        table = count_prices(config, evaluator)
        store_prices(path, table, key=key)
    return table


_SETTLED = 0.05
"""The search is settled when the recommended front is believed to miss so much of the attainable hypervolume."""

_SETTLED_EVERY = 5
"""After so many results the model is asked whether the search is settled."""

_DRAWS = 8
"""So many sets of scales stand for what is not known of them when the model is asked for the regret."""

_TIMED_ALONE = 60
"""So many choices of the front and the yardsticks, at most, are timed alone in their stage."""


class Driver:
    """Runs the phases of one study."""

    def __init__(
        self,
        config: StudyConfig,
        *,
        ledger: Ledger,
        make_executor: Callable[[Callable[[], None]], Executor],
        prices: Prices,
        yardsticks: Mapping[str, Placement],
        study_file: StudyFile | None,
        observer: Observer,
    ) -> None:
        """Take what the study needs; `make_executor` is given what to call on progress, `study_file` is the copy."""
        self.config = config
        self.ledger = ledger
        self.prices = prices
        self.study_file = study_file
        self.observer = observer
        self.phase, self.done, self.total = "preparing", 0.0, 0.0
        self.executor = make_executor(self._report)
        self.trainings = Trainings(config, ledger=ledger, executor=self.executor, prices=prices)
        self.yardsticks = {name: placement for name, placement in yardsticks.items() if prices.within_limits(placement)}
        self.task = Task(
            space=config.search_space,
            prices=prices.table,
            cost=config.objective.cost,
            limits=config.objective.limits,
            seeds=config.search.seeds,
            seed=config.search.seed,
        )
        self._standing: tuple[int, Standing] | None = None

    def close(self) -> None:
        """Stop the executor."""
        self.executor.close()

    # Phases; each answers from the ledger for what was done before

    def run_yardsticks(self) -> None:
        """Train what anyone would try by hand, once each."""
        self._begin("yardsticks", len(self.yardsticks))
        self._train([self.trainings.job(placement, 0) for placement in self.yardsticks.values()])

    def run_search(self) -> None:
        """Ask the sampler and train until the budget is spent, or the front is settled."""
        config, trainings = self.config, self.trainings
        proposals = self._new_proposals()
        recorded = self.ledger.proposals()
        seeds = Counter(self.yardsticks.values())
        trained = len(self.yardsticks)
        unproductive = 0
        # In-order telling: proposal k is made when exactly those before k - window are told, whatever finished first.
        window = config.run.workers + config.run.workers // 2
        pending: deque[tuple[int, Job | None, Placement]] = deque()
        told, is_settled = 0, False
        self._begin("search", config.search.trainings or 1)
        started = time.monotonic() - (self.ledger.fact("search_seconds") or 0.0)
        while True:
            while (
                len(pending) < window
                and not is_settled
                and self._within_budget(trained, started, proposals.next_number in recorded)
            ):
                fixed = recorded.get(proposals.next_number)
                if fixed is None and unproductive >= _PATIENCE:
                    fixed = self._fresh_placement(seeds, proposals.next_number)
                    if fixed is None:
                        break  # every placement that may be trained has all its seeds
                number, placement = proposals.ask(fixed)
                self.ledger.add_proposal(number, placement)
                job = None
                if seeds[placement] < config.search.seeds and self.prices.within_limits(placement):
                    job = trainings.job(placement, seeds[placement])
                    seeds[placement] += 1
                    trained += 1
                    trainings.start(job)
                unproductive = 0 if job is not None else unproductive + 1
                pending.append((number, job, placement))
            if not pending:
                break
            number, job, placement = pending[0]
            if job is None or job.key in trainings.results:
                pending.popleft()
                self._tell(proposals, number, job, placement)
                told += job is not None
                if config.search.stop == "settled" and job is not None and told % _SETTLED_EVERY == 0:
                    is_settled = self._regret(proposals.past).mean <= _SETTLED
                if self.study_file is not None:
                    self.study_file.update(proposals.study)
                if config.search.trainings is not None:
                    self.done = trained - len([each for each in pending if each[1] is not None])
            else:
                trainings.collect()
                self._report()
                self.ledger.set_fact("search_seconds", time.monotonic() - started)
        if self.study_file is not None:
            self.study_file.update(proposals.study)
        self._note_regret(proposals.past, is_settled=is_settled)
        self._report()

    def run_confirmation(self) -> None:
        """Spend seeds where they decide something, round by round, until nothing is undecided."""
        confirm = self.config.confirm
        if confirm is None:
            return
        rounds: list[list[list[str | int]]] = self.ledger.fact("confirm_rounds") or []
        spent = 0
        number = 0
        self._begin("confirm", confirm.trainings)
        while spent < confirm.trainings:
            if number < len(rounds):
                jobs = [self.trainings.job(Placement.parse(str(text)), int(seed)) for text, seed in rounds[number]]
            else:
                jobs = self._next_round(confirm.seeds)[: confirm.trainings - spent]
                if not jobs:
                    return
                rounds.append([[str(job.placement), job.seed] for job in jobs])
                self.ledger.set_fact("confirm_rounds", rounds)
            self._train(jobs)
            spent += len(jobs)
            number += 1

    def run_test(self, evaluator: StandAlone) -> None:
        """Read the test split once, for the front and the yardsticks whose weights are there, and time them."""
        results = self.trainings.results
        members = judge(self.task.design, list(results.values()), self.task.cost).front
        placements = list(dict.fromkeys([*members, *self.yardsticks.values()]))
        self._begin("test", len(placements))
        alone = [
            placed_alone(choice, stage, stages=len(placement))
            for placement in placements
            for stage, choice in enumerate(placement.choices, start=1)
        ]
        self.prices.measure_latencies(list(dict.fromkeys([*placements, *alone[:_TIMED_ALONE]])))
        known = self.ledger.tests()
        for placement in placements:
            for evaluation in results.values():
                if evaluation.placement != placement or evaluation.state != "complete" or evaluation.key in known:
                    continue
                try:
                    score = evaluator.test(evaluation)
                except MissingWeights as error:
                    warnings.warn(f"{error}; the test split is not read for it", stacklevel=2)
                    continue
                self.ledger.add_test(evaluation.key, accuracy=score.accuracy, cross_entropy=score.cross_entropy)
            self.done += 1
            self._report()
        self.ledger.set_fact("finished", True)

    # Search

    def _new_proposals(self) -> Proposals:
        proposals = Proposals(self.task, sampler=self.config.search.sampler, name=self.config.name)
        for label, placement in self.yardsticks.items():
            evaluation = self.trainings.results[self.trainings.job(placement, 0).key]
            if placement in self.task.space and evaluation.accuracy is not None:
                proposals.add_known(
                    placement,
                    accuracy=evaluation.accuracy,
                    cost=self.prices.of(placement)[self.task.cost],
                    constraints=self._constraints(placement, has_failed=False),
                    label=label,
                )
        return proposals

    def _within_budget(self, trained: int, started: float, is_recorded: bool) -> bool:
        """Return whether another proposal may follow; one that an earlier run made in its hours may in any case."""
        budget = self.config.search
        if budget.trainings is not None:
            return trained < budget.trainings
        assert budget.hours is not None
        share = (time.monotonic() - started) / (3600 * budget.hours)
        self.done, self.total = min(share, 1.0), 1.0
        return share < 1 or is_recorded

    def _fresh_placement(self, seeds: Counter[Placement], number: int) -> Placement | None:
        """Return a random placement that keeps the budgets and has a seed left; None if there is no such placement."""
        space = self.task.space
        order = np.random.default_rng(derive_seed(self.task.seed, "fresh", number))
        for index in order.permutation(len(space)) if len(space) <= 10**6 else order.integers(len(space), size=10**4):
            placement = space.placement_at(int(index))
            if seeds[placement] < self.task.seeds and self.prices.within_limits(placement):
                return placement
        return None

    def _tell(self, proposals: Proposals, number: int, job: Job | None, placement: Placement) -> None:
        last = self.trainings.results[job.key] if job is not None else None
        if last is not None and last.reason == "crashed":
            proposals.tell_failed(number)
            return
        seeds = range(self.task.seeds if job is None else job.seed + 1)
        accuracy = self.trainings.mean_accuracy(placement, seeds=seeds)
        has_failed = accuracy is None or (last is not None and last.state == "failed")
        constraints = self._constraints(placement, has_failed=has_failed)
        if accuracy is None or max(constraints.values()) > 0:
            # Finite and pessimistic: a sampler that is told nothing proposes a doomed placement again and again.
            told = [trial.values[0] for trial in proposals.study.get_trials(deepcopy=False) if trial.values]
            accuracy = min(told, default=0.0)
        training = None if last is None or last.accuracy is None else (last.seed, last.accuracy)
        cost = self.prices.of(placement)[self.task.cost]
        proposals.tell(number, accuracy=accuracy, cost=cost, constraints=constraints, training=training)

    def _constraints(self, placement: Placement, *, has_failed: bool) -> dict[str, float]:
        """Return what the sampler is told to keep at or below 0."""
        excess = {f"{name} over its limit": share for name, share in self.prices.excess(placement).items()}
        return excess | {"training failed": 1.0 if has_failed else -1.0}

    def _regret(self, past: Past) -> Regret:
        """Return what the front that would be recommended now is believed to miss."""
        posterior = Posterior(self.task.design, past.observations, draws=_DRAWS, random=np.random.default_rng(0))
        return expected_regret(posterior, self.task.region_by(past.costs), closed=past.failed)

    def _note_regret(self, past: Past, *, is_settled: bool) -> None:
        if past.observations:
            regret = self._regret(past)
            noted = {"settled": is_settled, "mean": regret.mean, "upper": regret.upper}
            self.ledger.set_fact("regret", noted | {"trainings": len(past.observations)})

    def _next_round(self, seeds: int) -> list[Job]:
        costs = {row.placement: row.costs[self.task.cost] for row in self.trainings.results.values()}
        region = self.task.region_by(costs)
        return next_round(self.trainings, region, yardsticks=list(self.yardsticks.values()), seeds=seeds)

    def _train(self, jobs: list[Job]) -> None:
        before = self.done

        def show(done: int) -> None:
            self.done = before + done
            self._report()

        self.trainings.train(jobs, on_done=show)

    # Progress

    def _begin(self, phase: str, total: float) -> None:
        self.phase, self.done, self.total = phase, 0, total
        self._report()

    def _report(self) -> None:
        results = self.trainings.results
        if self._standing is None or self._standing[0] != len(results):
            standing = standing_of(results.values(), self.task.cost, self.prices.range_of(self.task.cost))
            self._standing = (len(results), standing)
        running = self.executor.epochs_done / self.config.training.epochs
        self.observer(
            Progress(
                phase=self.phase,
                done=min(self.done + running, self.total),
                total=self.total,
                trained=len(results),
                failed=sum(row.state == "failed" for row in results.values()),
                standing=self._standing[1],
            )
        )
