"""Optuna's file is written in a few transactions, and holds what Optuna itself would have written."""

import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from datetime import datetime

import optuna
import pytest

from seplace.effects.model import Observation
from seplace.metric import Metric
from seplace.search import optuna_rows
from seplace.search.optuna_file import OptunaFile
from seplace.search.proposals import Proposals
from tests.samplers.toy import task_of

SHOWN = ("number", "state", "values", "params", "distributions", "user_attrs", "system_attrs")


def told(sampler: str) -> Proposals:
    """Return proposals of each kind: known before, trained, answered by earlier trainings, failed, pending."""
    proposals = Proposals(task_of(), sampler=sampler, name="told", workers=1)
    plain = next(iter(proposals.task.space))
    first = Observation(placement=plain, seed=0, score=91.0, cross_entropy=0.3)
    proposals.add_known(first, cost=5, constraints={"training failed": -1.0}, label="plain")
    for accuracy in (92.5, 90.25, None, 91.75):
        number, placement = proposals.ask(None)
        if accuracy is None:
            proposals.tell_failed(number)
            continue
        training = None
        if accuracy > 91:
            training = Observation(placement=placement, seed=1, score=accuracy, cross_entropy=0.25)
        limits = {"training failed": 1.0 if training is None else -1.0, "flops over its limit": -0.5}
        proposals.tell(number, score=accuracy, cost=7, constraints=limits, training=training)
    proposals.ask(None)
    return proposals


def trials_in(path) -> list[tuple[object, ...]]:
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{path}", sampler=optuna.samplers.RandomSampler())
    assert study.metric_names == ["accuracy", "flops"]
    return [tuple(getattr(trial, name) for name in SHOWN) for trial in study.get_trials()]


def test_the_file_has_values_of_a_metric_that_is_minimized_and_the_sampler_its_scores(tmp_path) -> None:
    metric = Metric(name="val_error", goal="minimize", unit="mm", label="error", test_name="test_error")
    proposals = Proposals(replace(task_of(), metric=metric), sampler="random", name="told", workers=1)
    plain = next(iter(proposals.task.space))
    training = Observation(placement=plain, seed=0, score=-2.5)
    proposals.add_known(training, cost=5, constraints={"training failed": -1.0}, label="plain")
    assert proposals.history.observations[0].score < 0
    OptunaFile(tmp_path / "optuna.db").update(proposals)
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{tmp_path / 'optuna.db'}")
    assert [each.name for each in study.directions] == ["MINIMIZE", "MINIMIZE"]
    assert study.metric_names == ["error", "flops"]
    assert (study.trials[0].values, study.trials[0].user_attrs["error"]) == ([2.5, 5.0], 2.5)
    OptunaFile(tmp_path / "optuna.db").update(proposals)
    assert len(study.trials) == 1  # nothing is written twice


@pytest.mark.parametrize("sampler", ["random", "nsga2"])
def test_the_rows_are_those_that_optuna_writes(tmp_path, monkeypatch, sampler) -> None:
    proposals = told(sampler)
    OptunaFile(tmp_path / "rows.db").update(proposals)
    rows = trials_in(tmp_path / "rows.db")
    assert [number for number, *_ in rows] == [0, 1, 2, 3, 4]
    monkeypatch.setattr(optuna_rows, "SCHEMA_VERSION", 0)  # an Optuna that we do not know: it adds the trials itself
    OptunaFile(tmp_path / "optuna.db").update(proposals)
    assert trials_in(tmp_path / "optuna.db") == rows
    for name in ("rows.db", "optuna.db"):  # nothing is written twice
        OptunaFile(tmp_path / name).update(proposals)
        assert trials_in(tmp_path / name) == rows


def test_times_are_those_of_the_clock_of_the_machine(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        OptunaFile(tmp_path / "rows.db").update(told("random"))
        study = optuna.load_study(study_name="told", storage=f"sqlite:///{tmp_path / 'rows.db'}")
        assert abs((study.trials[0].datetime_complete - datetime.now()).total_seconds()) < 600
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_transaction_takes_what_has_gathered(tmp_path, monkeypatch) -> None:
    file = OptunaFile(tmp_path / "optuna.db")
    assert not file.is_due
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 5)
    assert file.is_due
    file.update(told("random"))
    assert not file.is_due


def test_a_file_in_which_sqlite_would_compute_is_put_aside(tmp_path) -> None:
    path = tmp_path / "optuna.db"
    OptunaFile(path).update(told("random"))
    before = trials_in(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("ALTER TABLE trial_params RENAME TO others")
        never_ends = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"
        connection.execute(f"CREATE VIEW trial_params AS {never_ends}")
    with pytest.warns(match="cannot be read .it has a view, 'trial_params'.; it is kept as optuna.damaged.db"):
        OptunaFile(path).update(told("random"))
    assert trials_in(path) == before
