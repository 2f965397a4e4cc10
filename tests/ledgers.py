"""Ledgers as a test alters them: by other means than a run, so that their check sums have to go first."""

import sqlite3
from contextlib import closing
from pathlib import Path


def make_of_0_10(path: Path) -> None:
    """Turn a ledger into one of version 0.10: without check sums, and without what came with them."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE IF EXISTS sums")
        connection.execute("DROP TABLE IF EXISTS failures")
        connection.execute("UPDATE facts SET value = '1' WHERE key = 'schema_version'")


def alter(path: Path, statement: str, *values: object) -> None:
    """Alter rows of a ledger of version 0.10."""
    make_of_0_10(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, values)
