"""Latencies that are measured on a machine of a Ray cluster that is kept for it, with nothing else on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from seplace.errors import ClusterUnavailable, SeplaceError
from seplace.executors.ray_actors import Actor, Crew, Ended, Ready
from seplace.executors.ray_cluster import Cluster, address_of
from seplace.executors.retries import WorkerError

if TYPE_CHECKING:
    from seplace.evaluators.evaluator import Evaluator
    from seplace.executors.executor import EvaluatorMaker
    from seplace.placement import Placement

SLOT = "seplace_latency"
"""The resource of a machine that is kept for timing; a measurement holds one."""

_POLL_SECONDS = 0.5

Latencies = dict[str, dict[str, Any]]


class ClusterTimer:
    """Times placements in a slot of the cluster; here, as every other executor does, where the cluster has none.

    The first measurement takes the slot, which is held until the timer is closed.
    """

    def __init__(self, maker: EvaluatorMaker, evaluator: Evaluator) -> None:
        """Take what makes an evaluator in the slot, and the one of this process."""
        self.maker = maker
        self.evaluator = evaluator
        self._slot: _Slot | None = None

    def latencies(self, placements: Sequence[Placement]) -> Latencies:
        """Return measured latencies by the text of the placement; see `Evaluator.latencies`."""
        run = self.maker.config.run
        if run.executor != "ray" or address_of(run) is None:
            return self.evaluator.latencies(placements)
        if self._slot is None:
            self._slot = _Slot(self.maker, Cluster(run, workers=1))
        return self._slot.latencies(placements) if self._slot.exists() else self.evaluator.latencies(placements)

    def close(self) -> None:
        """End the worker, and the connection unless trainings use it."""
        if self._slot is not None:
            self._slot.close()


class _Slot:
    """A worker that holds the slot; a signal is handled between two looks at what it does."""

    def __init__(self, maker: EvaluatorMaker, cluster: Cluster) -> None:
        self.maker = maker
        self.cluster = cluster
        self._actor: Actor | None = None
        self._crew: Crew | None = None

    def exists(self) -> bool:
        """Return whether a machine of the cluster is kept for timing."""
        return any(SLOT in node for node in self.cluster.call(self.cluster.resources))

    def latencies(self, placements: Sequence[Placement]) -> Latencies:
        """Time placements, and again if the worker has died."""
        death = ""
        for _ in range(1 + self.maker.config.run.max_retries):
            actor = self._actor
            if actor is None or not actor.is_ready:
                actor = self.cluster.call(self._request)
                death = self._begun(actor)
            if actor.is_ready:
                answer = self._answer(actor, self.cluster.call(actor.time, placements))
                if not isinstance(answer, Ended):
                    return answer
                death = answer.reason
        raise ClusterUnavailable(f"the worker that times placements in the Ray cluster was {death}")

    def close(self) -> None:
        """End the worker, and the connection unless trainings use it."""
        self.cluster.leave(self._end)

    def _request(self) -> Actor:
        run = self.maker.config.run
        kept = [node for node in self.cluster.resources() if SLOT in node]
        gpus = 0.0 if run.accelerator == "cpu" else min([1.0, *(node.get("GPU", 0.0) for node in kept)])
        if self._crew is None:
            self._crew = Crew(self.maker, self.cluster, gpus=gpus)
        self._actor = Actor(0, self._crew, {SLOT: 1.0}, cpus=0, gpus=gpus)
        self._actor.request()
        return self._actor

    def _begun(self, actor: Actor) -> str:
        """Wait until a worker is ready; return how it has died, or an empty text."""
        while True:
            for event in self.cluster.call(actor.wait, _POLL_SECONDS):
                if isinstance(event, Ready):
                    return ""
                if isinstance(event, Ended):
                    return event.reason
                if isinstance(event, SeplaceError):
                    raise event
                if isinstance(event, str):
                    raise WorkerError(event)

    def _answer(self, actor: Actor, reference: Any) -> Latencies | Ended:
        while (answer := self.cluster.call(actor.result_of, reference, _POLL_SECONDS)) is None:
            pass
        if isinstance(answer, SeplaceError):
            raise answer
        if isinstance(answer, str):
            raise WorkerError(answer)
        result: Latencies | Ended = answer
        return result

    def _end(self) -> None:
        if self._actor is not None:
            self._actor.kill()
        if self._crew is not None:
            self._crew.end()
