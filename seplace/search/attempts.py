"""Which failed trainings are made again, and what a user can do about the others.

A failure of the machine (a worker that was killed, memory that ran out) says nothing about its placement. It is made
again in the same run, behind all others; where it fails again it is a result, so that the study gets on, but one that
the next run replaces. A failure of the placement's own (it diverged, its code raised) is a result.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seplace.results.evaluation import Evaluation, EvaluationKey
    from seplace.results.ledger import Ledger

_TIMEOUT = "timeout"
_OF_THE_MACHINE = frozenset({"oom", "crashed"})


@dataclass(frozen=True, kw_only=True)
class FailureRules:
    """How failed trainings are treated."""

    stop_after: int
    """The number of failed trainings in a row that ends the run."""
    timeout_minutes: float | None = None
    """The time limit of a training, if there is one."""
    is_tabular: bool = False
    """Whether recorded trainings answer: then a second attempt gives the same answer."""

    def is_of_the_machine(self, failed: Evaluation) -> bool:
        """Return whether a failure says nothing about its placement.

        A training that ran out of time says nothing about it where the limit has been raised since.
        """
        if self.is_tabular:
            return False
        if failed.reason == _TIMEOUT:
            return self.timeout_minutes is None or 60 * self.timeout_minutes > failed.seconds
        return failed.reason in _OF_THE_MACHINE

    def describe(self, failed: Evaluation) -> str:
        """Return which training failed, why, and what can be done about it."""
        if self.is_of_the_machine(failed):
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
        """Take the ledger's evaluations, and the attempts that it keeps apart; `retry_failed` replaces all failures."""
        self.rules = rules
        self.retry_failed = retry_failed
        self.replaced: dict[EvaluationKey, Evaluation] = {row.key: row for row in known if self._is_made_again(row)}
        """Failed results of earlier runs: each is made again as soon as it is asked for."""
        self.had_failed = frozenset(self.replaced)
        """What they were before any is made again."""
        self._last = {row.key: row for row in failures} | self.replaced
        self.failed_before = frozenset(self._last)
        """What has failed in earlier runs: it says nothing new of the machine."""

    def counted(self, evaluation: Evaluation, key: EvaluationKey) -> Evaluation:
        """Return an evaluation with the earlier attempts of its training counted in."""
        last = self._last.get(key)
        return evaluation if last is None else replace(evaluation, attempts=last.attempts + evaluation.attempts)

    def is_made_again(self, failed: Evaluation) -> bool:
        """Return whether a training that has just failed gets another attempt in this run, and note that it does."""
        if not self.rules.is_of_the_machine(failed) or failed.key in self._last:
            return False
        self._last[failed.key] = failed
        return True

    def _is_made_again(self, row: Evaluation) -> bool:
        return row.state == "failed" and (self.retry_failed or self.rules.is_of_the_machine(row))


class Streak:
    """Failures that were committed since anything was complete, and what had been planned before the first of them."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.failed: list[Evaluation] = []
        self._last_proposal = max(ledger.proposals(), default=-1)
        self._rounds = ledger.fact("confirm_rounds")

    def withdraw(self) -> None:
        """Take the failures of a machine that is out of order back, with all that was planned on the strength of them.

        So the study that goes on when it is mended is the one that would have been without them.
        """
        self.ledger.withdraw(self.failed, last_proposal=self._last_proposal)
        self.ledger.set_fact("confirm_rounds", self._rounds)
