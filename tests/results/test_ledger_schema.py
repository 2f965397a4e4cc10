"""Ledgers of other versions and of other people: refused by name, upgraded with a back-up, and never obeyed."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from seplace.errors import CorruptResults
from seplace.files.check_sums import row_sum
from seplace.results.ledger import Ledger
from seplace.results.ledger_schema import SCHEMA_VERSION
from seplace.version import __version__
from tests.ledgers import make_of_0_10, make_of_0_12
from tests.results.test_ledger import evaluation, filled

NEVER_ENDS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT"
TESTS = "placement TEXT NOT NULL, seed INTEGER NOT NULL, epochs INTEGER NOT NULL, accuracy REAL NOT NULL"


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def set_version(path: Path, value: object, *, writer: str | None) -> None:
    facts = {"schema_version": value, "seplace": writer}
    with closing(sqlite3.connect(path)) as connection, connection:
        for key, each in facts.items():
            connection.execute("DELETE FROM facts WHERE key = ?", (key,))
            if each is not None:
                connection.execute("INSERT INTO facts VALUES (?, ?)", (key, json.dumps(each)))
        connection.execute("DELETE FROM sums WHERE of = 'facts'")
        rows = connection.execute("SELECT key, value FROM facts").fetchall()
        connection.executemany("INSERT INTO sums VALUES ('facts', ?)", [(row_sum("facts", *row),) for row in rows])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    filled(tmp_path / "ledger.sqlite", count=2)
    return tmp_path / "ledger.sqlite"


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize(
    ("version", "writer", "says"),
    [
        (6, "0.19.2", r"written by a newer seplace, 0\.19\.2 \(ledger schema 6, this one reads 5\)"),
        (6, None, r"written by a newer seplace \(ledger schema 6, this one reads 5\)"),
        (6, 7, r"written by a newer seplace \(ledger schema 6, this one reads 5\)"),
        ("5", None, r"the ledger is damaged: its schema version is '\"5\"'"),
        (True, None, r"the ledger is damaged: its schema version is 'true'"),
        (0, None, r"the ledger is damaged: its schema version is '0'"),
        ([1], None, r"the ledger is damaged: its schema version is '\[1\]'"),
    ],
)
def test_another_schema_is_refused_by_name(path, read_only, version, writer, says):
    set_version(path, version, writer=writer)
    data = path.read_bytes()
    with pytest.raises(CorruptResults, match=says):
        Ledger(path, read_only=read_only)
    assert path.read_bytes() == data


def test_a_newer_ledger_is_named_although_it_has_tables_that_this_version_does_not_know(path):
    set_version(path, 9, writer="1.2.0")
    change(path, "CREATE TABLE curves (placement TEXT)", "DROP TABLE tests")
    with pytest.raises(CorruptResults, match=r"a newer seplace, 1\.2\.0"):
        Ledger(path, read_only=True)


def test_a_ledger_says_which_version_wrote_it(path):
    with Ledger(path, read_only=True) as ledger:
        assert ledger.fact("seplace") == __version__


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize(
    ("statements", "says"),
    [
        pytest.param(
            ["DROP TABLE facts", f"CREATE VIEW facts AS {NEVER_ENDS} 'schema_version' AS key, x AS value FROM n"],
            "view 'facts'",
            id="a view that never ends in place of the facts",
        ),
        pytest.param(
            ["DROP TABLE tests", f"CREATE VIEW tests AS {NEVER_ENDS} x, x, x, x, x FROM n"],
            "view 'tests'",
            id="a view that never ends in place of the tests",
        ),
        pytest.param(
            ["CREATE TRIGGER more AFTER INSERT ON evaluations BEGIN DELETE FROM tests; END"],
            "trigger 'more'",
            id="a trigger",
        ),
        pytest.param(
            ["CREATE INDEX more ON evaluations (randomblob(1000000000))"], "index 'more'", id="an index that computes"
        ),
        pytest.param(
            ["DROP TABLE tests", f"CREATE TABLE tests ({TESTS}, cross_entropy REAL AS (length(zeroblob(1000000000))))"],
            "table 'tests'",
            id="a column that computes",
        ),
        pytest.param(
            ["DROP TABLE tests", f"CREATE TABLE tests ({TESTS}, cross_entropy REAL CHECK (randomblob(9) > 1))"],
            "table 'tests'",
            id="a check that computes",
        ),
        pytest.param(["CREATE TABLE more (x)"], "table 'more'", id="a table of no ledger"),
        pytest.param(
            ["CREATE VIRTUAL TABLE more USING fts5(x)"], "table 'more'", id="a table of another part of SQLite"
        ),
    ],
)
def test_what_sqlite_would_compute_is_refused_before_it_does(path, read_only, statements, says):
    change(path, *[each for each in statements if not each.startswith("CREATE INDEX")])
    if statements[0].startswith("CREATE INDEX"):
        with closing(sqlite3.connect(path)) as connection, connection:  # SQLite itself refuses to create it
            connection.execute("PRAGMA writable_schema = ON")
            row = ("index", "more", "evaluations", 2, statements[0])
            connection.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", row)
    with pytest.raises(CorruptResults, match=rf"ledger\.sqlite: .*({says} is in no ledger|not a readable ledger)"):
        Ledger(path, read_only=read_only)


@pytest.mark.parametrize(("age", "version"), [(make_of_0_10, 1), (make_of_0_12, 3)])
def test_a_ledger_that_is_upgraded_is_kept_as_it_was(path, age, version):
    age(path)
    former = path.read_bytes()
    kept = path.with_name(f"ledger.schema{version}.sqlite")
    with Ledger(path, read_only=True) as ledger:
        rows = ledger.evaluations()
    assert path.read_bytes() == former
    assert not kept.exists()  # reading makes none
    with Ledger(path) as ledger:
        assert ledger.evaluations() == rows
        assert ledger.fact("schema_version") == SCHEMA_VERSION
    assert kept.read_bytes() == former
    with Ledger(path):
        pass
    assert sorted(each.name for each in path.parent.iterdir()) == [kept.name, path.name]


def test_an_earlier_back_up_is_never_replaced(path):
    make_of_0_12(path)
    path.with_name("ledger.schema3.sqlite").write_text("kept from before")
    former = path.read_bytes()
    with Ledger(path):
        pass
    assert path.with_name("ledger.schema3.sqlite").read_text() == "kept from before"
    assert path.with_name("ledger.schema3-2.sqlite").read_bytes() == former


def test_a_back_up_that_cannot_be_written_leaves_the_ledger_as_it_is(path, monkeypatch):
    make_of_0_12(path)
    former = path.read_bytes()

    def full(**_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("seplace.files.atomic.tempfile.NamedTemporaryFile", full)
    with pytest.raises(OSError, match=r"ledger\.schema3\.sqlite: cannot write"):
        Ledger(path)
    assert path.read_bytes() == former
    monkeypatch.undo()
    with Ledger(path) as ledger:
        ledger.add(evaluation(7))
