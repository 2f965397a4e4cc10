"""The end of a run: trained placements are timed, and the test split is read once."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from seplace.errors import CorruptResults, MissingTestSplit, MissingWeights, SeplaceError
from seplace.files.atomic import DiskFull
from seplace.user_code import describe_error

if TYPE_CHECKING:
    from seplace.evaluators.evaluator import Evaluator
    from seplace.results.evaluation import Evaluation
    from seplace.results.ledger import Ledger

NO_TEST_SPLIT = "The data set has no test split: there are no test figures."


def run_test_phase(
    evaluations: Iterable[Evaluation],
    *,
    evaluator: Evaluator,
    ledger: Ledger,
    time: Callable[[], None],
    on_done: Callable[[], None],
) -> None:
    """Call `time`, and read the test split for the evaluations whose weights are there and undamaged.

    An error here loses nothing of the search and does not end the run: it is kept as the ledger's fact `untested`, and
    the study is not finished. Damaged and missing weights cause a warning; the others are tested.
    """
    note = ""
    try:
        time()
        read_test(evaluations, evaluator=evaluator, ledger=ledger, on_done=on_done)
    except MissingTestSplit:
        note = NO_TEST_SPLIT
    except DiskFull:
        raise
    except Exception as error:
        ledger.set_fact("untested", str(error) if isinstance(error, SeplaceError) else describe_error(error))
        return
    ledger.set_fact("test_note", note)
    ledger.set_fact("untested", "")
    ledger.set_fact("finished", True)


def read_test(
    evaluations: Iterable[Evaluation], *, evaluator: Evaluator, ledger: Ledger, on_done: Callable[[], None]
) -> None:
    """Commit the test score of each evaluation; damaged and missing weights cause a warning at the end."""
    unread: list[CorruptResults] = []
    for evaluation in evaluations:
        try:
            tested = evaluator.test(evaluation)
        except CorruptResults as error:
            unread.append(error)
        else:
            ledger.add_test(
                evaluation.key,
                value=tested.value,
                cross_entropy=tested.cross_entropy,
                samples=tested.samples,
                top5_accuracy=tested.top5_accuracy,
            )
        on_done()
    _warn_of(unread)


def _warn_of(unread: list[CorruptResults]) -> None:
    """Warn of each damaged file, and once of all missing ones: published results have no weights."""
    missing = [error for error in unread if isinstance(error, MissingWeights)]
    lines = [str(error) for error in unread if error not in missing]
    if missing:
        others = f", nor for {len(missing) - 1} others" if len(missing) > 1 else ""
        lines.append(f"{missing[0]}; the test split is not read for it{others}")
    if lines:
        read = "; the test split is not read for it" if len(lines) == 1 and not missing else ""
        warnings.warn("\n  ".join(lines) + read, stacklevel=2)
