"""Ledgers as a test alters them: by other means than a run, so that their check sums have to go first."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from seplace.costs.stored import _sum_of
from seplace.files.check_sums import COLUMNS, add_missing_sums, row_sum, tables_in


def _write_accuracies(connection: sqlite3.Connection) -> None:
    """Give evaluations the words of before version 0.16, which knew accuracy alone."""
    for table in tables_in(connection, ("evaluations", "rungs", "failures")):
        connection.execute(f"UPDATE {table} SET record = replace(record, '\"value\":', '\"accuracy\":')")


def make_of_0_12(path: Path) -> None:
    """Turn a ledger into one of version 0.12: nothing in it says of an image whether it was right."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE evaluations SET record = json_remove(record, '$.correct')")
        _write_accuracies(connection)
        connection.execute("DROP TABLE test_images")
        connection.execute("DROP TABLE test_values")
        connection.execute("UPDATE facts SET value = '3' WHERE key = 'schema_version'")
        connection.execute("DELETE FROM sums")
        for table in tables_in(connection, COLUMNS):
            rows = connection.execute(f"SELECT {', '.join(COLUMNS[table])} FROM {table}").fetchall()
            connection.executemany("INSERT INTO sums VALUES (?, ?)", [(table, row_sum(table, *row)) for row in rows])


def make_of_0_10(path: Path) -> None:
    """Turn a ledger into one of version 0.10: without check sums, and without what came with them."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE IF EXISTS sums")
        connection.execute("DROP TABLE IF EXISTS failures")
        connection.execute("DROP TABLE IF EXISTS test_values")
        _write_accuracies(connection)
        without = "UPDATE evaluations SET record = json_remove(record, '$.correct')"
        connection.execute(f"{without} WHERE json_valid(record) AND json_type(record) = 'object'")
        connection.execute("UPDATE facts SET value = '1' WHERE key = 'schema_version'")


def alter(path: Path, statement: str, *values: object) -> None:
    """Alter rows of a ledger of version 0.10."""
    make_of_0_10(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, values)


def make_of_0_11(folder: Path) -> None:
    """Give the results of a study the words of version 0.11: its files, its ledger and its Optuna study."""
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as connection, connection:
        connection.execute("DELETE FROM sums")
        _write_accuracies(connection)
        for table, columns in COLUMNS.items():
            for column in columns:
                renamed = f"UPDATE {table} SET {column} = replace({column}, 'native', 'paper')"
                connection.execute(f"{renamed} WHERE typeof({column}) = 'text'")
        connection.execute("UPDATE facts SET key = 'own_yardsticks' WHERE key = 'own_baselines'")
        connection.execute("UPDATE facts SET value = '2' WHERE key = 'schema_version'")
        add_missing_sums(connection)
    with closing(sqlite3.connect(folder / "optuna.db")) as connection, connection:
        connection.execute("UPDATE trial_params SET distribution_json = replace(distribution_json, 'native', 'paper')")
        connection.execute("UPDATE trial_user_attributes SET value_json = replace(value_json, 'native', 'paper')")
        former = "key = 'yardstick', value_json = replace(value_json, 'plain', 'none')"
        connection.execute(f"UPDATE trial_user_attributes SET {former} WHERE key = 'baseline'")
    content = json.loads((folder / "costs.json").read_text().replace("native", "paper"))
    content = {name: content[name] for name in ("key", "table")}
    (folder / "costs.json").unlink()
    (folder / "prices.json").write_text(json.dumps(content | {"sha256": _sum_of(content)}))
    space = folder / "space.yaml"
    space.write_text(space.read_text().replace("native", "paper"))
