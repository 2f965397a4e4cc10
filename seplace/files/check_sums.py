"""A check sum for every row of a ledger, so that a damaged file is told by the row, and never read as other results.

They stand in a table of their own, which triggers of the writing connection keep: a row and its sum are committed
together. A row that is lost is told as well as one that is altered.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable

COLUMNS = {
    "facts": ("key", "value"),
    "evaluations": ("placement", "seed", "epochs", "record"),
    "rungs": ("placement", "seed", "epochs", "record"),
    "failures": ("placement", "seed", "epochs", "record"),
    "proposals": ("number", "placement"),
    "tests": ("placement", "seed", "epochs", "accuracy", "cross_entropy"),
}
"""The tables of a ledger, each with its columns."""

SUMS = "CREATE TABLE IF NOT EXISTS sums (of TEXT NOT NULL, sum TEXT NOT NULL)"
"""One row for each row of the other tables."""

_LENGTH = 32
_LENGTHS_OF_KEYS = {"evaluations": 3, "rungs": 3, "failures": 3, "tests": 3}
"""So many of the values of a damaged row are shown."""


def row_sum(table: str, *values: object) -> str:
    """Return the check sum of a row: SHA-256 of its table and its values, cut to 128 bits."""
    return hashlib.sha256(json.dumps([table, *values], default=repr).encode()).hexdigest()[:_LENGTH]


def add_missing_sums(connection: sqlite3.Connection) -> None:
    """Give every row a sum where the ledger is of version 0.10, which had none; within the caller's transaction."""
    for table in COLUMNS:
        sums = [(table, row_sum(table, *row)) for row in _rows(connection, table)]
        connection.executemany("INSERT INTO sums VALUES (?, ?)", sums)


def keep_sums(connection: sqlite3.Connection) -> None:
    """Let what this connection adds to the tables, or takes from them, have its sum added or taken."""
    connection.create_function("row_sum", -1, row_sum, deterministic=True)
    connection.execute("PRAGMA recursive_triggers = ON")  # a row that is replaced is deleted
    for table, columns in COLUMNS.items():
        old, new = (", ".join([f"'{table}'", *(f"{which}.{column}" for column in columns)]) for which in ("OLD", "NEW"))
        first = f"SELECT rowid FROM sums WHERE of = '{table}' AND sum = row_sum({old}) LIMIT 1"
        connection.execute(
            f"CREATE TEMP TRIGGER {table}_added AFTER INSERT ON main.{table} "
            f"BEGIN INSERT INTO sums VALUES ('{table}', row_sum({new})); END"
        )
        connection.execute(
            f"CREATE TEMP TRIGGER {table}_taken AFTER DELETE ON main.{table} "
            f"BEGIN DELETE FROM sums WHERE rowid = ({first}); END"
        )


def damage_in(connection: sqlite3.Connection) -> str | None:
    """Say which row is not what was written, or which table lacks one; None where all rows are as their sums say."""
    known = Counter(connection.execute("SELECT of, sum FROM sums"))
    for table in tables_in(connection, COLUMNS):
        for row in _rows(connection, table):
            entry = (table, row_sum(table, *row))
            if not known[entry]:
                shown = ", ".join(repr(value)[:80] for value in row[: _LENGTHS_OF_KEYS.get(table, 1)])
                return f"the row {shown} of {table} is not what was written"
            known[entry] -= 1
    lost = Counter({table: sum(known[entry] for entry in known if entry[0] == table) for table in COLUMNS})
    lost["no table of a ledger"] = known.total() - lost.total()
    return next((f"{count} rows of {table} are not there" for table, count in lost.items() if count), None)


def tables_in(connection: sqlite3.Connection, names: Iterable[str]) -> list[str]:
    """Return which of the tables are there."""
    present = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return [name for name in names if name in present]


def _rows(connection: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    return connection.execute(f"SELECT {', '.join(COLUMNS[table])} FROM {table} ORDER BY rowid").fetchall()
