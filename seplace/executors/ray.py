"""Trainings on the machines of a Ray cluster, or on a cluster that is started here for the run.

Up to `workers` processes hold `threads` processors each, and a GPU or a share of one. Those for which the cluster has
no room yet wait for it, and jobs go to the others. If a worker or its machine dies, its job goes on in another process
from the last checkpoint, at most `max_retries` times. Checkpoints and weights are in the driver's results folder,
whether the workers see it or not.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from seplace.errors import ClusterUnavailable, DeviceFailed
from seplace.executors.executor import EvaluatorMaker
from seplace.executors.ray_actors import Actor, Crew, Ended, Event, Ready
from seplace.executors.ray_cluster import Cluster
from seplace.executors.ray_worker import Message, Warned
from seplace.executors.retries import Attempt, Jobs
from seplace.results.evaluation import Evaluation, Job

_POLL_SECONDS = 0.5
_START_FAILURES = 3
"""The number of times in a row that a worker may die before it takes a job."""
_PATIENCE = 30.0
"""The seconds without any worker after which a warning says that the cluster has no room."""


@dataclass
class _Worker:
    actor: Actor
    attempt: Attempt | None = None
    start_failures: int = 0


class Ray:
    """Keeps up to `workers` processes of a cluster busy; each takes one job at a time."""

    def __init__(
        self, maker: EvaluatorMaker, *, workers: int, max_retries: int, on_progress: Callable[[], None]
    ) -> None:
        self.maker = maker
        self.on_progress = on_progress
        self.jobs = Jobs(max_retries=max_retries, timeout_minutes=maker.config.run.timeout_minutes)
        self.cluster = Cluster(maker.config.run, workers=workers, devices=maker.config.devices)
        self.pool: list[_Worker] = []
        self._count = workers
        self._crew: Crew | None = None
        self._warned: set[str] = set()
        self._since = 0.0
        """The time since which no worker is ready."""

    @property
    def running(self) -> int:
        """Jobs submitted and not yet returned."""
        return len(self.jobs.waiting) + sum(worker.attempt is not None for worker in self.pool)

    @property
    def epochs_done(self) -> int:
        """Epochs finished of the jobs that are running."""
        return sum(worker.attempt.epochs_done for worker in self.pool if worker.attempt is not None)

    def submit(self, job: Job) -> None:
        """Queue a job. The first one joins the cluster: raises ClusterUnavailable where that fails."""
        self.jobs.add(job)
        self.cluster.call(self._dispatch)

    def wait(self) -> list[Evaluation]:
        """Wait up to half a second for a worker, and return the evaluations that have finished.

        Raises the error of a worker, after the evaluations that others have finished meanwhile were returned.
        """
        self.jobs.raise_error()
        events = self.cluster.call(self._events)
        finished = [evaluation for worker, event in events for evaluation in self._handle(worker, event)]
        finished += [evaluation for worker in self.pool for evaluation in self._end_late(worker)]
        if not finished:
            self.jobs.raise_error()
        self._tell_if_none_is_ready()
        self.cluster.call(self._dispatch)
        self.on_progress()
        return finished

    def close(self) -> None:
        """Kill the workers, and end a cluster that was started for the run; unfinished trainings keep checkpoints."""
        self.jobs.waiting.clear()
        self.cluster.leave(self._end)

    def _end(self) -> None:
        for worker in self.pool:
            worker.actor.kill()
        if self._crew is not None:
            self._crew.end()

    # In the thread of Ray

    def _dispatch(self) -> None:
        """Request as many workers as there are jobs for, and give jobs to those that are ready."""
        if self._crew is None:
            self._open()
        busy = sum(worker.attempt is not None for worker in self.pool)
        wanted = busy + len(self.jobs.waiting) - sum(worker.actor.handle is not None for worker in self.pool)
        for worker in self.pool:
            if wanted > 0 and worker.actor.handle is None:
                worker.actor.request()
                wanted -= 1
            if worker.actor.is_ready and worker.attempt is None and (attempt := self.jobs.take()) is not None:
                worker.attempt = attempt
                worker.actor.start(attempt.job)

    def _open(self) -> None:
        crew = Crew(self.maker, self.cluster, gpus=self.cluster.gpus_of_training())
        self._crew = crew
        self.cluster.refuse_if_nothing_fits(gpus=crew.gpus)
        cpus = self.cluster.cpus
        self.pool = [_Worker(Actor(number, crew, {}, cpus=cpus, gpus=crew.gpus)) for number in range(self._count)]
        self._since = time.monotonic()

    def _events(self) -> list[tuple[_Worker, Event]]:
        """Wait for the first events, and return all that have arrived."""
        import ray

        expected = [worker.actor.expected for worker in self.pool if worker.actor.expected is not None]
        if not expected:
            time.sleep(_POLL_SECONDS)
            return []
        ray.wait(expected, num_returns=1, timeout=_POLL_SECONDS)
        ready, _ = ray.wait(expected, num_returns=len(expected), timeout=0)
        return [
            (worker, event)
            for worker in self.pool
            if any(worker.actor.expected is each for each in ready)
            for event in worker.actor.receive()
        ]

    # In the main thread

    def _handle(self, worker: _Worker, event: Event) -> list[Evaluation]:
        attempt = worker.attempt
        if isinstance(event, Ready):
            worker.start_failures = 0
            return []
        if isinstance(event, Ended):
            return self._ended(worker, event.reason)
        if not isinstance(event, Message):
            self.jobs.fail(event)
            return []
        assert attempt is not None
        assert self._crew is not None
        self._crew.write(event.files)
        content = event.content
        if isinstance(content, Warned):
            if content.text not in self._warned:
                self._warned.add(content.text)
                warnings.warn(content.text, stacklevel=2)
            return []
        if isinstance(content, int):
            self.jobs.progress(attempt, content)
            return []
        if isinstance(content, DeviceFailed):  # a new process may do better
            self.cluster.call(worker.actor.kill)
            return self._ended(worker, f"as {content}")
        worker.attempt = None
        return self.jobs.answer(attempt, content)

    def _ended(self, worker: _Worker, reason: str) -> list[Evaluation]:
        attempt, worker.attempt = worker.attempt, None
        if attempt is not None:
            failed = self.jobs.retry(attempt, death=reason)
            if not failed:
                job = f"{attempt.job.placement}, seed {attempt.job.seed}"
                warnings.warn(f"a worker of the Ray cluster was lost, {reason}: {job} goes on in another", stacklevel=2)
            return failed
        worker.start_failures += 1
        if worker.start_failures >= _START_FAILURES:
            self.jobs.fail(ClusterUnavailable(f"a worker of the Ray cluster cannot be started: it was {reason}"))
        return []

    def _end_late(self, worker: _Worker) -> list[Evaluation]:
        """Kill a worker whose job has exceeded its time; return the failed evaluation of the job."""
        if worker.attempt is None or not (late := self.jobs.timed_out(worker.attempt)):
            return []
        self.cluster.call(worker.actor.kill)
        worker.attempt = None
        return late

    def _tell_if_none_is_ready(self) -> None:
        if any(worker.actor.is_ready for worker in self.pool):
            self._since = time.monotonic()
        elif time.monotonic() - self._since > _PATIENCE:
            assert self._crew is not None
            wanted = self.cluster.wanted(self._crew.gpus)
            warnings.warn(f"the Ray cluster has no room yet for a training ({wanted}): waiting", stacklevel=2)
            self._since = float("inf")
