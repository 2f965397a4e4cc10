"""Placements that are trained beside a study's search: it does not see them, and the tables do."""

import random
from pathlib import Path

import pandas as pd
import pytest

from seplace.api import Results
from seplace.errors import DataError, InputError, InvalidPlacement, StudyBusy, TooManyFailures, UnknownName
from seplace.placement import Placement
from seplace.results.ledger import Ledger
from seplace.search.added import FACT
from seplace.search.lock import study_lock
from tests.search.toy import Scrambled, Shelf, Stop, go, keys_in, left_in
from tests.studies import write_study

pytestmark = pytest.mark.usefixtures("no_optuna_file")

CONFIRM = {"seeds": 3, "trainings": 8}


@pytest.fixture
def _no_tables(monkeypatch):
    """The tables take longer than all else here."""
    monkeypatch.setattr("seplace.api.Results.write", lambda _results, **_: None)


def train(folder: Path, placement: str, **options) -> Results:
    return Results.load(folder).train(placement, observer=lambda _: None, **options)


def added_in(folder: Path) -> list[list[object]]:
    with Ledger(folder / "ledger.sqlite", read_only=True) as ledger:
        return ledger.fact(FACT) or []


@pytest.mark.usefixtures("_no_tables")
@pytest.mark.parametrize(
    ("sampler", "stops", "executor"),
    [
        ("nsga2", 9, "scrambled"),
        pytest.param("effects", 19, "inline", marks=pytest.mark.long),
        pytest.param("random", 14, "inline", marks=pytest.mark.long),
    ],
)
def test_the_search_goes_on_as_if_nothing_had_been_added(tmp_path, toy, monkeypatch, sampler, stops, executor):
    if executor == "scrambled":
        monkeypatch.setattr("seplace.search.execution.EXECUTORS", Shelf(inline=Scrambled))
        monkeypatch.setattr(Scrambled, "order", random.Random(0))
    path = write_study(tmp_path, search={"trainings": 16, "sampler": sampler}, confirm=CONFIRM, run={"workers": 2})
    go(path, tmp_path / "whole")
    whole = left_in(tmp_path / "whole")
    later = [text for text, _, _ in keys_in(tmp_path / "whole")][stops + 1 :]
    toy.trained.clear()
    toy.stop_after = stops
    with pytest.raises(Stop):
        go(path, tmp_path / "out")
    toy.stop_after = None
    train(tmp_path / "out", later[0], seeds=2)  # the search comes to it
    train(tmp_path / "out", "se4-se4-cbam4", seeds=4)  # the best of all, which it does not come to
    trained = list(toy.trained)
    go(path, tmp_path / "out")
    assert len(set(toy.trained)) == len(toy.trained), "nothing is trained twice"
    assert (later[0], 0, 1) in trained
    left, added = left_in(tmp_path / "out"), added_in(tmp_path / "out")
    assert left["proposals"] == whole["proposals"]
    search = [row for row in left["evaluations"] if list(row[0]) not in added]
    assert search == whole["evaluations"]
    assert {placement for placement, *_ in added} >= {"se4-se4-cbam4"}
    with Ledger(tmp_path / "out" / "ledger.sqlite") as one, Ledger(tmp_path / "whole" / "ledger.sqlite") as other:
        for name in ("confirm_rounds", "regret"):
            assert one.fact(name) == other.fact(name)
    table = Results.load(tmp_path / "out").placements
    assert table.set_index("placement").loc["se4-se4-cbam4", ["n", "test_n"]].tolist() == [4, 4]


@pytest.mark.usefixtures("_no_tables")
def test_a_rung_is_read_from_a_training_that_was_added(tmp_path, toy):
    toy.length, toy.rungs = 9, (3,)
    path = write_study(
        tmp_path, training={"epochs": 9}, search={"trainings": 20, "rungs": [3], "seeds": 1, "sampler": "random"}
    )
    go(path, tmp_path / "whole")
    with Ledger(tmp_path / "whole" / "ledger.sqlite") as ledger:
        stopped = next(row for row in ledger.rungs() if (str(row.placement), 0, 9) not in keys_in(tmp_path / "whole"))
    toy.trained.clear()
    toy.stop_after = 8
    with pytest.raises(Stop):
        go(path, tmp_path / "out")
    toy.stop_after = None
    train(tmp_path / "out", str(stopped.placement), seeds=1)
    go(path, tmp_path / "out")
    whole, left = left_in(tmp_path / "whole"), left_in(tmp_path / "out")
    assert (left["rungs"], left["rung facts"]) == (whole["rungs"], whole["rung facts"])
    assert added_in(tmp_path / "out") == [[str(stopped.placement), 0, 9]]
    assert stopped.key not in toy.trained


@pytest.mark.usefixtures("_no_tables")
def test_a_failed_training_that_was_added_is_not_the_searchs(tmp_path, toy):
    path = write_study(tmp_path)
    go(path, tmp_path / "whole")
    later = keys_in(tmp_path / "whole")[-1][0]
    toy.trained.clear()
    toy.stop_after = 7
    with pytest.raises(Stop):
        go(path, tmp_path / "out")
    toy.stop_after = None
    toy.failing = {later: "diverged"}
    results = train(tmp_path / "out", later, seeds=1)
    assert [str(row.placement) for row in results.failed] == [later]
    toy.failing = {}
    go(path, tmp_path / "out")
    assert left_in(tmp_path / "out")["evaluations"] == left_in(tmp_path / "whole")["evaluations"]
    assert not added_in(tmp_path / "out")


def test_another_recipe_has_a_folder_and_a_table_of_its_own(tmp_path, toy):
    go(write_study(tmp_path), tmp_path / "out")
    before = left_in(tmp_path / "out")
    toy.trained.clear()
    toy.stop_after = 3
    with pytest.raises(Stop):
        train(tmp_path / "out", "se4-eca-none", seeds=2, epochs=5, beside_plain=True)
    toy.stop_after = None
    train(tmp_path / "out", "se4-eca-none", seeds=2, epochs=5, beside_plain=True)  # goes on
    assert toy.trained == [(text, seed, 5) for seed in (0, 1) for text in ("none-none-none", "se4-eca-none")]
    results = train(tmp_path / "out", "plain", seeds=1, epochs=5, on="train+validation")
    assert left_in(tmp_path / "out") == before
    assert not added_in(tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "trained.csv")
    assert list(table["trained"]) == ["epochs5", "epochs5", "epochs5-train-validation"]
    _, se, on_both = table.to_dict("records")
    assert (se["placement"], se["n"], se["gain_pairs"], se["test_n"], se["test_pairs"]) == ("se4-eca-none", 2, 2, 2, 2)
    assert se["gain"] == pytest.approx(se["test_gain"])
    assert pd.isna(on_both["accuracy"])
    assert on_both["test_n"] == 1
    rows = pd.read_csv(tmp_path / "out" / "trained" / "epochs5" / "evaluations.csv")
    assert rows["test_accuracy"].notna().all()
    assert "accuracy" not in results.trained_sets["epochs5-train-validation"].evaluations


def test_what_cannot_be_trained_is_refused_before_anything_is(tmp_path, toy):
    path = write_study(tmp_path, training={"warmup_epochs": 0.5})
    toy.stop_after = 0
    with pytest.raises(Stop):
        go(path, tmp_path / "out")
    toy.stop_after = None
    go(path, tmp_path / "out")
    toy.trained.clear()
    results = Results.load(tmp_path / "out")
    assert results.placement_of("ECA everywhere") == Placement.parse("eca-eca-eca")
    assert results.placement_of("cheapest").is_plain
    for text, error, match in (
        ("se5-eca-none", InvalidPlacement, "stage 1 has no se5"),
        ("plian", InputError, "Did you mean 'plain'"),
    ):
        with pytest.raises(error, match=match):
            results.train(text)
    with pytest.raises(InputError, match="seeds must be at least 1"):
        results.train("plain", seeds=0)
    with study_lock(tmp_path / "out" / "lock"), pytest.raises(StudyBusy):
        train(tmp_path / "out", "plain")
    with pytest.raises(DataError, match="nothing was trained by another recipe"):
        results.export(pick="plain", trained="epochs9")
    assert not toy.trained
    toy.failing = {"se4-eca-none": "crashed"}
    with pytest.raises(TooManyFailures):
        train(tmp_path / "out", "se4-eca-none", seeds=9, epochs=2)
    with pytest.raises(UnknownName, match="unknown trained 'epochs9'"):
        results.export(pick="plain", trained="epochs9")
    with pytest.raises(InputError, match="se4-eca-none was not trained by epochs2"):
        results.export(pick="se4-eca-none", trained="epochs2")
