import json
import shutil

import pandas as pd
import pytest

import seplace
from seplace import api
from seplace.errors import CorruptResults, DataError, InputError
from seplace.overrides import Overrides
from seplace.placement import Placement
from seplace.results.ledger import Ledger
from seplace.results.tables import to_csv
from seplace.study.config import load_study
from tests.studies import write_study


@pytest.fixture(scope="module")
def results(finished) -> api.Results:
    return seplace.load(finished)


def test_a_run_returns_tables(results):
    assert isinstance(results.evaluations, pd.DataFrame)
    assert results.finished
    assert len(results.evaluations) >= 11
    assert results.placements["flops"].is_monotonic_increasing
    assert results.placements["n"].sum() == len(results.evaluations)
    points = results.placements[results.placements["on_front"]]["placement"].tolist()
    assert results.front["placement"].tolist()[: len(points)] == points
    assert (results.placements["baseline"] != "").sum() == 7
    assert set(results.placements[results.placements["baseline"] != ""]["n"]) <= {1, 2}
    assert results.front[["test_accuracy", "test_accuracy_se", "test_gain", "test_gain_se"]].notna().all(axis=None)
    assert results.verdict
    assert results.gap is not None
    assert results.gap.points == len(points) - ("none-none-none" in points)
    assert results.test_check.startswith("Estimated gains of the front minus its gains on the test split: ")


def test_files_hold_the_same_tables(results, finished):
    for name in ("evaluations", "placements", "front", "recommended"):
        table = pd.read_csv(finished / f"{name}.csv", keep_default_na=False, na_values=[""])
        expected = getattr(results, name)
        assert list(table.columns) == list(expected.columns)
        assert table["placement"].tolist() == expected["placement"].tolist()
        assert table["accuracy"].tolist() == pytest.approx(expected["accuracy"].tolist(), rel=1e-5)
    provenance = json.loads((finished / "provenance.json").read_text())
    assert provenance["finished"]
    assert provenance["trainings"] == len(results.rows)
    assert provenance["verdict"] == results.verdict
    assert provenance["test_check"] == results.test_check


def test_tables_are_views_that_can_be_made_again(finished, tmp_path):
    copy = shutil.copytree(finished, tmp_path / "tiny")
    before = {path.name: path.read_bytes() for path in copy.glob("*.csv")}
    for path in {*copy.glob("*.csv"), *copy.glob("front.*")}:
        path.unlink()
    seplace.load(copy).write()
    assert {path.name: path.read_bytes() for path in copy.glob("*.csv")} == before
    assert {"front.png", "front.svg"} <= {path.name for path in copy.iterdir()}


def test_no_table_depends_on_which_others_were_asked_for(finished):
    first, second = seplace.load(finished), seplace.load(finished)
    _ = first.effects, first.placements, second.recommended
    assert first.recommended.equals(second.recommended)
    assert first.effects.equals(second.effects)


def test_recommended_are_members_of_the_space_trained_or_not(results):
    recommended, trained = results.recommended, results.placements.set_index("placement")
    assert recommended["placement"].is_unique
    assert all(Placement.parse(text) in results.config.search_space for text in recommended["placement"])
    cost_table = results.cost_table
    for row in recommended.to_dict("records"):
        assert row["flops"] == cost_table.costs_of(Placement.parse(row["placement"]))["flops"]
        assert row["extra_params"] == row["params"] - cost_table.costs_of(Placement.parse("none-none-none"))["params"]
        known = trained.loc[row["placement"]] if row["placement"] in trained.index else None
        assert row["n"] == (0 if known is None else known["n"])
        for name in ("accuracy", "accuracy_lower", "gain", "gain_upper"):
            assert known is None or row[name] == pytest.approx(known[name])


def test_nothing_is_recommended_before_anything_was_trained(finished):
    started = seplace.load(finished)
    started.rows = []
    assert started.recommended.empty


def test_it_plots(results, tmp_path):
    from matplotlib.figure import Figure

    figure = results.plot()
    assert isinstance(figure, Figure)
    assert figure.axes[0].get_ylabel() == "gain over plain, in points of accuracy on new images"
    _, verdict, trainings = [" ".join(text.get_text().split()) for text in figure.texts]
    assert results.verdict.startswith(verdict)
    assert trainings.startswith(f"{len(results.evaluations)} trainings of {len(results.placements)} placements, ")
    assert results.plot(absolute=True).axes[0].get_ylabel() == "accuracy on new images in %"
    results.plot(tmp_path / "new" / "front.pdf")
    assert (tmp_path / "new" / "front.pdf").read_bytes().startswith(b"%PDF")


def test_a_pick_is_the_first_seed_of_its_placement(results):
    points = results.placements[results.placements["on_front"]]
    assert str(results.pick("cheapest").placement) == points["placement"].iloc[0]
    assert str(results.pick("best").placement) == points["placement"].iloc[-1]
    assert str(results.pick("knee").placement) in points["placement"].tolist()
    assert results.pick("eca-eca-eca").seed == 0
    assert str(results.pick("best", flops_under=points["flops"].iloc[0]).placement) == points["placement"].iloc[0]
    with pytest.raises(InputError, match="no placement on the front under 5 FLOPs"):
        results.pick("best", flops_under=5)
    with pytest.raises(InputError, match=r"se4-none-se4\.parallel was not trained"):
        results.pick("se4-none-se4.parallel")


def test_a_folder_without_results_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere: no results here \(looked for ledger.sqlite\)"):
        seplace.load(tmp_path / "nowhere")


def test_a_run_that_was_killed_at_its_very_start_has_no_results_yet(tmp_path):
    (tmp_path / "ledger.sqlite").touch()
    with pytest.raises(CorruptResults):
        seplace.load(tmp_path)
    (tmp_path / "ledger.sqlite").unlink()
    Ledger(tmp_path / "ledger.sqlite").close()
    with pytest.raises(DataError, match="no results"):
        seplace.load(tmp_path)


def test_overrides_change_where_a_study_runs_and_not_what_it_means(tmp_path):
    config = load_study(write_study(tmp_path))
    other = Overrides(executor="processes", workers=3, threads=2, accelerator="cpu", data_root=tmp_path / "data").apply(
        config
    )
    assert (other.run.executor, other.run.workers, other.run.threads) == ("processes", 3, 2)
    assert other.data_root == tmp_path / "data"
    assert other.fingerprint() == config.fingerprint()
    assert Overrides().apply(config) == config


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_a_text_that_a_spreadsheet_would_run_is_quoted(start):
    table = pd.DataFrame({"text": [f"{start}HYPERLINK(1)", "plain"], "number": [-1.5, 2.0]})
    assert to_csv(table) == f"text,number\n'{start}HYPERLINK(1),-1.5\nplain,2\n"
    assert to_csv(pd.DataFrame()) == ""
