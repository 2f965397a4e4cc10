"""What a notebook shows of results, fronts, placements, spaces, figures and progress."""

import copy
import pickle
import sys
from types import SimpleNamespace

import pandas as pd
import pytest

import seplace
from seplace.metric import ACCURACY
from seplace.report.console import notebook_display
from seplace.report.fitted import Column, FittedTable, Note, Row
from seplace.report.frames import shown_by
from seplace.report.notebook import table_html
from seplace.report.notebook_progress import NotebookProgress
from seplace.report.progress import progress_bar
from seplace.search.progress import Progress

HOSTILE = "<script>alert(1)</script>&\"'\x1b"


@pytest.fixture(scope="module")
def results():
    return seplace.load("results/pilot-32px")


def test_results_show_advice_verdict_and_front(results):
    shown = results._repr_html_()
    for text in (results.advice.sentence, results.config.name):
        assert text in shown
    assert shown.count("<tr") == 1 + len(results.front)
    assert repr(results) == "<Results of results/pilot-32px: 36 trainings, finished>"
    assert "gain vs plain" in results.recommended._repr_html_()


def test_a_front_is_a_data_frame_in_all_but_its_display(results):
    front, plain = results.front, pd.DataFrame(results.front)
    assert front._repr_html_() != plain._repr_html_()
    assert repr(front) == repr(plain)
    pd.testing.assert_frame_equal(front, plain)
    made = (
        front[:3],
        front.copy(),
        copy.deepcopy(front),
        front.assign(a=1),
        front[["n"]],
        pickle.loads(pickle.dumps(front)),
    )
    assert {type(each) for each in made} == {pd.DataFrame}
    assert front.to_csv() == plain.to_csv()
    assert "_shown" not in front.columns
    assert type(shown_by(pd.DataFrame(), str)) is pd.DataFrame


def test_placements_and_spaces_are_strips():
    placement = seplace.Placement.parse("none-se16-eca.parallel@cifar_resnet20[width=1.25]")
    shown = placement._repr_html_()
    assert shown.count("title=") == 3
    assert "@cifar_resnet20[width=1.25]" in shown
    space = seplace.load_space("digits-resnet8")._repr_html_()
    assert "343 placements" in space
    assert "stages 1 to 3" in space  # which have the same choices
    assert space.count("<tr") == 1
    one = seplace.SearchSpace.from_choices("cifar_resnet8", [["none"], ["none", "eca"], ["none", "eca"]], init="paper")
    assert "stage 1<" in one._repr_html_()
    assert "stages 2 to 3<" in one._repr_html_()


def test_names_are_text():
    table = FittedTable(
        columns=[Column(heading="placement", is_text=True), Column(heading=HOSTILE), Column(heading="empty")],
        rows=[Row(cells=[HOSTILE, HOSTILE, ""])],
        title=HOSTILE,
        notes=[Note(text=HOSTILE)],
    )
    shown = table_html(table)
    assert "<script" not in shown
    assert "\x1b" not in shown
    assert "empty" not in shown
    assert "&lt;script&gt;" in shown


def test_a_long_table_says_what_it_leaves_out():
    rows = [Row(cells=[str(at)]) for at in range(50)]
    shown = table_html(FittedTable(columns=[Column(heading="n")], rows=rows))
    assert shown.count("<tr") == 41
    assert "10 more rows are not shown" in shown


def progress_of(done: float, *, phase: str = "search") -> Progress:
    return Progress(
        metric=ACCURACY,
        study=f"a {HOSTILE}",
        phase=phase,
        done=done,
        total=10,
        later=0,
        trained=int(done),
        failed=0,
        running=1,
        workers=1,
        news=(),
        standing=None,
    )


def test_progress_is_one_display_that_is_updated():
    handles, clock = [], [0.0]

    def display(_, *, display_id):
        assert display_id
        handles.append([])
        return SimpleNamespace(update=lambda shown: handles[-1].append(shown._repr_html_()))

    view = NotebookProgress(display, now=lambda: clock[0])
    assert "preparing" in view._repr_html_() + repr(view)
    for at in range(100):
        clock[0] += 0.1
        view.show(progress_of(at / 10))
    view.show(progress_of(0, phase="confirm"))
    view.end()
    (updates,) = handles
    assert 20 <= len(updates) <= 25  # two in a second, the new phase, and the end
    assert 'max="10" value="0"' in updates[0]
    assert "left" in updates[-4]
    assert "search" in updates[-4]
    assert "confirm" in updates[-1]
    assert "<script" not in "".join(updates)
    assert "confirm 0/10" in repr(view)


def test_only_a_notebook_has_a_display(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert notebook_display() is None
    shown = []

    def display(view, *, display_id):
        assert display_id
        shown.append(view)
        return SimpleNamespace(update=shown.append)

    shell = SimpleNamespace()
    ipython = SimpleNamespace(get_ipython=lambda: shell, display=SimpleNamespace(display=display))
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert notebook_display() is None  # IPython in a terminal
    shell.kernel = object()
    with progress_bar() as show:
        show(progress_of(1))
    assert len(shown) == 3
    assert len({id(view) for view in shown}) == 1
