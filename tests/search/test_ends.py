"""Tables at every end of a run, and the results folder at its beginning."""

import signal

import pandas as pd
import pytest

from seplace import running
from seplace.errors import DataError, Interrupted, StudyChanged, TooManyFailures
from seplace.results.ledger import Ledger
from tests.search.toy import Stop
from tests.studies import write_study

pytestmark = pytest.mark.usefixtures("no_optuna_file")


def run(study, folder):
    return running.run(study, folder=folder, observer=lambda _: None)


class Signal:
    """Sends a signal to this process at a call."""

    def __call__(self, *_arguments, **_others):
        signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize("error", [Stop(), DataError("the disk is gone"), TooManyFailures("all"), Interrupted(15)])
def test_a_run_that_ends_early_leaves_its_tables(tmp_path, toy, monkeypatch, error):
    evaluate = toy.evaluate

    def end(job, *, on_epoch):
        if len(toy.trained) == 8:
            raise error
        return evaluate(job, on_epoch=on_epoch)

    monkeypatch.setattr(toy, "evaluate", end)
    with pytest.raises(type(error)):
        run(write_study(tmp_path), tmp_path / "out")
    assert len(pd.read_csv(tmp_path / "out" / "evaluations.csv")) == 8
    assert (tmp_path / "out" / "front.csv").exists()
    assert (tmp_path / "out" / "front.png").exists() != isinstance(error, Interrupted)


def test_a_run_that_ends_before_it_has_begun_leaves_none(tmp_path, toy):
    toy.stop_after = 0
    with pytest.raises(Stop):
        run(write_study(tmp_path), tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.csv"))


def test_a_view_that_fails_hides_neither_the_cause_nor_the_others(tmp_path, toy, monkeypatch):
    toy.stop_after = 8
    monkeypatch.setattr("seplace.api.tables.effects_frame", lambda *_, **__: 1 / 0)
    study = write_study(tmp_path)
    with pytest.raises(Stop), pytest.warns(UserWarning, match="tables could not be written: ZeroDivisionError"):
        run(study, tmp_path / "out")
    assert (tmp_path / "out" / "recommended.csv").exists()
    assert not (tmp_path / "out" / "effects.csv").exists()
    toy.stop_after = None
    with pytest.raises(ZeroDivisionError):
        run(study, tmp_path / "out")
    assert (tmp_path / "out" / "provenance.json").exists()


@pytest.mark.usefixtures("toy")
def test_a_signal_while_tables_are_written_interrupts_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr("seplace.api.tables.effects_frame", Signal())
    with pytest.raises(Interrupted, match="signal 15"):
        run(write_study(tmp_path), tmp_path / "out")


def test_another_study_does_not_touch_the_tables(tmp_path, toy):
    toy.stop_after = 8
    with pytest.raises(Stop):
        run(write_study(tmp_path), tmp_path / "out")
    (tmp_path / "out" / "front.csv").unlink()
    with pytest.raises(StudyChanged):
        run(write_study(tmp_path, training={"epochs": 2}), tmp_path / "out")
    assert not (tmp_path / "out" / "front.csv").exists()


def test_a_folder_that_cannot_hold_a_run_is_refused_before_any_training(tmp_path, toy):
    (tmp_path / "out" / "front.csv").mkdir(parents=True)
    with pytest.raises(DataError, match=r"front\.csv: is a folder"):
        run(write_study(tmp_path), tmp_path / "out")
    assert toy.trained == []


def test_a_study_has_its_name_in_any_folder_and_clears_it_away(tmp_path, toy):
    toy.stop_after = 8
    folder = tmp_path / "cifar10 (2)"
    with pytest.raises(Stop):
        run(write_study(tmp_path), folder)
    (folder / ".front.csv.abcdefgh").touch()
    (folder / "weights").mkdir()
    (folder / "weights" / ".none_seed0_epochs1.safetensors.abcdefgh").touch()
    toy.stop_after = None
    assert run(write_study(tmp_path), folder).config.name == "tiny"
    assert not list(folder.rglob(".*.abcdefgh"))
    with Ledger(folder / "ledger.sqlite", read_only=True) as ledger:
        assert ledger.fact("name") == "tiny"
