"""The number of trainings at once where a study leaves it open: `workers: auto`.

It is measured once, at the start of the first run, and kept as a fact of the ledger: the order of proposals depends on
it, so a study that goes on has the number that it began with, also on another machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from seplace.executors import EXECUTORS
from seplace.files.atomic import is_file
from seplace.machine import usable_cores
from seplace.results.ledger import Ledger
from seplace.study.study_file import MAX_PARALLEL

if TYPE_CHECKING:
    from seplace.executors.executor import EvaluatorMaker
    from seplace.placement import Placement
    from seplace.study.config import StudyConfig

FACT = "workers"
MEASURING = "workers: auto: measuring how many trainings pay at once, for a minute at most"
OPEN = "workers: auto, measured when the study begins"


@dataclass(frozen=True, kw_only=True)
class WorkerCount:
    """A number of workers, and what it follows from."""

    number: int
    rates: Mapping[int, float]
    """Training steps a second of all workers together, by their number; empty where nothing was measured."""
    held_bytes: int
    """The most memory that one worker has held; 0 where it is not known."""
    limit: str
    """Why more were not tried; empty without a reason."""

    @property
    def sentence(self) -> str:
        """Return `workers: 2 (measured: 1 -> 310, 2 -> 540, 4 -> 530 steps/s)`."""
        rates = ", ".join(f"{number} -> {rate:.3g}" for number, rate in self.rates.items())
        said = [f"measured: {rates} steps/s"] if rates else []
        said += [self.limit] if self.limit else []
        return f"workers: {self.number} ({'; '.join(said)})"

    @property
    def slowdown(self) -> float:
        """How many times longer a training takes beside the others than alone; 1 where it was not measured."""
        alone, together = self.rates.get(1), self.rates.get(self.number)
        return 1.0 if not alone or not together else max(alone * self.number / together, 1.0)

    def to_fact(self) -> dict[str, Any]:
        """Return plain JSON types."""
        rates = {str(number): round(rate, 3) for number, rate in self.rates.items()}
        return {"number": self.number, "steps_per_second": rates, "held_bytes": self.held_bytes, "limit": self.limit}

    @classmethod
    def from_fact(cls, fact: Mapping[str, Any]) -> Self:
        """Read what `to_fact` has returned."""
        return cls(
            number=int(fact["number"]),
            rates={int(number): float(rate) for number, rate in fact["steps_per_second"].items()},
            held_bytes=int(fact["held_bytes"]),
            limit=str(fact["limit"]),
        )


def known_count(ledger: Ledger) -> WorkerCount | None:
    """Return the number that a study began with; None where it was given, or nothing has run yet."""
    fact = ledger.fact(FACT)
    return None if fact is None else WorkerCount.from_fact(fact)


def count_in(folder: Path) -> WorkerCount | None:
    """Return the number that the study in a results folder began with; None if it measured none."""
    path = folder / "ledger.sqlite"
    if not is_file(path):
        return None
    with Ledger(path, read_only=True) as ledger:
        return known_count(ledger)


def with_workers(config: StudyConfig, number: int) -> StudyConfig:
    """Return a study with a number of workers in place of `auto`; more than one are processes where it says inline."""
    executor = "processes" if number > 1 and config.run.executor == "inline" else config.run.executor
    run = config.run.model_copy(update={"workers": number, "executor": executor})
    return replace(config, file=config.file.model_copy(update={"run": run}))


def choose_workers(
    config: StudyConfig, maker: EvaluatorMaker, placement: Placement, *, on_progress: Callable[[], None]
) -> WorkerCount:
    """Measure how many trainings of a placement pay at once here, for about a minute at most."""
    if EXECUTORS.is_external(config.run.executor):
        return _one(f"executor {config.run.executor} is not of this machine, so it is not measured: give a number")
    if config.run.executor == "ray":
        return _of_cluster(config)
    if config.evaluator.name not in ("stand_alone", "lightning"):
        return _one(f"the evaluator {config.evaluator.name} is not measured: give a number if more pay")
    if config.devices > 1:
        return _one("trainings on several devices are not measured: give a number if there is room for more")
    from seplace.executors.packing import measure_packing, numbers_to_try
    from seplace.training.devices import gpus_of

    gpus, cores, threads = gpus_of(config.run.accelerator), usable_cores(), config.run.threads
    numbers = numbers_to_try(cores=cores, threads=threads, gpus=gpus)
    if numbers == [1]:
        return _one(f"{threads} thread{'s' if threads > 1 else ''} a worker, and {cores} to use here")
    packing = measure_packing(maker, placement, numbers=numbers, devices=max(gpus, 1), on_progress=on_progress)
    return WorkerCount(number=packing.best, rates=packing.rates, held_bytes=packing.held_bytes, limit=packing.limit)


def _of_cluster(config: StudyConfig) -> WorkerCount:
    """Return as many as a Ray cluster has room for: what shares a GPU there is said by `gpus`, and not measured."""
    from seplace.executors.ray_cluster import room_of
    from seplace.training.devices import gpus_of

    gpus = 0 if config.run.accelerator == "cpu" else gpus_of("auto")
    room = min(max(room_of(config.run, devices=config.devices, cores=usable_cores(), gpus=gpus), 1), MAX_PARALLEL)
    return replace(_one("as many as the Ray cluster has room for"), number=room)


def _one(limit: str) -> WorkerCount:
    return WorkerCount(number=1, rates={}, held_bytes=0, limit=limit)
