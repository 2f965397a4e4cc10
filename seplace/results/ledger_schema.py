"""The schema of ledgers: its versions, the tables that a ledger may have, and the upgrade of older ones.

A ledger may come from anybody. What SQLite would compute by itself (views, triggers, generated columns) is refused
before anything else is read; an SQL function cannot be called from the schema.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection
from pathlib import Path

from seplace.errors import CorruptResults
from seplace.files.check_sums import SUMS, tables_in
from seplace.files.plain_json import read_json

SCHEMA_VERSION = 5
"""Since version 0.16, whose studies may have another metric than accuracy.

It was 4 since version 0.13, which says of each image whether it was classified right, 3 in version 0.12, which has
other words, 2 in version 0.11, which added check sums, and 1 before.
"""

WITH_TODAYS_WORDS = 3
"""The first schema version whose rows name modules and facts as today."""

WRITER = "seplace"
"""The fact that names the version of seplace that wrote last; ledgers before 0.14 do not have it."""

_KEY = "placement TEXT NOT NULL, seed INTEGER NOT NULL, epochs INTEGER NOT NULL"
_UNIQUE = "PRIMARY KEY (placement, seed, epochs)"
STATEMENTS = (
    "CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    f"CREATE TABLE IF NOT EXISTS evaluations ({_KEY}, record TEXT NOT NULL, {_UNIQUE})",
    f"CREATE TABLE IF NOT EXISTS rungs ({_KEY}, record TEXT NOT NULL, {_UNIQUE})",
    f"CREATE TABLE IF NOT EXISTS failures ({_KEY}, record TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS proposals (number INTEGER PRIMARY KEY, placement TEXT NOT NULL)",
    f"CREATE TABLE IF NOT EXISTS tests ({_KEY}, accuracy REAL NOT NULL, cross_entropy REAL NOT NULL, {_UNIQUE})",
    f"CREATE TABLE IF NOT EXISTS test_values ({_KEY}, value REAL NOT NULL, {_UNIQUE})",
    f"CREATE TABLE IF NOT EXISTS test_images ({_KEY}, correct TEXT NOT NULL, {_UNIQUE})",
    SUMS,
)
"""The statements that create the tables. All versions have had the same ones, or fewer.

`tests` are of classification; those of another task stand in `test_values`.
"""


def _compared(statement: str) -> str:
    return re.sub(r"\s+", "", statement).replace("IFNOTEXISTS", "", 1)


_KNOWN = {_compared(statement) for statement in STATEMENTS}


def distrust(connection: sqlite3.Connection) -> None:
    """Let the schema of a file call no function, and a damaged page be found where it is read."""
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")


def strange_object(connection: sqlite3.Connection, *, among: Collection[str] = ()) -> str | None:
    """Return the name of a table, view, trigger or index that no ledger has or that is `among` these names, else None.

    SQLite makes the objects whose names begin with `sqlite_`, and nobody else can.
    """
    for kind, name, sql in connection.execute("SELECT type, name, sql FROM sqlite_master"):
        if among and name not in among:
            continue
        is_internal = kind in ("table", "index") and str(name).startswith("sqlite_")
        if not is_internal and (kind != "table" or _compared(str(sql)) not in _KNOWN):
            return f"{kind} {name!r} is in no ledger"
    return None


def version_of(connection: sqlite3.Connection, path: Path | None) -> int | None:
    """Return the schema version of a file; None where its first run was killed as it began.

    Raises CorruptResults where the version is newer, and names the seplace that wrote it.
    """
    if not tables_in(connection, ["facts"]):
        return None
    rows = connection.execute("SELECT value FROM facts WHERE +key = 'schema_version'").fetchall()
    if not rows:
        return None
    version = _parsed(rows[0][0])
    if isinstance(version, int) and not isinstance(version, bool) and version >= 1:
        if version > SCHEMA_VERSION:
            raise CorruptResults(
                f"{path}: written by a newer seplace{_writer(connection)} "
                f"(ledger schema {version}, this one reads {SCHEMA_VERSION})"
            )
        return version
    raise CorruptResults(f"{path}: the ledger is damaged: its schema version is {str(rows[0][0])[:80]!r}")


def _writer(connection: sqlite3.Connection) -> str:
    """Return the version that wrote a ledger, with a comma and a space before it; empty where it is not known."""
    rows = connection.execute("SELECT value FROM facts WHERE +key = ?", (WRITER,)).fetchall()
    name = _parsed(rows[0][0]) if rows else None
    return f", {name[:40]}" if isinstance(name, str) else ""


def _parsed(value: object) -> object:
    try:
        return read_json(value) if isinstance(value, str) and len(value) < 1000 else None
    except ValueError:
        return None
