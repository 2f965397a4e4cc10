"""Damaged files in a results folder, and damaged data: named, or made anew; never another result."""

import shutil
import signal
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random

import pytest
from made_up import make_folder

from seplace import api
from seplace.errors import SeplaceError
from seplace.evaluators import job_training, stand_alone
from seplace.results.ledger import Ledger
from seplace.training.checkpoints import Checkpoint
from tests.faults.oracle import TABLES, Oracle, facts_in, rows_in, same_results, tables_made_anew, tables_of
from tests.faults.quick import begun
from tests.marks import in_the_long_form
from tests.studies import write_study


@pytest.fixture
def copied(tmp_path, quick_finished) -> Path:
    """A folder with a finished study of short trainings."""
    return shutil.copytree(quick_finished, tmp_path / "copy")


def test_tables_that_were_cut_are_not_read_and_are_made_anew(copied, seplace):
    """Whatever is left of them: every command reads the ledger."""
    folder, chance = copied / "out", Random(0)
    whole, front = tables_of(folder), seplace("front", folder, "--format", "csv")
    for name, content in whole.items():
        (folder / f"{name}.csv").write_bytes(content[: chance.randrange(len(content))])
    assert seplace("front", folder, "--format", "csv") == front
    assert seplace("status", folder)[0] == 0
    Oracle(folder).after(seplace("run", copied / "tiny.yaml", "--results", folder)[0], wanted=0)
    assert tables_of(folder) == whole
    assert len(begun(copied)) == 14


@pytest.mark.parametrize("step", [40, in_the_long_form(1)])
def test_a_cost_table_is_whole_or_named(copied, step):
    """Cut at a byte, it gives the same costs or an error that names it."""
    path, wanted = copied / "out" / "costs.json", api.load(copied / "out").cost_table
    content = path.read_bytes()
    for size in range(0, len(content), step):
        path.write_bytes(content[:size])
        found = None
        with suppress(SeplaceError):
            found = api.load(copied / "out").cost_table
        assert found in (None, wanted), size


@pytest.mark.parametrize("places", [60, in_the_long_form(3000)])
def test_a_flipped_byte_of_the_ledger_is_named_or_changes_nothing(copied, seplace, places):
    folder, chance = copied / "out", Random(places)
    path = folder / "ledger.sqlite"
    whole, content = (rows_in(folder), facts_in(folder)), path.read_bytes()
    harmless = []
    for _ in range(places):
        place = chance.randrange(len(content))
        altered = bytearray(content)
        altered[place] ^= 1 << chance.randrange(8)
        path.write_bytes(altered)
        said = None
        try:
            Ledger(path).close()
        except SeplaceError as error:
            said = error
        if said is None:
            harmless.append(place)
            assert (rows_in(folder), facts_in(folder)) == whole
        else:
            assert (said.exit_code, str(said).startswith(str(path))) == (3, True)
    assert len(harmless) < places
    at = content.index(b'"value": 6') + len('"value": ')
    path.write_bytes(content[:at] + b"9" + content[at + 1 :])  # another accuracy
    for command in (["status", folder], ["front", folder], ["run", copied / "tiny.yaml", "--results", folder]):
        code, output = seplace(*command)
        assert code == 3, output
        assert f"error: {path}: " in output.replace("\n", " ")
        assert "Traceback" not in output
    path.write_bytes(content)
    Oracle(folder).after(seplace("run", copied / "tiny.yaml", "--results", folder)[0], wanted=0)
    assert tables_made_anew(folder).keys() == set(TABLES)


@pytest.mark.long
@pytest.mark.filterwarnings("default:.*the checkpoint is damaged")
def test_a_training_goes_on_from_a_sound_checkpoint_and_begins_again_with_a_damaged_one(tmp_path, seplace, monkeypatch):
    """Real trainings, stopped by a signal in the second of three epochs; a checkpoint is written after each."""
    study = write_study(tmp_path, training={"epochs": 3}, search={"trainings": 7})
    oracle, undisturbed = Oracle(tmp_path / "out"), tmp_path / "whole"
    assert seplace("run", study, "--results", undisturbed)[0] == 0
    monkeypatch.setattr(job_training, "Checkpoint", partial(Checkpoint, every_seconds=0.0))
    evaluate, epochs = stand_alone.StandAlone.evaluate, []

    def stopped(evaluator, job, *, on_epoch):
        def note(epoch: int) -> None:
            on_epoch(epoch)
            epochs.append(epoch)
            if epochs in ([1, 2, 3, 1, 2], [1, 2, 3, 1, 2, 3, 1, 2]):
                signal.raise_signal(signal.SIGINT)

        return evaluate(evaluator, job, on_epoch=note)

    monkeypatch.setattr(stand_alone.StandAlone, "evaluate", stopped)
    for is_damaged in (False, True):
        oracle.after(seplace("run", study, "--results", tmp_path / "out")[0], wanted=130)
        (checkpoint,) = (tmp_path / "out" / "checkpoints").iterdir()
        if is_damaged:
            content = bytearray(checkpoint.read_bytes())
            content[len(content) // 2] ^= 1
            checkpoint.write_bytes(content)
    code, output = seplace("run", study, "--results", tmp_path / "out")
    oracle.after(code, wanted=0)
    assert "the checkpoint is damaged; its training starts again" in " ".join(output.split())
    assert epochs[:11] == [1, 2, 3, 1, 2, 3, 1, 2, 1, 2, 3]
    same_results(tmp_path / "out", undisturbed)


def test_damaged_data_are_named_before_the_first_training(tmp_path, seplace):
    root = make_folder(tmp_path / "images")
    data = {"name": "image_folder", "root": "images", "image_size": 8, "train_images": None, "validation_images": None}
    study = write_study(tmp_path, data=data)
    for split in ("train", "val"):
        (first, *_) = sorted((root / split / "class_1").iterdir())
        content = first.read_bytes()
        first.write_bytes(content[: len(content) // 2])
        for command in ("plan", "run"):
            code, output = seplace(command, study, "--results", tmp_path / "out")
            assert code == 3
            assert f"{split}/class_1/{first.name}" in output
            assert "Traceback" not in output
        first.write_bytes(content)
    assert rows_in(tmp_path / "out")["evaluations"] == []
    assert not list((tmp_path / "out").glob("*.csv"))
