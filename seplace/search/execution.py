"""Where the trainings of a study run: the number of its workers, and its executor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from seplace.costs import main_count
from seplace.errors import UserCodeError
from seplace.executors import EXECUTORS
from seplace.search.workers import FACT, MEASURING, choose_workers, known_count, with_workers
from seplace.user_code import user_errors_if

if TYPE_CHECKING:
    from seplace.executors.executor import EvaluatorMaker, Executor
    from seplace.results.ledger import Ledger
    from seplace.samplers.task import Task
    from seplace.study.config import StudyConfig


def with_number_of_workers(
    config: StudyConfig,
    maker: EvaluatorMaker,
    task: Task,
    *,
    ledger: Ledger,
    on_workers: Callable[[str], None] | None,
    on_progress: Callable[[], None],
) -> StudyConfig:
    """Return a study with a number in place of `workers: auto`: that of the ledger, or a measured one, kept there.

    `on_workers` is called with a sentence on it.
    """
    if config.run.workers != "auto":
        return config
    count = known_count(ledger)
    if count is None:
        if on_workers is not None:
            on_workers(MEASURING)
        dearest = task.cost_table.dearest(task.space.choices, main_count(task.cost_table.names))
        count = choose_workers(config, maker, dearest, on_progress=on_progress)
        ledger.set_fact(FACT, count.to_fact())
    if on_workers is not None:
        on_workers(count.sentence)
    return with_workers(config, count.number)


def make_executor(config: StudyConfig, maker: EvaluatorMaker, on_progress: Callable[[], None]) -> Executor:
    """Make the executor of a study; one of the user's own that lacks a part raises UserCodeError."""
    name, workers = config.run.executor, config.workers
    if name == "inline" and config.run.timeout_minutes is not None:
        name, workers = "processes", 1  # a training can be ended only from outside, whatever it is doing
    make: Callable[..., Executor] = EXECUTORS[name]
    with user_errors_if(EXECUTORS.is_external(name), f"executor {name} cannot be made"):
        executor = make(maker, workers=workers, max_retries=config.run.max_retries, on_progress=on_progress)
    if lacking := [
        name for name in ("submit", "wait", "close", "running", "epochs_done") if not hasattr(executor, name)
    ]:
        raise UserCodeError(f"executor {name}: a {type(executor).__name__} has no {lacking[0]}")
    return executor
