"""The words of files that earlier versions wrote, each with the word that stands for it now.

Old studies, search spaces, results and simulations are read; what is written has the words of today. No other module
knows an old word.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from seplace.files.atomic import keep_back_up
from seplace.files.check_sums import COLUMNS, tables_in

_MODULES = {"paper": "native"}
_FORMER_MODULES = {now: former for former, now in _MODULES.items()}
_EVALUATORS = {"table": "tabular"}
_FACTS = {"own_yardsticks": "own_baselines"}
_SITE = {"has_paper_gate": "has_native_gate"}
_REPETITION = {"world": "problem"}
_OUTCOME = {"belief": "calibration"}
_BASELINE = "yardstick"
"""The attribute of a trial that now is `baseline`; the plain backbone was called `none` in it."""
_COUNT = {"members": "front_points"}
_MEASURED = {"accuracy": "value"}

COST_FILE = "prices.json"
"""The name of `costs.json` in a results folder."""

_SCORE = "score/"
"""The facts of a ledger that begin so end with a placement: `score/<proxy>/<placement>`."""

_TABLES_OF_OPTUNA = ("trial_params", "trial_user_attributes")
_NAMES = "WHERE key = 'placement' AND instr(value_json, ?)"
"""The attributes of trials that name a placement with a word."""

_BUSY_SECONDS = 120.0

_Row = tuple[Any, ...]


def current_choice(text: str) -> str:
    """Return the text of what stands in one stage in today's words."""
    return _MODULES.get(text, text)


def former_choice(text: str) -> str:
    """Return the text of what stands in one stage as version 0.11 wrote it."""
    return _FORMER_MODULES.get(text, text)


def current_placement(text: str) -> str:
    """Return the text of a placement in today's words."""
    return _by_stage(text, current_choice)


def former_placement(text: str) -> str:
    """Return the text of a placement as version 0.11 wrote it."""
    return _by_stage(text, former_choice)


def _by_stage(text: str, rename: Callable[[str], str]) -> str:
    stages, at, variant = text.partition("@")
    return "-".join(map(rename, stages.split("-"))) + at + variant


def current_space_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a search space file with today's names of modules."""
    current = dict(values)
    if "choices" in current:
        current["choices"] = _current_modules(current["choices"])
    if isinstance(current.get("stages"), tuple):
        current["stages"] = tuple(map(_current_modules, current["stages"]))
    return current


def _current_modules(block: Any) -> Any:
    if not isinstance(block, dict) or not isinstance(block.get("modules"), tuple):
        return block
    modules = tuple(current_choice(each) if isinstance(each, str) else each for each in block["modules"])
    return block | {"modules": modules}


def current_study_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a study file with today's name of its evaluator."""
    current, evaluator = dict(values), values.get("evaluator")
    if isinstance(evaluator, dict) and isinstance(evaluator.get("name"), str):
        current["evaluator"] = evaluator | {"name": _EVALUATORS.get(evaluator["name"], evaluator["name"])}
    return current


def current_outcome(repetition: Mapping[str, Any], outcome: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a line of a file of repetitions, a search and what came of it, with today's keys."""
    current = _renamed(outcome, _OUTCOME)
    current["calibration"] = _renamed(current["calibration"], _COUNT)
    current["curve"] = [_renamed(row, _COUNT) for row in current["curve"]]
    return _renamed(repetition, _REPETITION), current


def current_record(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the record of an evaluation with today's keys: versions before 0.16 had no metric but accuracy."""
    if "accuracy" not in record or "value" in record:
        return record
    current = _renamed(record, _MEASURED)
    current["curve"] = [_renamed(point, _MEASURED) if isinstance(point, dict) else point for point in record["curve"]]
    return current


def renamed_rows(connection: sqlite3.Connection) -> Iterator[tuple[str, int, _Row]]:
    """Yield the table, the rowid and the values in today's words of each row of a ledger that has old words."""
    for table in tables_in(connection, COLUMNS):
        for rowid, *row in connection.execute(f"SELECT rowid, {', '.join(COLUMNS[table])} FROM {table}").fetchall():
            try:
                current = _current_row(table, tuple(row))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                continue  # damaged; reading it raises an error that says so
            if current != tuple(row):
                yield table, rowid, current


def rename_rows(connection: sqlite3.Connection) -> None:
    """Write today's words into the rows of a ledger, each in its place, within the caller's transaction."""
    for table, rowid, row in list(renamed_rows(connection)):
        columns = ", ".join(["rowid", *COLUMNS[table]])
        marks = ", ".join("?" for _ in (rowid, *row))
        connection.execute(f"INSERT OR REPLACE INTO {table} ({columns}) VALUES ({marks})", (rowid, *row))


def rename_trials(path: Path) -> None:
    """Write today's names of modules, and of the attribute that marks baselines, into the trials of an Optuna file.

    The file as it was is kept beside it, as `optuna.former.db`. Raises DiskFull.
    """
    with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as connection, connection:
        if len(tables_in(connection, _TABLES_OF_OPTUNA)) < len(_TABLES_OF_OPTUNA):
            return  # nothing is written yet
        connection.execute("BEGIN IMMEDIATE")
        if not _has_former_trials(connection):
            return
        keep_back_up(path, connection.serialize(), mark="former")
        connection.create_function("renamed", 1, lambda value: json.dumps(current_placement(json.loads(value))))
        for former, now in _MODULES.items():
            connection.execute(
                "UPDATE trial_params SET distribution_json = replace(distribution_json, ?1, ?2) "
                "WHERE instr(distribution_json, ?1)",
                (json.dumps(former), json.dumps(now)),
            )
            connection.execute(f"UPDATE trial_user_attributes SET value_json = renamed(value_json) {_NAMES}", (former,))
        connection.create_function("current_baseline", 1, lambda value: re.sub('^"none\\b', '"plain', value))
        connection.execute(
            "UPDATE OR IGNORE trial_user_attributes SET key = 'baseline', value_json = current_baseline(value_json) "
            "WHERE key = ?",
            (_BASELINE,),
        )


def _has_former_trials(connection: sqlite3.Connection) -> bool:
    queries: list[tuple[str, str]] = [("SELECT 1 FROM trial_user_attributes WHERE key = ?", _BASELINE)]
    for former in _MODULES:
        queries.append(("SELECT 1 FROM trial_params WHERE instr(distribution_json, ?)", json.dumps(former)))
        queries.append((f"SELECT 1 FROM trial_user_attributes {_NAMES}", former))
    return any(connection.execute(f"{query} LIMIT 1", (value,)).fetchone() for query, value in queries)


def _current_row(table: str, row: _Row) -> _Row:
    if table == "facts":
        return _current_fact(*row)
    if table == "proposals":
        number, placement = row
        return number, current_placement(placement)
    placement, *others = row
    current = current_placement(placement)
    if current != placement and "record" in COLUMNS[table]:
        others[-1] = json.dumps(json.loads(others[-1]) | {"placement": current})
    return current, *others


def _current_fact(key: str, value: str) -> _Row:
    key = _FACTS.get(key, key)
    if key.startswith(_SCORE):
        head, slash, placement = key.rpartition("/")
        return head + slash + current_placement(placement), value
    if key not in _CONTENTS:
        return key, value
    content = json.loads(value)
    current = _CONTENTS[key](content)
    return key, value if current == content else json.dumps(current)


def _current_fingerprint(fingerprint: dict[str, Any]) -> dict[str, Any]:
    current = dict(fingerprint)
    for key, value in fingerprint.items():
        if key.startswith("space.choices["):
            current[key] = list(map(current_choice, value))
        elif key == "evaluator.name":
            current[key] = _EVALUATORS.get(value, value)
    return current


def _current_space(space: dict[str, Any]) -> dict[str, Any]:
    return space | {
        "backbone": _current_backbone(space["backbone"]),
        "variants": list(map(_current_backbone, space["variants"])),
        "choices": [list(map(current_choice, choices)) for choices in space["choices"]],
    }


def _current_backbone(backbone: dict[str, Any]) -> dict[str, Any]:
    return backbone | {"stages": [[_renamed(site, _SITE) for site in stage] for stage in backbone["stages"]]}


_CONTENTS: Mapping[str, Callable[[Any], Any]] = {
    "fingerprint": _current_fingerprint,
    "space": _current_space,
    "latencies": lambda latencies: {current_placement(text): each for text, each in latencies.items()},
    "confirm_rounds": lambda rounds: [[[current_placement(text), seed] for text, seed in each] for each in rounds],
}
"""The facts of a ledger that hold old words inside."""


def _renamed(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in values.items()}
