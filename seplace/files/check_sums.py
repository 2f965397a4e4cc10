"""A check sum for each row of a ledger: a damaged row is named, and never read as another result.

The sums are in a table of their own. Triggers of the writing connection keep it up to date, so that a row and its sum
are committed together. A lost row is found as well as a changed one.
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
    "test_images": ("placement", "seed", "epochs", "correct"),
}
"""The columns of each table of a ledger."""

SUMS = "CREATE TABLE IF NOT EXISTS sums (of TEXT NOT NULL, sum TEXT NOT NULL)"
"""The statement that creates the table of sums: one row for each row of the other tables."""

_LENGTH = 32
_LENGTHS_OF_KEYS = {"evaluations": 3, "rungs": 3, "failures": 3, "tests": 3, "test_images": 3}
"""How many values of a damaged row are shown; one where the table is not listed."""


def row_sum(table: str, *values: object) -> str:
    """Return the check sum of a row: the first 128 bits of the SHA-256 of its table and its values."""
    return hashlib.sha256(json.dumps([table, *values], default=repr).encode()).hexdigest()[:_LENGTH]


def add_missing_sums(connection: sqlite3.Connection) -> None:
    """Add the sum of each row, within the caller's transaction: ledgers of version 0.10 had none."""
    for table in COLUMNS:
        sums = [(table, row_sum(table, *row)) for row in _rows(connection, table)]
        connection.executemany("INSERT INTO sums VALUES (?, ?)", sums)


def keep_sums(connection: sqlite3.Connection) -> None:
    """Create the triggers that add and remove the sums of the rows that this connection adds and removes."""
    connection.create_function("row_sum", -1, row_sum, deterministic=True)
    connection.execute("PRAGMA recursive_triggers = ON")  # else replacing a row does not delete its sum
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
    """Name a row that does not match its sum, or a table that lacks rows; None where all rows match."""
    known = Counter(connection.execute("SELECT of, sum FROM sums"))
    for table in tables_in(connection, COLUMNS):
        for row in _rows(connection, table):
            entry = (table, row_sum(table, *row))
            if not known[entry]:
                shown = ", ".join(repr(value)[:80] for value in row[: _LENGTHS_OF_KEYS.get(table, 1)])
                return f"the row {shown} of {table} does not match its check sum"
            known[entry] -= 1
    lost = Counter({table: sum(known[entry] for entry in known if entry[0] == table) for table in COLUMNS})
    lost["no table of a ledger"] = known.total() - lost.total()
    return next((f"{count} rows of {table} are missing" for table, count in lost.items() if count), None)


def tables_in(connection: sqlite3.Connection, names: Iterable[str]) -> list[str]:
    """Return the names of the tables that exist."""
    present = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return [name for name in names if name in present]


def _rows(connection: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    return connection.execute(f"SELECT {', '.join(COLUMNS[table])} FROM {table} ORDER BY rowid").fetchall()
