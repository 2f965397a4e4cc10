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
from json.encoder import encode_basestring_ascii

COLUMNS = {
    "facts": ("key", "value"),
    "evaluations": ("placement", "seed", "epochs", "record"),
    "rungs": ("placement", "seed", "epochs", "record"),
    "failures": ("placement", "seed", "epochs", "record"),
    "proposals": ("number", "placement"),
    "tests": ("placement", "seed", "epochs", "accuracy", "cross_entropy"),
    "test_values": ("placement", "seed", "epochs", "value"),
    "test_images": ("placement", "seed", "epochs", "correct"),
}
"""The columns of each table of a ledger."""

SUMS = "CREATE TABLE IF NOT EXISTS sums (of TEXT NOT NULL, sum TEXT NOT NULL)"
"""The statement that creates the table of sums: one row for each row of the other tables."""

_LENGTH = 32
_LENGTHS_OF_KEYS = {"evaluations": 3, "rungs": 3, "failures": 3, "tests": 3, "test_values": 3, "test_images": 3}
"""How many values of a damaged row are shown; one where the table is not listed."""


def row_sum(table: str, *values: object) -> str:
    """Return the check sum of a row: the first 128 bits of the SHA-256 of its table and its values, as a JSON list."""
    # What json.dumps gives, in a quarter of the time: all rows are read whenever a ledger is opened.
    parts = [f'["{table}"']
    for value in values:
        if type(value) is str:
            parts.append(encode_basestring_ascii(value))
        elif type(value) is int:
            parts.append(repr(value))
        else:
            return _sum(json.dumps([table, *values], default=repr))
    return _sum(", ".join(parts) + "]")


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]


def add_missing_sums(connection: sqlite3.Connection) -> None:
    """Add the sum of each row, within the caller's transaction: ledgers of version 0.10 had none."""
    for table in COLUMNS:
        sums = [(table, row_sum(table, *row)) for row in connection.execute(_all(table)).fetchall()]
        connection.executemany("INSERT INTO sums VALUES (?, ?)", sums)


def keep_sums(connection: sqlite3.Connection) -> None:
    """Create the triggers that add and remove the sums of the rows that this connection adds and removes."""
    connection.create_function("row_sum", -1, row_sum, deterministic=True)
    connection.execute("PRAGMA recursive_triggers = ON")  # else replacing a row does not delete its sum
    for table, columns in COLUMNS.items():
        old, new = (", ".join([f"'{table}'", *(f"{which}.{column}" for column in columns)]) for which in ("OLD", "NEW"))
        # From the end, since what is replaced is mostly new: such as the fact how long the search has taken.
        last = f"SELECT rowid FROM sums WHERE of = '{table}' AND sum = row_sum({old}) ORDER BY rowid DESC LIMIT 1"
        connection.execute(
            f"CREATE TEMP TRIGGER {table}_added AFTER INSERT ON main.{table} "
            f"BEGIN INSERT INTO sums VALUES ('{table}', row_sum({new})); END"
        )
        connection.execute(
            f"CREATE TEMP TRIGGER {table}_taken AFTER DELETE ON main.{table} "
            f"BEGIN DELETE FROM sums WHERE rowid = ({last}); END"
        )


def damage_in(connection: sqlite3.Connection) -> str | None:
    """Name a row that does not match its sum, or a table that lacks rows; None where all rows match."""
    if _all_match(connection):
        return None
    known = Counter(connection.execute("SELECT of, sum FROM sums"))
    for table in tables_in(connection, COLUMNS):
        for row in connection.execute(_all(table)):
            entry = (table, row_sum(table, *row))
            if not known[entry]:
                shown = ", ".join(repr(value)[:80] for value in row[: _LENGTHS_OF_KEYS.get(table, 1)])
                return f"the row {shown} of {table} does not match its check sum"
            known[entry] -= 1
    lost: Counter[str] = Counter()
    for (table, _), count in known.items():
        if count:
            lost[table if table in COLUMNS else "no table of a ledger"] += count
    ordered = [*COLUMNS, "no table of a ledger"]
    return next((f"{lost[table]} rows of {table} are missing" for table in ordered if lost[table]), None)


def _all_match(connection: sqlite3.Connection) -> bool:
    """Return whether all rows match their sums; False also where only `row_sum` can say.

    SQLite writes the JSON of a row as `row_sum` does, unless it holds fractions or other characters than ASCII.
    """
    factory, connection.text_factory = connection.text_factory, bytes
    count = 0
    try:
        for table in tables_in(connection, COLUMNS):
            values = " || ', ' || ".join(f"json_quote({column})" for column in COLUMNS[table])
            texts = connection.execute(f"SELECT '[\"{table}\", ' || {values} || ']' FROM {table} ORDER BY rowid")
            sums = [hashlib.sha256(text).hexdigest()[:_LENGTH].encode() for (text,) in texts]
            known = [
                each for (each,) in connection.execute("SELECT sum FROM sums WHERE of = ? ORDER BY rowid", (table,))
            ]
            if sums != known and Counter(sums) != Counter(known):
                return False
            count += len(known)
        ((total,),) = connection.execute("SELECT count(*) FROM sums")
    except (sqlite3.OperationalError, TypeError):  # SQLite makes no JSON of a value
        return False
    finally:
        connection.text_factory = factory
    return bool(total == count)


def tables_in(connection: sqlite3.Connection, names: Iterable[str]) -> list[str]:
    """Return the names of the tables that exist."""
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return [name for name in names if connection.execute(query, (name,)).fetchone()]


def _all(table: str) -> str:
    return f"SELECT {', '.join(COLUMNS[table])} FROM {table} ORDER BY rowid"
