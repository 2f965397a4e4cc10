"""The rows of Optuna's SQLite file: many trials in one transaction, and what is there in one query.

Optuna itself adds a trial in several transactions of some thirty statements each, and reads all to count them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seplace.files.check_sums import tables_in

if TYPE_CHECKING:
    from datetime import datetime

    from seplace.search.finished_trial import FinishedTrial

SCHEMA_VERSION = 12
"""The version of Optuna's schema that these statements are for, that of Optuna 5.0."""

Content = tuple[str, tuple[float, ...] | None, bool]
"""Of a trial: the placement, the values, and whether a constraint is violated."""

TRAINING = "training"
"""The user attribute of a trial that is a training: its placement, seed and epochs."""

_TABLES = (
    *("trials", "trial_params", "trial_values", "trial_intermediate_values"),
    *("trial_user_attributes", "trial_system_attributes"),
    *("studies", "study_user_attributes", "study_system_attributes", "version_info"),
)
_METRICS = "study:metric_names"
_ATTRIBUTE = "(SELECT value_json FROM trial_user_attributes u WHERE u.trial_id = t.trial_id AND u.key = '{}')"
_VALUE = "(SELECT value FROM trial_values v WHERE v.trial_id = t.trial_id AND v.objective = {})"
_PRESENT = f"""
    SELECT t.number, t.state, {_ATTRIBUTE.format("placement")}, {_ATTRIBUTE.format("proposal")},
        {_VALUE.format(0)}, {_VALUE.format(1)},
        (SELECT max(CAST(s.value_json AS REAL)) FROM trial_system_attributes s
            WHERE s.trial_id = t.trial_id AND substr(s.key, 1, 12) = 'constraints:')
    FROM trials t WHERE t.study_id = ? ORDER BY t.trial_id
"""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A trial to be added."""

    trial: FinishedTrial
    proposal: int | None
    """The number of the proposal; None for a training."""
    params: Mapping[str, tuple[float, str]]
    """Optuna's number of each value, and the distribution of its parameter as JSON."""
    instead_of: int | None
    """The number of the trial whose result it replaces."""


def study_of(connection: sqlite3.Connection, name: str) -> int | None:
    """Return Optuna's number of a study whose metrics are named; None where Optuna must make or upgrade the file."""
    if len(tables_in(connection, _TABLES)) < len(_TABLES):
        return None
    if connection.execute("SELECT schema_version FROM version_info").fetchall() != [(SCHEMA_VERSION,)]:
        return None
    found = connection.execute(
        "SELECT study_id FROM studies JOIN study_system_attributes USING (study_id) WHERE study_name = ? AND key = ?",
        (name, _METRICS),
    ).fetchall()
    return int(found[0][0]) if found else None


def content_of(trial: FinishedTrial) -> Content:
    """Return what is compared of a finished proposal."""
    return str(trial.placement), trial.values, trial.has_failed


def present_in(connection: sqlite3.Connection, study: int) -> dict[int, tuple[int, Content]]:
    """Return the number and the content of the last trial of each proposal; trials of others are left out."""
    present: dict[int, tuple[int, Content]] = {}
    for number, state, placement, proposal, *values, worst in connection.execute(_PRESENT, (study,)):
        if placement is not None:
            result = None if state == "FAIL" else tuple(value for value in values if value is not None)
            content = (json.loads(placement), result, worst is not None and worst > 0)
            present[number if proposal is None else json.loads(proposal)] = (number, content)
    return present


def trainings_in(connection: sqlite3.Connection, study: int) -> dict[str, tuple[int, str]]:
    """Return the number and the state of the last trial of each training, by its key."""
    query = (
        "SELECT u.value_json, t.number, t.state FROM trials t JOIN trial_user_attributes u USING (trial_id) "
        "WHERE t.study_id = ? AND u.key = ? ORDER BY t.trial_id"
    )
    return {json.loads(key): (number, state) for key, number, state in connection.execute(query, (study, TRAINING))}


def append(
    connection: sqlite3.Connection, study: int, rows: Iterable[Row], *, proposal_key: str, superseded_key: str
) -> None:
    """Add finished trials in one transaction; other processes may add trials of their own."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        ((trial,),) = connection.execute("SELECT coalesce(max(trial_id), 0) FROM trials")
        ((number,),) = connection.execute("SELECT count(*) FROM trials WHERE study_id = ?", (study,))
        trials: list[tuple[Any, ...]] = []
        params: list[tuple[Any, ...]] = []
        values: list[tuple[Any, ...]] = []
        curves: list[tuple[Any, ...]] = []
        attributes: list[tuple[Any, ...]] = []
        system: list[tuple[Any, ...]] = []
        superseded: dict[str, int] = {}
        for row in rows:
            trial += 1
            finished = row.trial
            own = {} if row.proposal in (None, number) else {proposal_key: row.proposal}
            state = "FAIL" if finished.values is None else "PRUNED" if finished.is_pruned else "COMPLETE"
            trials.append((trial, number, study, state, _text(finished.started), _text(finished.ended)))
            params += [(trial, name, value, choices) for name, (value, choices) in row.params.items()]
            curves += [(trial, epoch, value) for epoch, value in finished.curve.items()]
            values += [(trial, objective, value) for objective, value in enumerate(finished.values or ())]
            attributes += [(trial, key, json.dumps(value)) for key, value in {**finished.attributes, **own}.items()]
            system += [(trial, key, json.dumps(value)) for key, value in finished.system_attributes.items()]
            if row.instead_of is not None:
                superseded[str(row.instead_of)] = number
            number += 1
        connection.executemany("INSERT INTO trials VALUES (?, ?, ?, ?, ?, ?)", trials)
        connection.executemany("INSERT INTO trial_params VALUES (NULL, ?, ?, ?, ?)", params)
        connection.executemany("INSERT INTO trial_values VALUES (NULL, ?, ?, ?, 'FINITE')", values)
        connection.executemany("INSERT INTO trial_intermediate_values VALUES (NULL, ?, ?, ?, 'FINITE')", curves)
        connection.executemany("INSERT INTO trial_user_attributes VALUES (NULL, ?, ?, ?)", attributes)
        connection.executemany("INSERT INTO trial_system_attributes VALUES (NULL, ?, ?, ?)", system)
        if superseded:
            _note_superseded(connection, study, superseded, key=superseded_key)


def _note_superseded(connection: sqlite3.Connection, study: int, news: Mapping[str, int], *, key: str) -> None:
    known = connection.execute(
        "SELECT value_json FROM study_user_attributes WHERE study_id = ? AND key = ?", (study, key)
    ).fetchall()
    before = json.loads(known[0][0]) if known else {}
    connection.execute("DELETE FROM study_user_attributes WHERE study_id = ? AND key = ?", (study, key))
    connection.execute(
        "INSERT INTO study_user_attributes VALUES (NULL, ?, ?, ?)", (study, key, json.dumps({**before, **news}))
    )


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")  # in UTC, as Optuna stores it
