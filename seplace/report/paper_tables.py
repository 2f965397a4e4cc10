"""The front as a table for a paper: LaTeX with booktabs, or Markdown; its caption explains every column."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seplace.errors import InputError, UnknownName
from seplace.files.plain_text import printable
from seplace.interval import LEVEL, Interval
from seplace.report.numbers import quantity
from seplace.report.study_views import StudyViews, backbones_of, better_of

if TYPE_CHECKING:
    import pandas as pd

    from seplace.metric import Metric

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "±": r"$\pm$",
    "†": r"$^{\dagger}$",
    "\N{MINUS SIGN}": "$-$",
}
_POWER = r"(?:e[-+]\d+)?"
_MARKDOWN = re.compile(r"([\\`*_{}#|<>~$]|\](?=\())")
_MOST = 34
"""The longest placement on one line of a LaTeX table."""
_CHARACTER, _PAGE = 4.2, 495.0
"""The width of a character and of a page in points."""
_BETTER = "†"


@dataclass(frozen=True, kw_only=True)
class PaperTable:
    """A table before it is written: plain texts, without markup."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    """The first cell of each is a placement."""
    first_beside: int
    """The position of the first row below the line; the number of rows without such a line."""
    caption: str
    label: str


def front_as(study: StudyViews, form: str) -> str:
    """Return the front of a study as text: `latex` or `markdown`; raises UnknownName for another form."""
    if form not in _FORMS:
        raise UnknownName("form", form, _FORMS)
    front = study.front
    if front.empty:
        raise InputError("no training is complete yet, so there is no front")
    table = paper_table(
        front,
        study.metric,
        name=study.config.name,
        cost=study.cost,
        unit=study.unit,
        backbone=backbones_of(study),
        measured=study.measured,
        better=better_of(study),
        has_test_images=study.has_test_images,
    )
    return _FORMS[form](table)


def paper_table(
    front: pd.DataFrame,
    metric: Metric,
    *,
    name: str,
    cost: str,
    unit: str,
    backbone: str,
    measured: str,
    better: Collection[str] | None,
    has_test_images: bool,
) -> PaperTable:
    """Return the front points, cheapest first, and below a line the baselines that are not on the front.

    `better` are the placements that the verdict calls better than the plain backbone, None where that is not known.
    Columns without any known value are left out.
    """
    rows = front.to_dict("records")
    has_test = bool(rows) and bool(front["test_gain"].notna().any())
    has_rival = bool(rows) and bool((front["gain_vs_baseline"].notna() & (front["best_baseline"] != "plain")).any())
    columns: list[tuple[str, list[str]]] = [
        ("Placement", [str(row["placement"]) for row in rows]),
        ("Baseline", [str(row["baseline"]) for row in rows]),
        ("n", [str(row["n"]) for row in rows]),
        (metric.in_parentheses, [metric.interval(Interval.of_row(row, metric.column)) for row in rows]),
        ("Gain", [_gain(row, "gain", metric, better) for row in rows]),
    ]
    if has_rival:
        columns.append(("Gain vs. baseline", [_gain(row, "gain_vs_baseline", metric, None) for row in rows]))
    columns.append((f"Extra {unit}", [quantity(row[f"extra_{cost}"], signed=True) for row in rows]))
    if has_test:
        columns.append(("Test gain", ["" if _is_plain(row) else _test_gain(row, metric) for row in rows]))
    if not any(row["baseline"] for row in rows):
        del columns[1]
    level = f"{100 * LEVEL:.0f} %"
    said = [
        f"{name}: attention placements on {backbone}. Above the line: the front of {metric.label} against {unit}, "
        "cheapest first; below it: baselines that are not on the front.",
        "A placement is one choice a stage: a module, its reduction ratio and its .attachment; none: no attention. "
        "n: training seeds.",
        f"{measured[:1].upper()}{measured[1:]}, and the gain{metric.in_gain_unit} over the plain backbone"
        + (", and over the best baseline that costs no more" if has_rival else "")
        + f": posterior means with {level} credible intervals."
        + ("" if metric.is_maximized else f" A lower {metric.label} is better: a gain is positive where it is lower."),
    ]
    if rows:
        base = rows[0][cost] - rows[0][f"extra_{cost}"]
        said.append(f"Extra {unit}: over the plain backbone, which has {quantity(base)}.")
    if better and any(row["placement"] in better for row in rows):
        said.append(f"{_BETTER}: better than the plain backbone at 95 % for all compared placements together.")
    if has_test:
        said.append(
            "Test gain: mean over tested seeds ± standard error over "
            f"seeds{f' and new {metric.samples}' * has_test_images}; the test split was read once."
        )
    return PaperTable(
        headings=[heading for heading, _ in columns],
        rows=[list(cells) for cells in zip(*(cells for _, cells in columns), strict=True)],
        first_beside=sum(bool(row["on_front"]) for row in rows),
        caption=" ".join(said),
        label=re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") or "front",
    )


def to_latex(table: PaperTable) -> str:
    r"""Return a table as LaTeX: it needs \usepackage{booktabs}, and graphicx where it is scaled to the page."""
    kinds = "".join("l" if heading in ("Placement", "Baseline") else "r" for heading in table.headings)
    widest = [
        max([len(heading), *map(len, cells)]) for heading, cells in zip(table.headings, _columns(table), strict=True)
    ]
    is_scaled = sum(widest) * _CHARACTER + 8 * len(widest) > _PAGE
    lines = [
        f"% needs \\usepackage{{booktabs{',graphicx' * is_scaled}}}",
        "\\begin{table*}[t]",
        "  \\centering",
        "  \\small",
        "  \\setlength{\\tabcolsep}{4pt}",
        f"  \\caption{{{_latex(table.caption)}}}",
        f"  \\label{{tab:{table.label}}}",
        *(["  \\resizebox{\\textwidth}{!}{%"] if is_scaled else []),
        f"  \\begin{{tabular}}{{@{{}}{kinds}@{{}}}}",
        "    \\toprule",
        f"    {' & '.join(map(_latex, table.headings))} \\\\",
        "    \\midrule",
    ]
    for at, (placement, *cells) in enumerate(table.rows):
        if at == table.first_beside and at:
            lines.append("    \\midrule")
        lines.append(f"    {' & '.join([_placement(placement), *map(_cell, cells)])} \\\\")
    lines += ["    \\bottomrule", f"  \\end{{tabular}}{'}' * is_scaled}", "\\end{table*}"]
    return "\n".join(lines) + "\n"


def to_markdown(table: PaperTable) -> str:
    """Return a table as Markdown, with its caption below; a space of its own says where the baselines begin."""
    kinds = [":---" if heading in ("Placement", "Baseline") else "---:" for heading in table.headings]
    lines = [_row(map(_markdown, table.headings)), _row(kinds)]
    for at, (placement, *cells) in enumerate(table.rows):
        if at == table.first_beside and at:
            lines.append(_row(["*not on the front:*", *[""] * len(cells)]))
        # A bar would end the cell even in code.
        code = f"`{printable(placement).replace('|', '¦').replace('`', chr(39))}`"
        lines.append(_row([code, *map(_markdown, cells)]))
    return "\n".join([*lines, "", _markdown(table.caption.replace("Above the line", "First")), ""])


def _columns(table: PaperTable) -> list[list[str]]:
    """Return the cells of each column as long as they are on a line."""
    return [[cell[:_MOST] for cell in cells] for cells in zip(*table.rows, strict=True)]


def _is_plain(row: Any) -> bool:
    return bool(row["baseline"] == "plain")


def _gain(row: Any, column: str, metric: Metric, better: Collection[str] | None) -> str:
    if _is_plain(row):
        return ""
    mark = _BETTER if better is not None and row["placement"] in better else ""
    return f"{metric.interval(Interval.of_row(row, column), signed=True)}{mark}"


def _test_gain(row: Any, metric: Metric) -> str:
    return metric.plus_minus(row["test_gain"], row["test_gain_se"], signed=True)


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in " ".join(printable(text).split()))


def _placement(text: str) -> str:
    """Return a placement in the font of code; a long one in lines."""
    written = _latex(text)
    if len(text) <= _MOST:
        return f"\\texttt{{{written}}}"
    broken = re.sub(r"([-@.])", r"\1\\allowbreak{}", written)
    return f"\\parbox[t]{{0.27\\linewidth}}{{\\raggedright\\ttfamily {broken}}}"


def _cell(text: str) -> str:
    """Return a cell with its numbers in mathematics, for true minus signs, and its interval in a smaller size."""
    if " ± " in text:
        value, error = text.split(" ± ")
        return f"${_powers(value)} \\pm {_powers(error)}$"
    found = re.fullmatch(
        rf"(?P<value>[-+]?[\d.,]+{_POWER})"
        rf"(?: \[(?P<low>[-+]?[\d.]+{_POWER}), (?P<high>[-+]?[\d.]+{_POWER})\])?(?P<mark>†?)",
        text,
    )
    if found is None:
        return re.sub(r"^([-+][\d.,]+)", r"$\1$", _latex(text))
    value = f"${_powers(found['value'])}$".replace(",", "{,}")
    if found["low"] is not None:
        value += f" {{\\scriptsize [${_powers(found['low'])}$, ${_powers(found['high'])}$]}}"
    return value + _latex(found["mark"])


def _powers(number: str) -> str:
    """Return a number of mathematics, `1.2e-10` as a product with a power of ten."""
    return re.sub(r"e([-+]\d+)$", lambda found: f" \\cdot 10^{{{int(found[1])}}}", number)


def _markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", " ".join(printable(text).split()))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


_FORMS: dict[str, Callable[[PaperTable], str]] = {"latex": to_latex, "markdown": to_markdown}
