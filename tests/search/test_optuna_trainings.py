"""Optuna's file holds every training, with its curve and its true times, and a note for dashboards."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import optuna
import pytest

from seplace.api import Results
from seplace.results.ledger import Ledger
from seplace.search import optuna_rows
from seplace.search.optuna_note import write_note
from tests.search.toy import Stop, go
from tests.studies import write_study

SHOWN = ("number", "state", "values", "params", "distributions", "user_attrs", "intermediate_values")


def trials_in(folder, name="tiny/trainings"):
    storage = f"sqlite:///{folder / 'optuna.db'}"
    study = optuna.load_study(study_name=name, storage=storage, sampler=optuna.samplers.RandomSampler())
    return study.get_trials()


def shown(folder):
    return [tuple(getattr(trial, name) for name in SHOWN) for trial in trials_in(folder)]


def keys_of(trials):
    return sorted(trial.user_attrs["training"] for trial in trials)


@pytest.mark.long
def test_every_training_is_there_once_however_the_run_ended(tmp_path, toy, monkeypatch):
    toy.length, toy.rungs = 9, (3,)
    toy.failing = {"eca-eca-eca": "diverged"}
    path = write_study(
        tmp_path,
        training={"epochs": 9},
        search={"trainings": 24, "rungs": [3], "seeds": 1, "sampler": "random"},
        confirm={"seeds": 2, "trainings": 4},
    )
    evaluate = toy.evaluate
    monkeypatch.setattr(
        toy, "evaluate", lambda job, *, on_epoch: _timed(evaluate(job, on_epoch=on_epoch), seconds=100.0)
    )
    toy.stop_after = 20
    with pytest.raises(Stop):
        go(path, tmp_path / "out")
    before = shown(tmp_path / "out")
    assert len(before) > 15
    toy.stop_after = None
    go(path, tmp_path / "out")
    trials = trials_in(tmp_path / "out")
    assert shown(tmp_path / "out")[: len(before)] == before, "the file is only appended to"
    with Ledger(tmp_path / "out" / "ledger.sqlite", read_only=True) as ledger:
        rows, rungs = ledger.evaluations(), ledger.rungs()
    whole = {row.key[:2] for row in rows}
    stopped = [row for row in rungs if row.key[:2] not in whole]
    assert stopped
    assert keys_of(trials) == sorted(" ".join(map(str, row.key)) for row in [*rows, *stopped])
    by_key = {trial.user_attrs["training"]: trial for trial in trials}
    assert {trial.state.name for trial in trials} == {"COMPLETE", "FAIL", "PRUNED"}
    for row in rows:
        trial = by_key[" ".join(map(str, row.key))]
        assert trial.params["stage1"] == str(row.placement.choices[0])  # of baselines beside the space too
        if row.state == "failed":
            assert (trial.state.name, trial.user_attrs["reason"]) == ("FAIL", "diverged")
        else:
            assert trial.value == row.value
            assert trial.intermediate_values == {3: row.value_after(3)}
            assert trial.duration == timedelta(seconds=100)
    assert any(row.seed == 1 for row in rows), "of the confirmation"
    (first, *_) = trials_in(tmp_path / "out", "tiny")
    assert first.duration == timedelta(seconds=100)

    results = Results.load(tmp_path / "out").train("cheapest", seeds=4, observer=lambda _: None)
    assert results.finished
    assert f"{results.front['placement'].iloc[0]} 3 9" in keys_of(trials_in(tmp_path / "out"))
    (tmp_path / "out" / "optuna.db").unlink()
    monkeypatch.setattr(optuna_rows, "SCHEMA_VERSION", 0)  # an Optuna that we do not know: it adds the trials itself
    go(path, tmp_path / "out")
    assert keys_of(trials_in(tmp_path / "out")) == sorted([*by_key, *_of_seeds(results, 4, by_key)])


def _timed(evaluation, *, seconds):
    from dataclasses import replace

    return replace(evaluation, seconds=seconds)


def _of_seeds(results, seeds, known):
    keys = [f"{results.front['placement'].iloc[0]} {seed} 9" for seed in range(seeds)]
    return [key for key in keys if key not in known]


def note_in(path):
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT key, value_json FROM study_system_attributes WHERE key LIKE 'dashboard:%' ORDER BY key"
        return dict(connection.execute(query).fetchall())


def test_a_note_is_written_for_dashboards_and_one_of_somebody_else_is_left_alone(tmp_path, finished):
    import shutil

    folder = shutil.copytree(finished, tmp_path / "tiny")
    path, verdict = folder / "optuna.db", Results.load(folder).verdict
    assert verdict in note_in(path)["dashboard:note_str:0"].encode().decode("unicode_escape")
    version = int(note_in(path)["dashboard:note_ver"])
    assert not write_note(tmp_path / "none.db", "tiny", "text")
    assert not write_note(path, "another", "text")
    assert write_note(path, "tiny", "é" * 5000)
    assert not write_note(path, "tiny", "é" * 5000)  # it is there
    assert write_note(path, "tiny", "short")
    note = note_in(path)
    assert note == {
        "dashboard:note_ver": str(version + 2),
        **{f"dashboard:note_str:{at}": text for at, text in enumerate(['"short"', '""', '""'])},
    }
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE study_system_attributes SET value_json = '99' WHERE key = 'dashboard:note_ver'")
    assert not write_note(path, "tiny", "ours")
    assert note_in(path) == note | {"dashboard:note_ver": "99"}
