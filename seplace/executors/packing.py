"""How many trainings pay at once on this machine: a short measurement in worker processes.

1, 2, 4, … workers train the same placement side by side for a few seconds. The number with the most steps a second in
all is taken, or a smaller one within 5 % of it. More are not tried once that adds nothing, or the memory for them is
not there, or a minute has passed.
"""

from __future__ import annotations

import math
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from seplace.errors import SeplaceError, TrainingFailed, UserCodeError
from seplace.evaluators.stepping import Window
from seplace.executors.worker import DONE, READY, Stepping, begin

if TYPE_CHECKING:
    from seplace.executors.executor import EvaluatorMaker
    from seplace.placement import Placement

SECONDS = 60.0
"""The time after which no further number is tried."""

WINDOW_SECONDS = 2.0
_WINDOWS = 2
"""The windows of each number; the faster one counts, since what else runs on a machine only slows a training down."""

_WORTH = 0.05
"""The share by which more workers must train faster to be taken."""

_MOST_ON_A_GPU = 16
_SPARE = 0.1
"""The share of the free memory that is left alone."""

_POLL_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class Packing:
    """What was measured of each number of workers."""

    rates: dict[int, float] = field(default_factory=dict)
    """Training steps a second of all workers together, by their number."""
    held_bytes: int = 0
    """The most memory that one worker has held."""
    limit: str = ""
    """Why more workers were not tried."""

    @property
    def best(self) -> int:
        """The smallest number within 5 % of the fastest; 1 where nothing was measured."""
        most = max(self.rates.values(), default=0.0)
        return min((number for number, rate in self.rates.items() if rate >= (1 - _WORTH) * most), default=1)


def numbers_to_try(*, cores: int, threads: int, gpus: int) -> list[int]:
    """Return the numbers of workers that are worth a trial: powers of two, and all that there is room for.

    On a CPU each worker has its cores. On GPUs there are up to 16 to each, with a core for each worker.
    """
    most = min(_MOST_ON_A_GPU * gpus, max(cores, gpus)) if gpus else max(cores // threads, 1)
    number, numbers = max(gpus, 1), []
    while number < most:
        numbers.append(number)
        number *= 2
    return [*numbers, most]


def measure_packing(
    maker: EvaluatorMaker,
    placement: Placement,
    *,
    numbers: Iterable[int],
    devices: int = 1,
    on_progress: Callable[[], None],
    seconds: float = SECONDS,
    window_seconds: float = WINDOW_SECONDS,
) -> Packing:
    """Measure numbers of workers, rising, on a placement; `on_progress` is called several times a second.

    The workers take `devices` GPUs in turn; on a CPU it is 1.

    Raises an error of seplace that is the same for every training, such as bad data.
    """
    crew = Crew(maker, placement, until=time.monotonic() + seconds, on_progress=on_progress)
    rates: dict[int, float] = {}
    held, limit = 0, ""
    try:
        for number in numbers:
            more = number - len(crew.steppers)
            if rates and not crew.has_room(math.ceil(more / devices)):
                limit = f"the memory of {number} is not there"
                break
            crew.add(more)
            rounds = [crew.window(window_seconds) for _ in range(_WINDOWS)]
            best = max(rates.values(), default=0.0)
            rates[number] = max(sum(each.steps / each.seconds for each in windows) for windows in rounds)
            held = max(held, *(each.held_bytes for each in rounds[-1]))
            if rates[number] < (1 + _WORTH) * best:
                break
    except CannotMeasure as reason:
        limit = str(reason)
    finally:
        crew.close()
    return Packing(rates=rates, held_bytes=held, limit=limit)


class CannotMeasure(Exception):
    """The number that is being tried cannot be measured; the argument says why."""


@dataclass
class Stepper:
    """A worker process, and the connection to it."""

    process: subprocess.Popen[bytes]
    connection: Connection


class Crew:
    """Worker processes that train the same placement in the same windows of time."""

    def __init__(
        self, maker: EvaluatorMaker, placement: Placement, *, until: float, on_progress: Callable[[], None]
    ) -> None:
        self.maker = maker
        self.placement = placement
        self.until = until
        self.on_progress = on_progress
        self.steppers: list[Stepper] = []
        self._last: list[Window] = []

    def has_room(self, more: int) -> bool:
        """Return whether a device has memory for further workers, each with as much as those that run."""
        free = [each.free_bytes for each in self._last if each.free_bytes is not None]
        return not free or more * max(each.held_bytes for each in self._last) <= (1 - _SPARE) * min(free)

    def add(self, more: int) -> None:
        """Start workers, and wait until all are ready for a window."""
        threads, before = self.maker.config.run.threads, len(self.steppers)
        for number in range(before, before + more):
            process, connection = begin(self.maker, number=number, threads=threads, workers=before + more)
            self.steppers.append(Stepper(process=process, connection=connection))
            with suppress(OSError):  # a process that has died is noticed below
                connection.send(Stepping(self.placement))
        self._answers(self.steppers[before:], is_ready=True)

    def window(self, seconds: float) -> list[Window]:
        """Let all workers train at the same time, and return what each has done."""
        for stepper in self.steppers:
            with suppress(OSError):
                stepper.connection.send(seconds)
        self._last = [answer for answer in self._answers(self.steppers) if isinstance(answer, Window)]
        self._answers(self.steppers, is_ready=True)
        return self._last

    def close(self) -> None:
        """End all workers."""
        for stepper in self.steppers:
            stepper.process.kill()
        for stepper in self.steppers:
            stepper.process.wait()
            stepper.connection.close()

    def _answers(self, steppers: list[Stepper], *, is_ready: bool = False) -> list[Any]:
        """Wait for one answer of each worker; raises CannotMeasure where one cannot train, or time has run out."""
        waiting, answers = list(steppers), []
        while waiting:
            self.on_progress()
            if time.monotonic() > self.until:
                raise CannotMeasure(f"{len(self.steppers)} took too long to measure")
            for connection in wait([each.connection for each in waiting], timeout=_POLL_SECONDS):
                stepper = next(each for each in waiting if each.connection is connection)
                answers.append(self._answer(stepper, is_ready=is_ready))
                waiting.remove(stepper)
        return answers

    def _answer(self, stepper: Stepper, *, is_ready: bool) -> Any:
        try:
            answer = stepper.connection.recv()
        except (EOFError, OSError) as error:
            raise CannotMeasure(f"with {len(self.steppers)} a worker process died") from error
        if isinstance(answer, TrainingFailed | UserCodeError):
            raise CannotMeasure(f"with {len(self.steppers)} a training failed: {answer}")
        if isinstance(answer, SeplaceError):
            raise answer
        if answer == DONE:
            raise CannotMeasure("the evaluator cannot be measured")
        if isinstance(answer, str) and answer != READY:
            raise CannotMeasure(f"with {len(self.steppers)} a worker failed: {answer.strip().splitlines()[-1]}")
        assert (answer == READY) == is_ready
        return answer
