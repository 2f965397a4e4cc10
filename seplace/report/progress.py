"""The progress of a run: a bar in a terminal, lines elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from seplace.report.console import OutsideConsole

if TYPE_CHECKING:
    from seplace.search.progress import Progress as RunProgress

_LINE_SECONDS = 30.0


@contextmanager
def progress_bar() -> Iterator[Callable[[RunProgress], None]]:
    """Show the phase, trainings, time left and the front so far; yields the function to call with each progress.

    Outside a terminal (a pipe, a log) a line is written for each phase and every half minute instead of a bar.
    """
    console = OutsideConsole(stderr=True)
    if not console.is_terminal:
        yield _progress_lines(console)
        return
    bar = Progress(
        TextColumn("{task.description:<10}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[standing]}"),
        console=console,
        refresh_per_second=2,
    )
    tasks: dict[str, Any] = {}

    def show(progress: RunProgress) -> None:
        if progress.phase not in tasks:
            for task in tasks.values():
                bar.stop_task(task)
            tasks[progress.phase] = bar.add_task(progress.phase, total=progress.total, count="", standing="")
        bar.update(
            tasks[progress.phase],
            completed=progress.done,
            total=progress.total,
            count=count(progress),
            standing=standing(progress),
        )

    with bar:
        yield show


def _progress_lines(console: Console) -> Callable[[RunProgress], None]:
    last: tuple[str, float] = ("", 0.0)

    def show(progress: RunProgress) -> None:
        nonlocal last
        now = time.monotonic()
        if progress.phase != last[0] or now - last[1] >= _LINE_SECONDS:
            last = (progress.phase, now)
            console.print(f"{progress.phase} {count(progress)}, {standing(progress)}", highlight=False)

    return show


def count(progress: RunProgress) -> str:
    """Return `12/60`: trainings done, and all trainings of this phase."""
    return f"{int(progress.done)}/{math.ceil(progress.total)}"


def standing(progress: RunProgress) -> str:
    """Return the size and hypervolume of the front, the best accuracy, and failures."""
    front = progress.standing
    if front is None:
        return f"{progress.trained:,} known"
    best = "" if front.best_accuracy is None else f", best {front.best_accuracy:.2f} %"
    failed = f", {progress.failed} failed" if progress.failed else ""
    return f"front {front.front_size}, hypervolume {front.hypervolume:.4f}{best}{failed}"
