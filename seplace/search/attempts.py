"""Failed trainings: which are repeated, and what a user can do about the others.

A failure of the machine (a worker was killed, memory ran out) says nothing about the placement. The training is
repeated once in the same run, after all others. If it fails again, the failure is a result, so that the study goes on;
the next run replaces it. A failure of the placement itself (it diverged, its code raised) is a result.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seplace.results.evaluation import Evaluation, EvaluationKey
    from seplace.results.ledger import Ledger

_TIMEOUT = "timeout"
_MACHINE_REASONS = frozenset({"oom", "crashed"})


@dataclass(frozen=True, kw_only=True)
class FailureRules:
    """How failed trainings are treated."""

    stop_after: int
    """The number of failed trainings in a row that ends the run."""
    timeout_minutes: float | None = None
    """The time limit of a training, if there is one."""
    is_tabular: bool = False
    """Whether a tabular benchmark answers: a second attempt would give the same answer."""

    def is_machine_failure(self, failed: Evaluation) -> bool:
        """Return whether a failure says nothing about its placement.

        A training that ran out of time says nothing about its placement if the limit has been raised since.
        """
        if self.is_tabular:
            return False
        if failed.reason == _TIMEOUT:
            return self.timeout_minutes is None or 60 * self.timeout_minutes > failed.seconds
        return failed.reason in _MACHINE_REASONS

    def describe(self, failed: Evaluation) -> str:
        """Return which training failed, why, and what can be done about it."""
        if self.is_machine_failure(failed):
            advice = "run the study again, and it is tried again"
        elif failed.reason == _TIMEOUT:
            advice = "with more time, or with --retry-failed (in Python retry_failed=True), it is tried again"
        else:
            advice = "when its cause is mended, --retry-failed (in Python retry_failed=True) tries it again"
        return f"{failed.placement} on seed {failed.seed}: {failed.reason}: {failed.message}; {advice}"


class Attempts:
    """The failed attempts of a study's trainings, by the key of the whole training."""

    def __init__(
        self, rules: FailureRules, known: Iterable[Evaluation], failures: Iterable[Evaluation], *, retry_failed: bool
    ) -> None:
        """Take the ledger's failed evaluations and its failed attempts; `retry_failed` replaces all failures."""
        self.rules = rules
        self.retry_failed = retry_failed
        self.replaced: dict[EvaluationKey, Evaluation] = {row.key: row for row in known if self._is_replaced(row)}
        """Failed results of earlier runs that are still to be repeated."""
        self.had_failed = frozenset(self.replaced)
        """The keys of `replaced` at the start of the run."""
        self._last = {row.key: row for row in failures} | self.replaced
        self.failed_before = frozenset(self._last)
        """The keys of trainings that failed in earlier runs: another failure says nothing new about the machine."""

    def counted(self, evaluation: Evaluation, key: EvaluationKey) -> Evaluation:
        """Return an evaluation whose attempts include the earlier ones of its training."""
        last = self._last.get(key)
        return evaluation if last is None else replace(evaluation, attempts=last.attempts + evaluation.attempts)

    def grant_retry(self, failed: Evaluation) -> bool:
        """Return whether a training that has just failed is repeated in this run, and record that it is."""
        if not self.rules.is_machine_failure(failed) or failed.key in self._last:
            return False
        self._last[failed.key] = failed
        return True

    def _is_replaced(self, row: Evaluation) -> bool:
        return row.state == "failed" and (self.retry_failed or self.rules.is_machine_failure(row))


class Streak:
    """The failures committed since the last complete training, and what had been planned before the first of them."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.failed: list[Evaluation] = []
        self._last_proposal = ledger.last_proposal()
        self._rounds = ledger.fact("confirm_rounds")

    def withdraw(self) -> None:
        """Remove the failures of a broken machine from the ledger, with the proposals and rounds that followed them.

        The study that goes on after the repair then equals one without these failures.
        """
        self.ledger.withdraw(self.failed, last_proposal=self._last_proposal)
        self.ledger.set_fact("confirm_rounds", self._rounds)
