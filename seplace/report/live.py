"""The live view of a run: how far it is, the best and the front so far, and the last trainings."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderResult
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType
from rich.text import Text

from seplace.files.plain_text import printable
from seplace.report.fitted import folded
from seplace.report.numbers import duration
from seplace.report.pace import Clock, count
from seplace.report.progress_text import hypervolume_text
from seplace.results.verdict import counted

if TYPE_CHECKING:
    from seplace.metric import Metric
    from seplace.results.evaluation import Evaluation
    from seplace.search.progress import Progress

_LAST = 5
"""The trainings that are shown, the latest first."""
_WIDEST = 100
_LABEL = 9
_BARS = "▁▂▃▄▅▆▇█"
_MOST_BARS = 12
_VALUE = 8
"""The columns of a value; where its unit does not fit it is left out."""
_RIGHT = 26
"""The columns to the right of a placement, but for those of its loss."""
_LOSS = 19
_NO_LOSS = 7
"""The columns of the loss of a training, and those of a failure where the placements need its room."""


class CalmLive(Live):
    """Redraws a view over itself: rich would clear its lines before, which flickers in slow terminals."""

    def __init__(self, view: LiveView, *, console: Console, refreshes: int) -> None:
        super().__init__(view, console=console, refresh_per_second=refreshes, transient=True)
        self._view = view

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Return what is to be written: above the view what was printed, and the view."""
        height = self._view.height
        written = super().process_renderables(renderables)
        is_redrawn = height > 1 and all(isinstance(each, Control) for each in renderables)
        if not is_redrawn or len(written) == len(renderables):
            return written
        back = Control(ControlType.CARRIAGE_RETURN, (ControlType.CURSOR_UP, height - 1))
        return [back, *written[1:]]


class LiveView:
    """The view as it is redrawn: it keeps its height, and moves nothing that has not changed."""

    def __init__(self, *, now: Callable[[], float]) -> None:
        self._clock = Clock(now)
        self._progress: Progress | None = None
        self._last: deque[Evaluation] = deque(maxlen=_LAST)
        self._finished = 0
        self._room_of_loss = _LOSS
        self.height = 0
        """The lines that were drawn last."""

    def show(self, progress: Progress) -> None:
        """Take a progress; it is drawn with the next refresh."""
        self._progress = progress
        self._last.extendleft(progress.news)
        self._finished += len(progress.news)

    @property
    def end(self) -> str:
        """The line that remains of the view; empty before anything was seen."""
        if self._progress is None:
            return ""
        done = f"{counted(self._finished, 'training')} in {duration(self._clock.seconds)}"
        known = self._progress.trained - self._finished
        failed = f", {self._progress.failed} failed" if self._progress.failed else ""
        return f"{self._progress.study}: {done}{f', {known} known before' if known > 0 else ''}{failed}"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = min(options.max_width, _WIDEST)
        lines = list(self._lines(options.size.height, width))
        self.height = len(lines)
        for line in lines:  # filled to their width, so that they cover what stood there
            line.pad_right(max(width - line.cell_len, 0))
            yield line

    def _lines(self, height: int, width: int) -> Iterator[Text]:
        progress = self._progress
        if progress is None:
            yield Text("preparing …", style="dim")
            return
        elapsed = _clock_text(self._clock.seconds)
        yield _ends(Text.assemble((progress.study, "bold"), f"  {progress.phase}"), Text(elapsed, style="dim"), width)
        yield self._bar(progress, width)
        yield from self._standing(progress, width)
        rows = max(min(_LAST, height - 7), 1)
        if any(len(str(each.placement)) > _room(width, _LOSS) for each in self._last):
            self._room_of_loss = _NO_LOSS  # from here on, so that columns do not move back and forth
        for at in range(rows):
            label = "last" if at == 0 else ""
            yield (
                _training(label, self._last[at], progress.metric, width, self._room_of_loss)
                if at < len(self._last)
                else Text(label, style="dim")
            )

    def _bar(self, progress: Progress, width: int) -> Text:
        left = self._clock.left(progress)
        texts = [count(progress), left.text if left is not None and progress.done < progress.total else ""]
        right = "  ".join(filter(None, texts))
        room = max(width - max(len(right), 28) - 2, 10)
        full = int(room * progress.done / progress.total) if progress.total else 0
        line = Text.assemble(("━" * full, "green"), ("─" * (room - full), "dim"), "  ", right)
        line.truncate(width)
        return line

    def _standing(self, progress: Progress, width: int) -> Iterator[Text]:
        standing = progress.standing
        best, front = "", ""
        if standing is not None and standing.best_value is not None:
            seeds = f"{'mean of ' * (standing.best_seeds > 1)}{counted(standing.best_seeds, 'seed')}"
            where = "in the space, " * standing.is_of_space
            best = f"{progress.metric.text(standing.best_value)}  {standing.best} ({where}{seeds})"
            size = counted(standing.front_size, "placement")
            front = f"{size}, {hypervolume_text(progress.metric, standing)} (observed; the end has estimates)"
        busy = min(progress.running, progress.workers)
        waiting = progress.running - busy
        trained = f"{progress.trained:,}{f', {progress.failed} failed' if progress.failed else ''}"
        workers = f"{busy} of {progress.workers} busy{f', {waiting} waiting' if waiting else ''}"
        of_front = (("best", best), ("front", front)) if standing is not None else ()
        for label, text in (*of_front, ("trained", trained), ("workers", workers)):
            yield _line(label, text, width)


def _line(label: str, text: str, width: int) -> Text:
    """Return a line with its label; what does not fit is broken off between words."""
    room = max(width - _LABEL, 10)
    shown, *rest = folded(printable(text), room - 2) if len(text) > room else [text]
    return Text.assemble((f"{label:<{_LABEL}}", "dim"), shown, " …" if rest else "", no_wrap=True)


def _room(width: int, room_of_loss: int) -> int:
    return max(width - _LABEL - _RIGHT - room_of_loss, 10)


def _training(label: str, evaluation: Evaluation, metric: Metric, width: int, room_of_loss: int) -> Text:
    """Return the line of a training: placement, seed, the metric, how the training loss fell, and its time.

    The loss is left out where long names take its room.
    """
    room = _room(width, room_of_loss)
    name = cut_name(str(evaluation.placement), room)
    if evaluation.state == "failed":
        figures = f"failed: {evaluation.reason}"
    else:
        value = 0.0 if evaluation.value is None else evaluation.value
        shown = metric.text(value)
        shown = shown if len(shown) <= _VALUE else metric.number(value)
        figures = f"{shown:>{_VALUE}}  {_loss(evaluation) if room_of_loss == _LOSS else ''}"
    return Text.assemble(
        (f"{label:<{_LABEL}}", "dim"),
        f"{name:<{room}}",
        (f" {f'seed {evaluation.seed}':<7} ", "dim"),
        (f"{figures:<{room_of_loss + 10}}", "red" if evaluation.state == "failed" else ""),
        f"{duration(evaluation.seconds):>6}",
        no_wrap=True,
    )


def cut_name(name: str, width: int) -> str:
    """Return the text of a placement, or its first and last stages around a … where it is longer than `width`."""
    if len(name) <= width:
        return name
    first, *stages = name.split("-")
    last: list[str] = []
    while stages and len("-".join([first, "…", stages[-1], *last])) <= width:
        last.insert(0, stages.pop())
    shown = "-".join([first, "…", *last])
    return shown if len(shown) <= width else f"{name[: width - 1]}…"


def _loss(evaluation: Evaluation) -> str:
    """Return the training loss in the end, and before it its course as bars."""
    known = [point.get("train_loss") for point in evaluation.curve]
    losses = [loss for loss in known if loss is not None and math.isfinite(loss)]
    if not losses:
        return ""
    return f"{bars(losses)} loss {losses[-1]:.3g}".strip()


def bars(values: list[float]) -> str:
    """Return values as bars from the least to the largest, at most a dozen of them; empty for one value."""
    if len(values) < 2:
        return ""
    shown = [values[round(at)] for at in _places(len(values), min(len(values), _MOST_BARS))]
    low, high = min(shown), max(shown)
    if low == high:
        return _BARS[0] * len(shown)
    return "".join(_BARS[round((len(_BARS) - 1) * (value - low) / (high - low))] for value in shown)


def _places(length: int, count: int) -> list[float]:
    return [at * (length - 1) / (count - 1) for at in range(count)]


def _clock_text(seconds: float) -> str:
    """Return `2:05`, or `1:02:05`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _ends(left: Text, right: Text, width: int) -> Text:
    """Return a line with a text at each of its ends."""
    room = max(width - len(right) - 2, 1)
    left.truncate(room)
    return Text.assemble(left, " " * (width - len(left) - len(right)), right, no_wrap=True)
