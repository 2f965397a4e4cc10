"""The driver's side of the worker processes of a Ray cluster; all of it runs in the thread of Ray."""

from __future__ import annotations

import copy
import os
import pickle
import secrets
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seplace.errors import ClusterUnavailable, DeviceFailed, SeplaceError
from seplace.evaluators.own_source import own_source
from seplace.executors.ray_worker import SENT_FOLDERS, Begun, Message, RayWorker, Setup, networks_of
from seplace.files.atomic import write_atomically
from seplace.results.evaluation import Job

if TYPE_CHECKING:
    from seplace.executors.executor import EvaluatorMaker
    from seplace.executors.ray_cluster import Cluster

_MESSAGES_AHEAD = 16
"""The messages of a job that may wait for the driver; then its worker waits, too."""


@dataclass(frozen=True)
class Ended:
    """The end of a worker process; `reason` says how, as in `killed or crashed`."""

    reason: str


@dataclass(frozen=True)
class Ready:
    """A worker that takes jobs from now on."""


Event = Message | Ended | Ready | SeplaceError | str
"""What happens to a worker; an error, or the traceback of a bug, before it was ready."""


class Crew:
    """What all workers of a run share: the study, a token in the results folder, and images where one lacks them."""

    def __init__(self, maker: EvaluatorMaker, cluster: Cluster, *, gpus: float) -> None:
        """Take what makes evaluators, the cluster, and the share of a GPU that each worker holds."""
        self.maker = maker
        self.cluster = cluster
        self.folder = maker.folder.absolute()
        self.gpus = gpus
        self._images: Any = None
        self._token = secrets.token_hex(16)
        self.folder.mkdir(parents=True, exist_ok=True)
        # Where this process is killed, the next one removes it, as a file that was not finished.
        with tempfile.NamedTemporaryFile("w", dir=self.folder, prefix=".probe.", delete=False) as file:
            file.write(self._token)
        self._token_file = Path(file.name)

    def end(self) -> None:
        """Remove the token."""
        self._token_file.unlink(missing_ok=True)

    def setup(self, number: int) -> Setup:
        """Return what worker 0, 1, … needs to begin."""
        known = self.maker.known
        return Setup(
            number=number,
            maker=pickle.dumps(self._maker_there()),
            folder=self.folder,
            token_file=self._token_file.name,
            token=self._token,
            node=self.cluster.node,
            import_folders=[str(Path(each).absolute()) for each in sys.path],
            current_folder=str(Path.cwd()),
            own_source=own_source(),
            images=None if known is None else known.images,
            identity=None if known is None else known.identity,
        )

    def _maker_there(self) -> EvaluatorMaker:
        """Return what makes the evaluator in a worker: places are absolute, and one that holds a GPU trains on it."""
        config, maker = self.maker.config, copy.copy(self.maker)
        run = config.run.model_copy(update={"accelerator": "gpu" if self.gpus else "cpu"})
        data = config.file.data
        data = None if data is None else data.model_copy(update={"root": _absolute(config.data_root)})
        evaluator = config.evaluator.model_copy(update={"folder": _absolute(config.evaluator_folder)})
        file = config.file.model_copy(update={"run": run, "data": data, "evaluator": evaluator})
        maker.config, maker.folder = replace(config, file=file), self.folder
        return maker

    def images(self) -> Any:
        """Return the reference of the study's images, which are put into the memory of the cluster once.

        Raises DataError where they do not fit into any memory.
        """
        if self._images is None:
            import ray

            from seplace.datasets.sent import SentImages

            networks = networks_of(self.maker.make_here())
            assert networks is not None
            self._images = ray.put(SentImages.pack(networks.images))
        return self._images

    def checkpoints_of(self, job: Job) -> dict[str, bytes]:
        """Return the files from which a job goes on, by their paths below the results folder."""
        whole = replace(job, epochs=self.maker.config.training.epochs)
        files = {}
        for name in dict.fromkeys((whole.file_name, *whole.former_file_names)):
            with suppress(OSError):
                files[f"checkpoints/{name}.ckpt"] = (self.folder / "checkpoints" / f"{name}.ckpt").read_bytes()
        return files

    def write(self, files: Mapping[str, bytes | None]) -> None:
        """Write what a worker without the results folder has sent. Raises DiskFull."""
        for name, content in files.items():
            folder, _, file = name.partition("/")
            if folder not in SENT_FOLDERS or file != os.path.basename(file) or file.startswith("."):  # noqa: PTH119
                raise ClusterUnavailable(f"a worker sends a file with the name {name!r}")
            path = self.folder / folder / file
            if content is None:
                path.unlink(missing_ok=True)
            else:
                write_atomically(path, content, parents=False)


class Actor:
    """One worker process after the other, with the same number; each is requested, becomes ready, and takes jobs."""

    def __init__(self, number: int, crew: Crew, resources: Mapping[str, float], *, cpus: int, gpus: float) -> None:
        self.number = number
        self.crew = crew
        self.options = {"num_cpus": cpus, "num_gpus": gpus, "resources": dict(resources)}
        self.handle: Any = None
        self.expected: Any = None
        """The reference, or the generator of references, to what it sends next."""
        self.is_ready = False
        self.sees_folder = False

    def request(self) -> None:
        """Ask the cluster for a process, which may take until there is room for it."""
        import ray

        # It is never restarted by Ray: what a new process has to know first is sent here.
        remote = ray.remote(RayWorker).options(
            **self.options, max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD"
        )
        self.handle = remote.remote()
        self.expected = self.handle.begin.remote(self.crew.setup(self.number))
        self.is_ready = False

    def start(self, job: Job) -> None:
        """Let the process begin a job."""
        files = {} if self.sees_folder else self.crew.checkpoints_of(job)
        method = self.handle.evaluate.options(
            num_returns="streaming", _generator_backpressure_num_objects=_MESSAGES_AHEAD
        )
        self.expected = method.remote(job, files)

    def time(self, placements: Sequence[Any]) -> Any:
        """Let the process time placements, and return the reference of the answer."""
        return self.handle.latencies.remote(placements)

    def result_of(self, reference: Any, seconds: float) -> Any:
        """Wait some seconds for an answer, and return it, or the end of the process; None where it takes longer."""
        import ray
        from ray.exceptions import RayError

        if not ray.wait([reference], timeout=seconds)[0]:
            return None
        try:
            return ray.get(reference)
        except RayError as error:
            self.kill()
            return Ended(_reason(error))

    def wait(self, seconds: float) -> list[Event]:
        """Wait some seconds for what happens to the process, and return it."""
        import ray

        return self.receive() if ray.wait([self.expected], timeout=seconds)[0] else []

    def kill(self) -> None:
        """Kill the process."""
        import ray

        if self.handle is not None and ray.is_initialized():
            with suppress(Exception):  # it may be gone, or the whole cluster
                ray.kill(self.handle)
        self.handle, self.expected, self.is_ready = None, None, False

    def receive(self) -> list[Event]:
        """Return what has happened to the process, which `ray.wait` has found ready to tell."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        events: list[Event] = []
        try:
            while self.expected is not None and ray.wait([self.expected], timeout=0)[0]:
                if self.is_ready:
                    message: Message = ray.get(next(self.expected))
                    events.append(message)
                else:
                    events += self._begun(ray.get(self.expected))
        except StopIteration:
            self.expected = None
        except RayTaskError as error:
            events.append(str(error))
            self.kill()
        except RayError as error:
            if "No module named 'seplace'" in str(error):
                events.append(ClusterUnavailable("a machine of the Ray cluster has no seplace: install it there, too"))
            else:
                events.append(Ended(_reason(error)))
            self.kill()
        return events

    def _begun(self, answer: Begun | SeplaceError | str | None) -> list[Event]:
        self.expected = None
        if isinstance(answer, DeviceFailed):
            self.kill()
            return [Ended(str(answer))]
        if isinstance(answer, SeplaceError | str):
            return [answer]
        if isinstance(answer, Begun):
            self.sees_folder = answer.sees_folder
            if answer.lacks_images:
                self.expected = self.handle.take_images.remote(self.crew.images())
                return []
        self.is_ready = True
        return [Ready()]


def _reason(error: Exception) -> str:
    """Return how a process has ended, from Ray's long text."""
    text = str(error)
    if "memory" in text and ("running low" in text or "OutOfMemory" in type(error).__name__):
        return "as its machine ran out of memory"
    if "node" in text and ("has died" in text or "node failure" in text or "preempted" in text):
        return "with its machine"
    return "killed or crashed"


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())
