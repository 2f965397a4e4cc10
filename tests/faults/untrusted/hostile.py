"""Results folders as somebody else may have made them: mutated at random, with check sums that hold."""

import copy
import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from seplace.api import Results
from seplace.cli import results as commands
from seplace.costs.stored import _sum_of
from seplace.errors import SeplaceError
from seplace.evaluators.tabular_benchmark import TabularBenchmark
from seplace.files.check_sums import COLUMNS, row_sum, tables_in
from seplace.metric import ACCURACY
from seplace.results.noise import noise_frame
from seplace.results.pilot import pilot_of
from seplace.results.tables import to_csv

HONEST = Path(__file__).parents[2] / "former" / "results_of_each_schema" / "0.13.0"
ESCAPES = "cat\x1b]8;;http://evil\x07\x1b[2J\u202e\x9b31m\r"
"""What a terminal would obey: a link, a clear screen, another direction, a color, the start of the line."""

VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        "",
        "x",
        ESCAPES,
        "\ud800",
        "../../etc/passwd",
        "=cmd|' /C calc'!A0",
        "[bold]x[/",
        "$\\frac{$",
    ),
    *(0, -1, 1, 7, 10**6, 10**12, 2**70, -(2**70), 0.0, -0.5, 1e308, float("nan"), float("inf"), "9" * 30),
    *([], {}, [[]], [None], {"": 1}, {"a": {"b": [1]}}, "a" * 5000, "none-none", "os:system", [1, 2, 3]),
)
TEXTS = ("", "{", "[" * 100_000, "9" * 6000, "NaN", '{"a": NaN}', "\x00")
"""What is no JSON."""


def honest(folder: Path) -> Path:
    """Copy a results folder that a run of seplace 0.13 has left."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(HONEST, folder)
    return folder


def alter(folder: Path, statement: str, *values: object) -> None:
    """Alter a ledger as an attacker does, who computes the check sums anew."""
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as connection, connection:
        connection.execute(statement, values)
        connection.execute("DELETE FROM sums")
        for table in tables_in(connection, COLUMNS):
            rows = connection.execute(f"SELECT {', '.join(COLUMNS[table])} FROM {table}").fetchall()
            connection.executemany("INSERT INTO sums VALUES (?, ?)", [(table, row_sum(table, *row)) for row in rows])


def set_fact(folder: Path, key: str, text: str) -> None:
    """Replace a fact, or add it."""
    alter(folder, "INSERT OR REPLACE INTO facts VALUES (?, ?)", key, text)


def change_record(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Replace the record of the first evaluation by a changed one."""
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as connection:
        ((rowid, text), *_) = connection.execute("SELECT rowid, record FROM evaluations").fetchall()
    record = json.loads(text)
    change(record)
    alter(folder, "UPDATE evaluations SET record = ? WHERE rowid = ?", json.dumps(record), rowid)


def mutate(folder: Path, draw: random.Random) -> str:
    """Change one value of a results folder at random, and say where."""
    if draw.random() < 0.15:
        path = folder / "costs.json"
        content = mutated(json.loads(path.read_text()), draw)
        if isinstance(content, dict) and {"key", "table"} <= content.keys() and draw.random() < 0.8:
            content["sha256"] = _sum_of(content)
        path.write_text(json.dumps(content))
        return "costs.json"
    table = draw.choice(("facts", "facts", "facts", "evaluations", "evaluations", "tests", "proposals"))
    column = COLUMNS[table][-1] if draw.random() < 0.85 else draw.choice(COLUMNS[table])
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as connection:
        rowid, old, name = draw.choice(
            connection.execute(f"SELECT rowid, {column}, {COLUMNS[table][0]} FROM {table}").fetchall()
        )
    new: Any = draw.choice([each for each in VALUES if isinstance(each, str | float)])
    new = 7 if column == "number" else new
    if column in ("value", "record"):
        new = json.dumps(mutated(json.loads(old), draw)) if draw.random() < 0.95 else draw.choice(TEXTS)
    elif isinstance(new, str):
        new = new.replace("\ud800", "\ufffd")
    alter(folder, f"UPDATE OR IGNORE {table} SET {column} = ? WHERE rowid = ?", new, rowid)
    return f"{table} {name}: {column}"


def mutated(value: Any, draw: random.Random) -> Any:
    """Return a JSON value with one change somewhere in it."""
    root = {"value": copy.deepcopy(value)}
    holder, key = draw.choice(list(_places(root)))
    how = draw.randrange(6)
    if holder is root:
        root["value"] = draw.choice(VALUES)
    elif how == 0:
        del holder[key]
    elif how == 1 and isinstance(holder, dict):
        holder[draw.choice(("x", "é\x1b", "", "none", "none-none-none-none"))] = holder.pop(key)
    elif how == 2 and isinstance(holder, list):
        holder.extend([holder[key]] * draw.choice((1, 50)))
    else:
        holder[key] = draw.choice(VALUES)
    return root["value"]


def _places(value: Any) -> list[tuple[Any, Any]]:
    found, waiting = [], [value]
    while waiting:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        found += [(holder, key) for key in keys]
        waiting += [holder[key] for key in keys]
    return found


def read_all(folder: Path) -> str:
    """Read all that the commands read of a results folder, and return what they print; refusals are raised."""
    with redirect_stdout(StringIO()) as printed:
        results = Results.load(folder)
        for name in ("evaluations", "placements", "front", "recommended", "effects", "rungs", "proxies"):
            table = getattr(results, name)
            print(to_csv(table).encode().decode())
            print(table.to_json(orient="records"))
        json.dumps([results.provenance, results.verdict, results.outlook, results.rungs_note, results.test_check])
        for command in (commands.status, commands.front, commands.effects, commands.recommend):
            command(folder)
        for read in (
            lambda: results.pick("knee"),
            lambda: pilot_of(results.rows),
            lambda: noise_frame(results.rows, ACCURACY),
        ):
            refusal_of(read)
        TabularBenchmark.load(folder)
    return printed.getvalue()


def refusal_of(read: Callable[[], object]) -> str | None:
    """Return the message of a refusal, or None; any other error is a fault of ours."""
    try:
        read()
    except SeplaceError as error:
        return str(error)
    return None
