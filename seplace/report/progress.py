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

    def show(news: RunProgress) -> None:
        if news.phase not in tasks:
            for task in tasks.values():
                bar.stop_task(task)
            tasks[news.phase] = bar.add_task(news.phase, total=news.total, count="", standing="")
        bar.update(tasks[news.phase], completed=news.done, total=news.total, count=count(news), standing=standing(news))

    with bar:
        yield show


def _progress_lines(console: Console) -> Callable[[RunProgress], None]:
    last: tuple[str, float] = ("", 0.0)

    def show(news: RunProgress) -> None:
        nonlocal last
        now = time.monotonic()
        if news.phase != last[0] or now - last[1] >= _LINE_SECONDS:
            last = (news.phase, now)
            console.print(f"{news.phase} {count(news)}, {standing(news)}", highlight=False)

    return show


def count(news: RunProgress) -> str:
    """Return `12/60`: trainings done, and all trainings of this phase."""
    return f"{int(news.done)}/{math.ceil(news.total)}"


def standing(news: RunProgress) -> str:
    """Return the size and hypervolume of the front, the best accuracy, and failures."""
    front = news.standing
    best = "" if front.best_accuracy is None else f", best {front.best_accuracy:.2f} %"
    failed = f", {news.failed} failed" if news.failed else ""
    return f"front {front.front_size}, hypervolume {front.hypervolume:.4f}{best}{failed}"
