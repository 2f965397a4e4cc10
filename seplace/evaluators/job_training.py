"""One job as evaluators train it: its checkpoint, its weights, and the failures that are results."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from seplace.arrays import ImageBits
from seplace.errors import TrainingFailed, UserCodeError
from seplace.evaluators.weights import serialize_weights, write_beside
from seplace.files.atomic import sha256_of, write_atomically
from seplace.files.versions import versions
from seplace.results.evaluation import Evaluation, Job
from seplace.sample_scores import SampleScores
from seplace.training.checkpoints import Checkpoint
from seplace.training.devices import device_name, release_memory


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A network as a training leaves it, and what an evaluation says of it."""

    network: nn.Module
    value: float | None
    curve: tuple[Mapping[str, float | None], ...]
    cross_entropy: float | None = None
    correct: ImageBits | None = None
    top5_accuracy: float | None = None
    batches: str | None = None
    sample_scores: SampleScores | None = None
    beside: Mapping[str, Tensor] | None = None
    """The state of the user's own module beside its network; None where there is no such module."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """The versions of packages that trained it, beside those that are known before."""


class JobTraining:
    """Trains jobs on one device.

    The trained weights are kept in `folder/weights`, unfinished trainings in `folder/checkpoints`.
    """

    def __init__(self, folder: Path, *, epochs: int, device: torch.device, packages: tuple[str, ...] = ()) -> None:
        """Prepare; the folder is made with the first training.

        Args:
            folder: The folder of the results.
            epochs: The epochs of a whole training.
            device: The device.
            packages: Packages whose versions an evaluation says, too.

        """
        self._folder = folder
        self._epochs = epochs
        self._device = device
        self._packages = packages
        self._has_folder = False

    def evaluate(self, job: Job, train: Callable[[Checkpoint], Trained]) -> Evaluation:
        """Train one placement on one seed; a training that fails by itself is an evaluation too.

        A job with fewer epochs than the whole training is its start: it leaves a checkpoint, from which a longer job
        continues, and no weights.

        Raises UserCodeError where the user's code fails on the plain backbone: nothing else would do better.
        """
        evaluation = self._evaluate(job, train)
        if evaluation.reason == "oom":  # only now does no frame of the error hold the tensors
            release_memory(self._device)
        return evaluation

    def _evaluate(self, job: Job, train: Callable[[Checkpoint], Trained]) -> Evaluation:
        start = time.perf_counter()
        if not self._has_folder:  # later it is not made anew, should its disk be away
            self._folder.mkdir(parents=True, exist_ok=True)
            self._has_folder = True
        whole = replace(job, epochs=self._epochs)
        checkpoint = Checkpoint(path=checkpoint_path(self._folder / "checkpoints", whole))
        without_result = Evaluation(
            placement=job.placement,
            seed=job.seed,
            epochs=job.epochs,
            state="failed",
            device=device_name(self._device),
            threads=torch.get_num_threads(),
            versions=versions(*self._packages),
        )
        try:
            trained = train(checkpoint)
        except (TrainingFailed, UserCodeError) as error:
            reason = error.reason if isinstance(error, TrainingFailed) else "error"
            if reason != "oom":  # it is a result: nobody goes on from there
                checkpoint.path.unlink(missing_ok=True)
            if isinstance(error, UserCodeError) and job.placement.is_plain and job.seed == 0:
                raise
            seconds = time.perf_counter() - start
            return replace(without_result, seconds=seconds, reason=reason, message=str(error))
        result = replace(
            without_result,
            state="complete",
            value=trained.value,
            cross_entropy=trained.cross_entropy,
            correct=trained.correct,
            top5_accuracy=trained.top5_accuracy,
            curve=trained.curve,
            batches=trained.batches,
            versions={**without_result.versions, **trained.versions},
        )
        if job == whole:
            result = self._kept(result, job, trained)
        return replace(result, seconds=time.perf_counter() - start)

    def _kept(self, result: Evaluation, job: Job, trained: Trained) -> Evaluation:
        """Write the weights; return the evaluation with what only a whole training has."""
        file_name = f"{job.file_name}.safetensors"
        weights = serialize_weights(trained.network)
        write_atomically(self._folder / "weights" / file_name, weights, parents=False)
        if trained.beside is not None:
            write_beside(self._folder, file_name, trained.beside)
        return replace(
            result,
            weights=file_name,
            weights_sha256=sha256_of(weights),
            sample_scores=trained.sample_scores,
        )


def checkpoint_path(folder: Path, job: Job) -> Path:
    """Return the path of a job's checkpoint; a checkpoint of an earlier version is renamed to it."""
    path = folder / f"{job.file_name}.ckpt"
    for name in job.former_file_names:
        earlier = path.with_name(f"{name}.ckpt")
        with contextlib.suppress(OSError):  # most have none, and a name may be too long for there ever to have been one
            if earlier != path and not path.exists():
                earlier.replace(path)
    return path
