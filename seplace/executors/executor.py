"""The protocol of an executor, and how a worker gets its evaluator."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from seplace.errors import DeviceFailed, UserCodeError
from seplace.evaluators import EVALUATORS
from seplace.evaluators.own import OwnEvaluator
from seplace.user_code import is_device_failure, is_out_of_memory, out_of_memory_message, user_errors_if
from seplace.user_modules import USER_MODULES, find_user_modules

if TYPE_CHECKING:
    from seplace.evaluators.evaluator import Evaluator
    from seplace.results.evaluation import Evaluation, Job
    from seplace.study.config import StudyConfig


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of a study's data and of the user's own code, and must be the same in each worker."""

    images: Mapping[str, Any]
    """The description of the data."""
    identity: Mapping[str, Any]
    """The identity of the code."""


class EvaluatorMaker:
    """Makes the evaluator of a study in each worker; it can be pickled."""

    def __init__(self, config: StudyConfig, folder: Path) -> None:
        self.config = config
        self.folder = folder
        self.known: Known | None = None
        """For workers on other machines; it is not pickled."""
        self._made: dict[int, Evaluator] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"own_modules": USER_MODULES.to_record(), "content": pickle.dumps((self.config, self.folder))}

    def __setstate__(self, state: dict[str, Any]) -> None:
        find_user_modules(state["own_modules"])  # before objects of theirs are unpickled
        self.config, self.folder = pickle.loads(state["content"])
        self.known = None
        self._made = {}

    def make(self, worker: int) -> Evaluator:
        """Return the evaluator of worker 0, 1, …; it is made once a process."""
        if worker not in self._made:
            self._made[worker] = self._new(self.config, worker)
        return self._made[worker]

    def make_here(self) -> Evaluator:
        """Return the evaluator of the process that drives a run; with executor ray it may do without a GPU."""
        run = self.config.run
        if 0 not in self._made and run.executor == "ray" and run.accelerator == "gpu":
            own = self.config.file.model_copy(update={"run": run.model_copy(update={"accelerator": "auto"})})
            self._made[0] = self._new(replace(self.config, file=own), 0)
        return self.make(0)

    def _new(self, config: StudyConfig, worker: int) -> Evaluator:
        name = config.evaluator.name
        make = EVALUATORS[name]
        with user_errors_if(EVALUATORS.is_external(name), f"evaluator {name} cannot be made"):
            made: Evaluator = make(config, self.folder, worker=worker)
        return OwnEvaluator(made, name) if EVALUATORS.is_external(name) else made


class Evaluates(Protocol):
    """Turns jobs into evaluations."""

    def evaluate(self, job: Job, *, on_epoch: Callable[[int], None]) -> Evaluation:
        """Evaluate one job; `on_epoch` is called after each epoch."""


class Maker(Protocol):
    """Makes the evaluator of each worker."""

    def make(self, worker: int) -> Evaluates:
        """Return the evaluator of a worker, counted from 0."""


class Executor(Protocol):
    """Runs jobs; results come back in the order in which they finish."""

    @property
    def running(self) -> int:
        """Jobs submitted and not yet returned."""

    def submit(self, job: Job) -> None:
        """Queue a job."""

    def wait(self) -> list[Evaluation]:
        """Wait a short while for progress and return the evaluations that have finished, possibly none."""

    def close(self) -> None:
        """Stop everything at once; unfinished trainings keep their checkpoints."""

    @property
    def epochs_done(self) -> int:
        """Epochs finished of the jobs that are running."""


def evaluate_job(evaluator: Evaluates, job: Job, *, on_epoch: Callable[[int], None]) -> Evaluation:
    """Evaluate a job. An error of the user's code or a lack of memory fails the job, not the run.

    Raises UserCodeError in the first training of the plain backbone, since no other training would do better, and
    DeviceFailed if this process can train nothing more.
    """
    try:
        return evaluator.evaluate(job, on_epoch=on_epoch)
    except UserCodeError as error:
        if job.placement.is_plain and job.seed == 0:
            raise UserCodeError(f"{job.placement}, seed 0: {error}") from error
        return failed_evaluation(job, reason="error", message=str(error), attempts=1)
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            return failed_evaluation(job, reason="oom", message=out_of_memory_message(error), attempts=1)
        if is_device_failure(error):
            said = str(error).splitlines()[0]
            raise DeviceFailed(f"{job.placement}, seed {job.seed}: the GPU has stopped ({said}); run again") from error
        raise


def share_device(evaluator: Evaluates, *, among: int) -> None:
    """Limit an evaluator to its share of a GPU's memory, where it can do that and is not alone there."""
    if among > 1 and hasattr(evaluator, "share_device"):
        evaluator.share_device(among=among)


def failed_evaluation(job: Job, *, reason: str, message: str, attempts: int) -> Evaluation:
    """Return the evaluation of a job without a result."""
    from seplace.results.evaluation import Evaluation

    return Evaluation(
        placement=job.placement,
        seed=job.seed,
        epochs=job.epochs,
        state="failed",
        reason=reason,
        message=message,
        attempts=attempts,
    )
