"""What is shown while a study runs: a live view in a terminal, lines elsewhere, JSON for other programs."""

import io
import json
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from seplace.metric import ACCURACY, Metric
from seplace.placement import Placement
from seplace.report.console import OutsideConsole, is_live
from seplace.report.json_lines import JsonLines
from seplace.report.live import CalmLive, LiveView, bars, cut_name
from seplace.report.progress import ProgressLines, progress_bar
from seplace.report.progress_text import standing
from seplace.results.evaluation import Evaluation
from seplace.search.progress import Progress, Standing

DEEP = "-".join(["se16.parallel", "none"] * 8)


def trained(placement: str, **other: object) -> Evaluation:
    curve = tuple({"epoch": at, "value": 80.0, "cross_entropy": 0.5, "train_loss": 2.5 / at} for at in range(1, 9))
    values = {"placement": Placement.parse(placement), "seed": 1, "epochs": 8, "state": "complete", "value": 96.9}
    return Evaluation(**{**values, "curve": curve, "seconds": 12.4, **other})


def some_progress(*, best: float = 97.316, **changes: object) -> Progress:
    front = Standing(
        front_size=4, hypervolume=0.61234, best_value=best, best=Placement.parse("none-se8-none"), best_seeds=2
    )
    first = Progress(
        study="digits",
        metric=ACCURACY,
        phase="search",
        done=0,
        total=60,
        later=0,
        trained=7,
        failed=0,
        running=5,
        workers=2,
        news=(),
        standing=front,
    )
    return replace(first, **changes)


def seen(view: LiveView, *, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=24)
    console.print(view)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_live_view_fits_and_keeps_its_height(width: int) -> None:
    clock = [0.0]
    view = LiveView(now=lambda: clock[0])
    assert seen(view, width=width) == ["preparing …"]
    view.show(some_progress())
    heights = {len(seen(view, width=width))}
    clock[0] = 130.0
    news = (trained("none-eca-none"), trained(DEEP, state="failed", value=None, reason="diverged"))
    view.show(some_progress(done=31.0, failed=1, news=news))
    text = seen(view, width=width)
    heights.add(len(text))
    assert heights == {view.height} == {11}
    assert max(map(cell_len, text)) <= width
    if width >= 80:
        shown = "\n".join(text)
        for words in (
            "digits  search",
            "2:10",
            "31/60  about 2 min left",
            "97.32 %  none-se8-none (mean of 2 seeds)",
            "4 placements, hypervolume 0.6123 (observed; the end has estimates)",
            "7, 1 failed",
            "2 of 2 busy, 3 waiting",
            "96.90 %",
            "failed: diverged",
        ):
            assert words in shown, words
    assert view.end == "digits: 2 trainings in 2 min, 5 known before, 1 failed"


@pytest.mark.parametrize("width", [80, 120])
def test_the_time_left_is_that_of_the_run_or_said_to_be_of_the_phase(width: int) -> None:
    clock = [0.0]
    for later, said in (
        (0, "5/7  about 40 s left"),
        (21, "5/7  about 8 min left"),
        (None, "5/7  about 40 s left in this phase"),
    ):
        clock[0] = 0.0
        view = LiveView(now=lambda: clock[0])
        view.show(some_progress(phase="baselines", total=7, later=later))
        seen(view, width=width)
        clock[0] = 100.0
        view.show(some_progress(phase="baselines", done=5, total=7, later=later))
        bar = seen(view, width=width)[1]
        assert bar.endswith(f"  {said}")
        assert cell_len(bar) <= min(width, 100)


def test_the_best_of_the_space_is_called_so_where_baselines_outside_it_were_trained() -> None:
    view = LiveView(now=lambda: 0.0)
    progress = some_progress()
    progress = replace(progress, standing=replace(progress.standing, is_of_space=True))
    view.show(progress)
    assert "best     97.32 %  none-se8-none (in the space, mean of 2 seeds)" in seen(view, width=80)
    assert standing(progress).endswith(", best in the space 97.32 % of none-se8-none (2 seeds)")


def test_long_names_take_the_room_of_the_loss_and_show_both_ends() -> None:
    view = LiveView(now=lambda: 0.0)
    view.show(some_progress(news=(trained("none-eca-none"),)))
    assert "96.90 %  █▄▃▂▂▁▁▁ loss 0.312" in "\n".join(seen(view, width=80))
    alike = ("se4.parallel-eca.parallel-none", "se4.parallel-eca.parallel-eca.parallel")
    view.show(some_progress(news=tuple(map(trained, alike))))
    text = "\n".join(seen(view, width=80))
    assert all(f"{name} " in text for name in alike)
    assert "loss" not in text
    assert cut_name("se4.parallel-eca-none-cbam8.parallel", 29) == "se4.parallel-…-cbam8.parallel"
    assert cut_name("se4.parallel-eca-none-cbam8.parallel", 9) == "se4.para…"


def test_the_live_view_is_drawn_over_itself_and_the_terminal_restored() -> None:
    file = io.StringIO()
    console = Console(file=file, width=80, height=24, force_terminal=True, color_system=None)
    view = LiveView(now=lambda: 0.0)
    redrawn = ""

    def draw() -> None:
        nonlocal redrawn
        with CalmLive(view, console=console, refreshes=1) as live:
            view.show(some_progress())
            live.refresh()
            begin = len(file.getvalue())
            live.refresh()
            redrawn = file.getvalue()[begin:]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw()
    assert redrawn.startswith("\r\x1b[10A")
    assert "\x1b[2K" not in redrawn  # nothing is cleared, so nothing flickers
    assert file.getvalue().rindex("\x1b[?25h") > file.getvalue().rindex("\x1b[?25l")


@pytest.mark.parametrize(
    ("is_terminal", "term", "is_redrawn"), [(True, "xterm", True), (True, "dumb", False), (False, "xterm", False)]
)
def test_a_log_and_a_dumb_terminal_get_lines(monkeypatch, capsys, is_terminal, term, is_redrawn) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("FORCE_COLOR", "1")  # colors a log, and makes no terminal of it
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal)
    assert is_live(OutsideConsole(stderr=True)) == is_redrawn
    with progress_bar() as show:
        show(some_progress(done=3))
    errors = capsys.readouterr().err
    assert ("\x1b[?25l" in errors) == is_redrawn
    if not is_redrawn:
        assert errors == "search 3/60, front 4, hypervolume 0.6123, best 97.32 % of none-se8-none (2 seeds)\n"


def test_the_mean_of_a_minimized_metric_is_called_so() -> None:
    metric = Metric(name="val_loss", goal="minimize", label="loss", test_name="test_loss", digits=3)
    shown = some_progress(metric=metric)
    assert ", mean loss over costs 0.612 (lower is better), best" in standing(shown)
    nothing = replace(shown.standing, front_size=0, hypervolume=0.0, best_value=None, best=None)
    assert standing(replace(shown, standing=nothing)) == "front 0, mean loss over costs not known yet (lower is better)"


def test_lines_are_written_for_each_phase_and_say_why_the_best_falls() -> None:
    clock, written = [0.0], []
    lines = ProgressLines(written.append, now=lambda: clock[0])
    lines.show(some_progress(phase="baselines", done=7, total=7, best=98.0))
    for done in range(31):
        clock[0] += 2
        lines.show(some_progress(done=done))
    lines.show(some_progress(phase="test", done=0, total=3))
    lines.show(some_progress(phase="test", done=3, total=3))
    lines.end()
    assert [line.split(",")[0] for line in written] == [
        "baselines 7/7",
        "search 0/60",
        "search 15/60",
        "search 30/60",
        "test 0/3",
        "test 3/3",
    ]
    assert [" is lower than before: more seeds were trained" in line for line in written] == [False, True, *[False] * 4]
    hours = ProgressLines(written.append)
    hours.show(some_progress(done=0.25, total=1))
    assert written[-1].startswith("search 25 % of its time, ")


def test_progress_as_json_has_each_training_and_one_progress_a_second() -> None:
    clock, written = [0.0], []
    lines = JsonLines(written.append, now=lambda: clock[0])
    for done in range(10):
        clock[0] += 0.25
        lines.show(some_progress(done=done, news=(trained("none-eca-none", seed=done),)))
    events = [json.loads(line) for line in written]
    assert [each["seed"] for each in events if each["event"] == "training"] == list(range(10))
    told = [each for each in events if each["event"] == "progress"]
    assert [each["done"] for each in told] == [0, 4, 8]
    assert told[-1]["best"] == {"placement": "none-se8-none", "accuracy": 97.316, "seeds": 2}
    assert told[-1]["seconds_left"] == 13.0


def test_bars_fall_with_the_loss() -> None:
    assert bars([4.0, 3.0, 2.0, 1.0, 0.5]) == "█▆▄▂▁"
    assert bars([1.0]) == ""
    assert bars([2.0, 2.0]) == "▁▁"
    assert len(bars(list(range(100)))) == 12
