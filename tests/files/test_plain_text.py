import io
import warnings

import pandas as pd
import pytest
from rich.table import Table

from seplace.cli import main
from seplace.cli.printing import show
from seplace.errors import UserCodeError
from seplace.files.plain_text import printable
from seplace.metric import ACCURACY
from seplace.report.console import OutsideConsole
from seplace.report.figures.effects import plot_effects
from seplace.report.figures.front import plot_front
from seplace.report.figures.saving import save_figure

HOSTILE = "cat\x1b]0;title\x07\x1b[2J\u202e\x9b31m\r\ud800é×😀"
SHOWN = r"cat\x1b]0;title\x07\x1b[2J\u202e\x9b31m\r\ud800é×😀"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param(HOSTILE, SHOWN, id="escapes, a direction, a surrogate"),
        pytest.param("two\nlines\tand é × 😀 ü", "two\nlines\tand é × 😀 ü", id="what is meant"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(text, shown):
    assert printable(text) == shown
    assert printable(shown) == shown


def test_texts_and_tables_are_printed_without_being_obeyed(capsys):
    table = Table(title=HOSTILE)
    table.add_column(f"column {HOSTILE}", min_width=70)
    table.add_row(f"cell {HOSTILE}")
    show(f"text {HOSTILE}")
    show(table)
    printed = capsys.readouterr().out
    for place in ("text ", "column ", "cell "):
        assert rf"{place}cat\x1b]0;title" in printed
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\r"} & set(printed)


def test_a_terminal_still_gets_its_own_controls():
    file = io.StringIO()
    console = OutsideConsole(file=file, force_terminal=True, color_system="standard")
    console.print("[bold]cat\x1b[/]")
    assert file.getvalue() == "\x1b[1mcat\\x1b\x1b[0m\n"


@pytest.mark.parametrize("is_warning", [True, False])
def test_messages_of_other_code_are_printable(monkeypatch, capsys, is_warning):
    def fail(**_):
        if not is_warning:
            raise UserCodeError(HOSTILE)
        warnings.warn(HOSTILE, stacklevel=1)

    monkeypatch.setattr("seplace.cli.app", fail)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        if is_warning:
            main()
        else:
            with pytest.raises(SystemExit):
                main()
    assert capsys.readouterr().err == f"{'warning' if is_warning else 'error'}: {SHOWN}\n"


def test_titles_of_figures_are_printable_and_no_formulas(tmp_path):
    for draw in (
        lambda title: plot_front(
            pd.DataFrame(), ACCURACY, cost="flops", unit="FLOPs", measured="validation accuracy", title=title
        ),
        empty_effects,
    ):
        figure = draw(f"{HOSTILE} costs $1 and $\\bad$")
        save_figure(figure, tmp_path / "a.svg")
        assert "\x1b" not in (tmp_path / "a.svg").read_text()


def empty_effects(title):
    return plot_effects(pd.DataFrame(), ACCURACY, title=title)
