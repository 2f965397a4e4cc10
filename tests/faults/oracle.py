"""The oracle of every fault test. It watches one results folder through faults and runs, and says what must hold there.

- A result that the ledger has acknowledged is never lost, altered or duplicated.
- The tables on disk are those made anew from the ledger. Those that a kill or a full disk leaves may be older.
- No trial of the Optuna study is running, and each says what the ledger says.
- Nothing else is left in the folder: no temporary file, and no checkpoint of a training that has ended.
- The exit code is the truth: 0 if and only if the study is finished.

It reads the ledger with SQL and JSON, not with the code under test.
"""

import json
import shutil
import sqlite3
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
import pandas as pd

from seplace import api
from seplace.files.atomic import safe_name, sha256_of
from seplace.search.run_study import _FILES

TABLES = ("evaluations", "placements", "front", "recommended", "effects")
COUNTED_OR_TIMED = ("seconds", "attempts", "latency_ms", "latency_ms_lower", "latency_ms_upper", "extra_latency_ms")
"""The columns in which a study that was disturbed may differ from one that was not."""

Key = tuple[str, int, int]


@dataclass
class Oracle:
    """What a results folder holds, and what it held at the last look."""

    folder: Path
    acknowledged: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    """The rows of the ledger by table, in the order of their commits."""
    tables: dict[str, bytes] = field(default_factory=dict)
    trials: list[tuple[Any, ...]] = field(default_factory=list)
    is_finished: bool = False

    def look(self) -> None:
        """Check that nothing is lost, altered or duplicated since the last look."""
        now = rows_in(self.folder)
        for table, before in self.acknowledged.items():
            kept = [row for row in now[table] if row in before]
            assert kept == before, f"{table}: acknowledged rows are lost, altered or moved"
        for table in ("evaluations", "rungs", "tests", "test_images"):
            keys = Counter(row[:3] for row in now[table])
            assert max(keys.values(), default=1) == 1, f"{table}: a key stands there more than once"
        self.acknowledged = now
        check_weights(self.folder, now["evaluations"])

    def after(self, code: int, *, wanted: int, is_whole: bool = True) -> None:
        """Check all that must hold after a run that ended with an exit code.

        `is_whole` is false where the run could not write at its end: it was killed, or the disk was full.
        """
        assert code == wanted
        self.look()
        was_finished, self.is_finished = self.is_finished, bool(facts_in(self.folder).get("finished"))
        if is_whole and not was_finished:
            assert self.is_finished == (code == 0), f"exit code {code}, and finished is {self.is_finished}"
        self._check_tables(is_whole=is_whole)
        self._check_optuna(is_complete=code == 0)
        if is_whole:
            check_files(self.folder, self.acknowledged["evaluations"], is_finished=code == 0)

    def _check_tables(self, *, is_whole: bool) -> None:
        now = tables_of(self.folder)
        if not is_whole and now == self.tables:
            return
        has_rows = bool(_read(self.folder, "SELECT 1 FROM evaluations LIMIT 1"))
        wanted = tables_made_anew(self.folder) if has_rows else {}
        for name, content in now.items():
            is_old = not is_whole and content == self.tables.get(name)
            assert is_old or content == wanted.get(name), f"{name}.csv is not what the ledger says"
        if is_whole:
            assert now.keys() == wanted.keys()
        self.tables = now

    def _check_optuna(self, *, is_complete: bool) -> None:
        trials, attributes = trials_in(self.folder)
        said = [(trial.number, trial.state, trial.values, trial.params, trial.user_attrs) for trial in trials]
        assert said[: len(self.trials)] == self.trials, "the Optuna study was not only appended to"
        self.trials = said
        check_trials(trials, attributes.get("superseded", {}), self.folder, self.acknowledged, is_complete=is_complete)

    @property
    def complete(self) -> set[Key]:
        """The keys of the acknowledged results."""
        return {row[:3] for row in self.acknowledged.get("evaluations", []) if is_complete(row)}


def is_complete(row: tuple[Any, ...]) -> bool:
    return bool(json.loads(row[3])["state"] == "complete")


_ORDERED = {
    "evaluations": "placement, seed, epochs, record",
    "rungs": "placement, seed, epochs, record",
    "failures": "placement, seed, epochs, record",
    "tests": "placement, seed, epochs, accuracy, cross_entropy",
    "test_images": "placement, seed, epochs, correct",
}


def rows_in(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of a ledger, without failed evaluations, which a later run may repeat; of none, no rows."""
    rows = {table: _rows_of(folder, table) for table in _ORDERED}
    rows["evaluations"] = [row for row in rows["evaluations"] if is_complete(row)]
    return rows


def _rows_of(folder: Path, table: str) -> list[tuple[Any, ...]]:
    return _read(folder, f"SELECT {_ORDERED[table]} FROM {table} ORDER BY rowid")


def facts_in(folder: Path) -> dict[str, Any]:
    return {key: json.loads(value) for key, value in _read(folder, "SELECT key, value FROM facts")}


def proposals_in(folder: Path) -> dict[int, str]:
    return dict(_read(folder, "SELECT number, placement FROM proposals"))


def _read(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """What a commit that was killed has left is rolled back by the first who reads, so as one who may write."""
    path = folder / "ledger.sqlite"
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=60)) as connection:
        try:
            return connection.execute(query).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            return []


def tables_of(folder: Path) -> dict[str, bytes]:
    return {name: path.read_bytes() for name in TABLES if (path := folder / f"{name}.csv").exists()}


def tables_made_anew(folder: Path) -> dict[str, bytes]:
    """The tables that the ledger of a folder gives in another one."""
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary) / "copy"
        copy.mkdir()
        for name in ("ledger.sqlite", "study.yaml", "space.yaml", "costs.json"):
            shutil.copy(folder / name, copy / name)
        api.load(copy).write(figures=False)
        frame = pd.read_csv(copy / "evaluations.csv", keep_default_na=False)
        written = sorted(zip(frame["placement"], frame["seed"], frame["epochs"], strict=True))
        raw = _read(folder, "SELECT placement, seed, epochs FROM evaluations ORDER BY placement, seed, epochs")
        assert written == raw, "evaluations.csv has other rows than the ledger"
        return tables_of(copy)


def trials_in(folder: Path) -> tuple[list[optuna.trial.FrozenTrial], dict[str, Any]]:
    """The trials of the Optuna study and its attributes, from a copy: Optuna writes to what it opens."""
    with tempfile.TemporaryDirectory() as temporary:
        for name in ("optuna.db", "optuna.db-journal"):
            if (folder / name).exists():
                shutil.copy(folder / name, temporary)
        storage = optuna.storages.RDBStorage(f"sqlite:///{temporary}/optuna.db")
        try:
            studies = [each for each in storage.get_all_studies() if not each.study_name.endswith("/trainings")]
            assert len(studies) <= 1
            if not studies:
                return [], {}
            return storage.get_all_trials(studies[0]._study_id, deepcopy=False), studies[0].user_attrs
        finally:
            storage.engine.dispose()


def check_trials(
    trials: list[optuna.trial.FrozenTrial],
    superseded: dict[str, int],
    folder: Path,
    rows: dict[str, list[tuple[Any, ...]]],
    *,
    is_complete: bool,
) -> None:
    """Check that each trial that holds today says what the ledger says; of a finished study none is missing."""
    assert [trial.number for trial in trials if not trial.state.is_finished()] == [], "a trial is running"
    known = {row[:2]: json.loads(row[3]) for row in rows["evaluations"]}
    proposals = proposals_in(folder)
    said: list[int] = []
    for trial in trials:
        placement = trial.user_attrs.get("placement")
        if placement is None or str(trial.number) in superseded:
            continue
        if "baseline" not in trial.user_attrs:
            number = trial.user_attrs.get("proposal", trial.number)
            said.append(number)
            assert proposals.get(number, placement if not is_complete else None) == placement
        if "accuracy" in trial.user_attrs:
            row = known[placement, trial.user_attrs["seed"]]
            assert trial.user_attrs["accuracy"] == row["value"]
            assert trial.values[1] in row["costs"].values()
    assert max(Counter(said).values(), default=1) == 1, "a proposal has two trials that hold"
    if is_complete:
        assert sorted(said) == sorted(proposals), f"{sorted(said)} of the proposals {sorted(proposals)} have a trial"


def check_weights(folder: Path, rows: list[tuple[Any, ...]]) -> None:
    for record in (json.loads(row[3]) for row in rows):
        if record["weights"] is not None:
            data = (folder / "weights" / record["weights"]).read_bytes()
            assert sha256_of(data) == record["weights_sha256"], f"the weights of {record['placement']} are others"


def check_files(folder: Path, rows: list[tuple[Any, ...]], *, is_finished: bool) -> None:
    """Check that nothing is left that is not a result; a damaged file that was put aside may stay.

    The next run tries a training again whose worker was killed, from its checkpoint.
    """
    killed = [row[:3] for row in _rows_of(folder, "evaluations") if json.loads(row[3])["reason"] == "crashed"]
    known = {*_FILES, *(f"weights/{json.loads(row[3])['weights']}" for row in rows)}
    known |= {
        f"checkpoints/{safe_name(placement)}_seed{seed}_epochs{epochs}.ckpt" for placement, seed, epochs in killed
    }
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    others = {name for name in found - known if ".damaged" not in name}
    if not is_finished:  # an unfinished training goes on from its checkpoint, and its weights precede its commit
        others = {name for name in others if not name.endswith((".ckpt", ".safetensors")) or "/." in name}
    assert others == set(), "files are left"


def same_results(folder: Path, undisturbed: Path) -> None:
    """Check that the tables are, byte for byte, those of the undisturbed study, but for what was timed or counted."""
    mine, others = tables_of(folder), tables_of(undisturbed)
    assert mine.keys() == others.keys() == set(TABLES)
    for name in TABLES:
        assert _without_times(mine[name]) == _without_times(others[name]), f"{name}.csv differs"
    for query in (
        "SELECT number, placement FROM proposals ORDER BY number",
        "SELECT * FROM tests ORDER BY placement, seed",
        "SELECT * FROM test_images ORDER BY placement, seed",
    ):
        assert _read(folder, query) == _read(undisturbed, query), query


def _without_times(table: bytes) -> list[list[str]]:
    """The cells of a table as texts."""
    lines = [line.split(",") for line in table.decode().splitlines()]
    kept = [column for column, name in enumerate(lines[0]) if name not in COUNTED_OR_TIMED]
    return [[line[column] for column in kept] for line in lines]
