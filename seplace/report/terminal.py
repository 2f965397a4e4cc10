"""What a terminal shows: progress while a study runs, and tables."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.table import Table

from seplace.files.plain_text import printable
from seplace.interval import Interval

if TYPE_CHECKING:
    import pandas as pd

    from seplace.search.plan import Plan
    from seplace.search.progress import Progress as RunProgress


_LINE_SECONDS = 30.0

_LEGEND = (
    "placement: one choice per stage, each a module, its reduction ratio and its .attachment; none: no attention\n"
    "accuracy and gain: posterior mean [90 % credible interval]"
)


class OutsideConsole(Console):
    """A console that shows text from outside without obeying it."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render something; what is no control of rich's own is made printable."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))


_CLASSES_SHOWN = 8


@contextmanager
def progress_bar() -> Iterator[Callable[[RunProgress], None]]:
    """Show the phase, trainings, time left, and the front so far; yields what to call with each news.

    Where no one watches (a pipe, a log) a line is written for each phase and every half minute instead of a bar.
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
    """Return `12/60`: trainings done and to do in this phase."""
    return f"{int(news.done)}/{math.ceil(news.total)}"


def standing(news: RunProgress) -> str:
    """Return the size and hypervolume of the front, the best accuracy, and failures."""
    front = news.standing
    best = "" if front.best_accuracy is None else f", best {front.best_accuracy:.2f} %"
    failed = f", {news.failed} failed" if news.failed else ""
    return f"front {front.front_size}, hypervolume {front.hypervolume:.4f}{best}{failed}"


def tell_images(images: Mapping[str, Any]) -> None:
    """Show on the error stream what the data of a run are."""
    console = OutsideConsole(stderr=True, highlight=False)
    for line in image_lines(images):
        console.print(line, markup=False, soft_wrap=True)


def image_lines(images: Mapping[str, Any]) -> list[str]:
    """Return what is known of the data of a study, a line each: classes, splits, what is used as what, notes.

    Nothing may be known of an evaluator that trains nothing, or is a user's own. What cannot be printed is escaped, as
    the names may be a stranger's.
    """
    if "not_found" in images:
        return [f"  data: not looked at, {images['not_found']} is not there"]
    uses = images.get("uses")
    if not uses:
        return []
    classes = images["classes"]
    shown = ", ".join(classes[:_CLASSES_SHOWN]) + (", …" if len(classes) > _CLASSES_SHOWN else "")
    lines = [f"{len(classes):,} classes: {shown}"]
    for split in ("train", "validation", "test"):
        use = uses.get(split)
        if use is None:
            lines.append(f"  {split}: none; the study ends without test figures")
            continue
        each = f"{use['fewest']:,}" if use["fewest"] == use["most"] else f"{use['fewest']:,} to {use['most']:,}"
        lines.append(f"  {split}: {use['images']:,} images, {each} a class{_origin(use)}{_sizes(use)}")
        if use.get("left_out"):
            lines.append(f"    {use['left_out']:,} more are left out: they cannot be used")
    lines += [f"  note: {note}" for note in images.get("notes", ())]
    return ["".join(each if each.isprintable() else repr(each)[1:-1] for each in line) for line in lines]


def _origin(use: Mapping[str, Any]) -> str:
    if use["is_held_out"]:
        return f", held out of {use['place'] or 'the training split'}"
    return f", from {use['place']}" if use["place"] else ""


def _sizes(use: Mapping[str, Any]) -> str:
    if "smallest" not in use:
        return ""
    smallest, largest = ("x".join(map(str, use[name])) for name in ("smallest", "largest"))
    return f", {smallest} pixels" if smallest == largest else f", {smallest} to {largest} pixels"


def front_table(front: pd.DataFrame, *, cost: str, title: str, has_test: bool = True) -> Table:
    """Return the front, and below a line the baselines that are not on it, for a terminal.

    Front points have a dot. P(non-dominated) is the probability that no other candidate dominates a placement.
    """
    table = Table(
        title=title,
        title_justify="left",
        header_style="bold",
        caption=f"{_LEGEND}; gain vs baseline: over the best baseline that costs no more",
        caption_justify="left",
    )
    table.add_column("placement", no_wrap=True)
    table.add_column("baseline", no_wrap=True)
    table.add_column("front", justify="center", no_wrap=True)
    headings = ("P(non-\ndominated)", "seeds", "accuracy %", "gain vs plain", "gain vs baseline", cost, f"extra {cost}")
    for heading in (*headings, *(["test %"] if has_test else [])):
        table.add_column(heading, justify="right", no_wrap=True)
    for at, row in enumerate(front.to_dict("records")):
        is_last_point = row["on_front"] and at + 1 < len(front) and not front["on_front"].iloc[at + 1]
        is_plain = row["baseline"] == "plain"
        table.add_row(
            row["placement"],
            row["baseline"],
            "●" if row["on_front"] else "",
            f"{100 * row['p_front']:.0f} %",
            str(row["n"]),
            f"{Interval.of_row(row, 'accuracy'):.2f}",
            "" if is_plain else f"{Interval.of_row(row, 'gain'):+.2f}",
            "" if is_plain else f"{Interval.of_row(row, 'gain_vs_baseline'):+.2f}",
            quantity(row[cost]),
            quantity(row[f"extra_{cost}"], signed=True),
            *([plus_minus(row["test_accuracy"], row["test_accuracy_se"])] if has_test else []),
            style="bold" if row["on_front"] else "",
            end_section=is_last_point,
        )
    return table


def recommended_table(recommended: pd.DataFrame, *, cost: str, title: str) -> Table:
    """Return the recommended placements for a terminal; those that were trained are bold."""
    table = Table(title=title, title_justify="left", header_style="bold", caption=_LEGEND, caption_justify="left")
    table.add_column("placement", no_wrap=True)
    for heading in ("seeds", "accuracy %", "gain vs plain", cost, f"extra {cost}"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in recommended.to_dict("records"):
        table.add_row(
            row["placement"],
            str(row["n"]),
            f"{Interval.of_row(row, 'accuracy'):.2f}",
            f"{Interval.of_row(row, 'gain'):+.2f}",
            quantity(row[cost]),
            quantity(row.get(f"extra_{cost}", math.nan), signed=True),
            style="bold" if row["n"] else "",
        )
    return table


def effects_table(effects: pd.DataFrame, *, kind: str, title: str) -> Table:
    """Return the effects of one kind for a terminal; those whose sign is known with 95 % probability are bold."""
    table = Table(title=title, title_justify="left", header_style="bold")
    table.add_column("stage", no_wrap=True)
    table.add_column(kind, no_wrap=True)
    for heading in ("effect in points", "P(effect > 0)", "trainings", "extra flops", "extra params", "extra ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in effects[effects["kind"] == kind].to_dict("records"):
        is_sure = max(row["p_positive"], 1 - row["p_positive"]) >= 0.95
        table.add_row(
            str(row["stage"] or "all"),
            row["name"],
            f"{Interval.of_row(row, 'effect'):+.2f}",
            f"{100 * row['p_positive']:.0f} %",
            f"{row['trainings']:.0f}",
            quantity(row.get("extra_flops", math.nan), signed=True),
            quantity(row.get("extra_params", math.nan), signed=True),
            "" if math.isnan(row["extra_latency_ms"]) else f"{row['extra_latency_ms']:+.3f}",
            style="bold" if is_sure else "",
        )
    return table


def proxies_table(proxies: pd.DataFrame, *, title: str) -> Table:
    """Return what the score of each proxy of a study is worth, for a terminal."""
    rows = [
        [
            row["proxy"],
            f"{Interval.of_row(row, 'effect'):+.2f}",
            "" if math.isnan(row["p_positive"]) else f"{100 * row['p_positive']:.0f} %",
            "" if math.isnan(row["fit"]) else f"{row['fit']:.2f}",
            str(row["scored"]),
            f"{row['seconds'] + row['shared_seconds']:.1f}",
            row["verdict"],
        ]
        for row in proxies.to_dict("records")
    ]
    headings = ["proxy", "points per sd", "P(effect > 0)", "R² by choices", "scored", "seconds", "verdict"]
    return plain_table(headings, rows, title=title)


def noise_table(noise: pd.DataFrame, *, title: str) -> Table:
    """Return a noise report: one row a quantity, accuracy and cross-entropy side by side."""
    size = f"{noise['placements'].iloc[0]} placements x {noise['seeds'].iloc[0]} seeds, 90 % intervals"
    table = Table(title=f"{title}: {size}", title_justify="left", header_style="bold")
    table.add_column("quantity", no_wrap=True)
    table.add_column("accuracy in points", justify="right", no_wrap=True)
    table.add_column("cross-entropy in 0.01 nats", justify="right", no_wrap=True)
    for quantity_name, rows in noise.groupby("quantity", sort=False):
        cells = {row["score"]: row for row in rows.to_dict("records")}
        if "both" in cells:
            table.add_row(str(quantity_name), f"{cells['both']['value']:.2f}", "")
            continue
        shown = [f"{Interval.of_row(cells[score], 'value'):.2f}" for score in ("accuracy", "cross_entropy")]
        table.add_row(str(quantity_name), *shown)
    return table


def simulation_table(summary: pd.DataFrame) -> Table:
    """Return true hypervolumes, one row a sampler and recommendation in a problem, one column a checkpoint."""
    table = Table(header_style="bold", title_justify="left", title="true hypervolume ÷ best, mean [95 % interval]")
    checkpoints = sorted(summary["trainings"].unique())
    for heading in ("problem", "recommendation", "sampler"):
        table.add_column(heading, no_wrap=True)
    for heading in (*(f"{each} trainings" for each in checkpoints), "n"):
        table.add_column(heading, justify="right", no_wrap=True)
    for (problem, recommendation, sampler), rows in summary.groupby(
        ["problem", "recommendation", "sampler"], sort=False
    ):
        by_checkpoint = {row["trainings"]: row for row in rows.to_dict("records")}
        cells = [
            "" if row is None else f"{Interval.of_row(row, 'hypervolume'):.3f}"
            for row in (by_checkpoint.get(each) for each in checkpoints)
        ]
        table.add_row(str(problem), str(recommendation), str(sampler), *cells, str(rows["repetitions"].min()))
    return table


def calibration_table(calibrations: pd.DataFrame) -> Table:
    """Return the estimates of the trained front against the truth, averaged over searches, by problem and sampler."""
    headings = (
        "problem",
        "sampler",
        "placements",
        "trainings",
        "regret",
        "expected regret",
        "covered",
        "gains covered",
        "bias",
        "gain bias",
        "observed gain bias",
        "any claim",
        "a wrong claim",
    )
    table = Table(
        header_style="bold",
        title_justify="left",
        title="estimates of the trained front against the truth, at the end of the searches",
    )
    for at, heading in enumerate((*headings, "n")):
        table.add_column(heading, justify="left" if at < 2 else "right", no_wrap=True)
    for (problem, sampler), rows in calibrations.groupby(["problem", "sampler"], sort=False):
        candidates = rows["front_points"].sum()
        table.add_row(
            str(problem),
            str(sampler),
            f"{rows['different'].mean():.0f}",
            f"{rows['trained'].mean():.0f}",
            f"{100 * rows['regret'].mean():.1f} %",
            f"{100 * rows['expected_regret'].mean():.1f} %",
            f"{100 * rows['covered'].sum() / candidates:.0f} %",
            f"{100 * rows['gains_covered'].sum() / max(candidates - len(rows), 1):.0f} %",
            f"{rows['bias'].mean():+.3f}",
            f"{rows['gain_bias'].mean():+.3f}",
            f"{rows['observed_gain_bias'].mean():+.3f}",
            f"{100 * (rows['claimed'] > 0).mean():.0f} %",
            f"{100 * (rows['wrongly_claimed'] > 0).mean():.0f} %",
            str(len(rows)),
        )
    return table


def rungs_table(rungs: pd.DataFrame) -> Table:
    """Return what became of the rungs at the end of the repetitions, by problem, sampler and rung."""
    rows = []
    for (problem, sampler, epochs), some in rungs.groupby(["problem", "sampler", "epochs"], sort=False):
        tau = f"{some['tau'].mean():.2f} ± {some['tau'].std():.2f}"
        share, stopped = f"{100 * some['on'].mean():.0f} %", f"{some['stopped'].mean():.1f}"
        rows.append([f"{problem} {sampler}, {epochs} epochs", share, tau, f"{some['pairs'].mean():.0f}", stopped])
    headings = ["rung", "on at the end", "tau ± sd", "pairs", "trainings stopped"]
    return plain_table(headings, rows, title="rungs, over the repetitions")


def plain_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, title: str | None = None) -> Table:
    """Return a table whose first column is text and whose others are numbers."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for at, heading in enumerate(headings):
        table.add_column(heading, justify="left" if at == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def limit_lines(plan: Plan) -> list[str]:
    """Return how many placements keep the limits of a study, and what these cost."""
    limits = plan.config.objective.limits
    if not limits:
        return []
    wanted = ", ".join(f"{name} at most {quantity(limit)}" for name, limit in limits.items())
    if plan.kept is None:
        return [f"limits ({wanted}): known once the costs are counted, or measured"]
    count = plan.kept.share * len(plan.config.search_space)
    if plan.kept.is_exact:
        kept = f"{round(count):,} of {len(plan.config.search_space):,} placements keep the limits"
    elif plan.kept.spans:
        kept = (
            f"about {100 * plan.kept.share:.2g} % of the placements ({count:.2g}) keep the limits, by a random sample"
        )
    else:
        kept = "less than 0.1 % of the placements keep the limits: none of a random sample does"
    spans = ", ".join(f"{name} {quantity(low)} to {quantity(high)}" for name, (low, high) in plan.kept.spans.items())
    lines = [f"{kept} ({wanted})" + (f": {spans}" if spans else "")]
    left_out = [name for name in plan.config.search_space.baselines if name not in plan.baselines]
    if left_out:
        lines.append(f"not trained, since they are over a limit: {', '.join(left_out)}")
    return lines


def plus_minus(value: float, error: float, *, signed: bool = False) -> str:
    """Return `81.00 ± 0.25`; without an error where there is none, empty where there is no value."""
    if math.isnan(value):
        return ""
    text = f"{value:+.2f}" if signed else f"{value:.2f}"
    return text if math.isnan(error) else f"{text} ± {error:.2f}"


def quantity(value: float, *, signed: bool = False) -> str:
    """Return a count with a prefix and four digits (`3.894G`, `+512`), or a small number as it is."""
    if isinstance(value, float) and math.isnan(value):
        return ""
    sign = "+" if signed else ""
    for scale, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 10 * scale or (abs(value) >= scale and scale > 1e3):
            return f"{value / scale:{sign}.4g}{prefix}"
    return f"{value:{sign},.0f}" if float(value).is_integer() else f"{value:{sign}.3g}"


def duration(seconds: float) -> str:
    """Return `0.31 s`, `45 s`, `12 min` or `3.5 h`."""
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
