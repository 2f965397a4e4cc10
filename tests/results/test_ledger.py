import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from seplace.arrays import ImageBits
from seplace.errors import CorruptResults
from seplace.files.atomic import DiskFull
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation
from seplace.results.ledger import Ledger
from seplace.results.ledger_schema import SCHEMA_VERSION
from tests.ledgers import alter, make_of_0_10, make_of_0_12


def evaluation(seed: int = 0, text: str = "none-se16-eca.parallel", **changes) -> Evaluation:
    values = {
        "placement": Placement.parse(text),
        "seed": seed,
        "epochs": 2,
        "state": "complete",
        "value": 80.1 + seed,
        "cross_entropy": 0.3,
        "curve": ({"epoch": 2, "value": 80.1, "cross_entropy": 0.3, "train_loss": 0.25},),
        "costs": {"flops": 12345, "latency_ms": 0.7},
        "versions": {"torch": "2.13.0"},
    }
    return Evaluation(**(values | changes))


RIGHT = ImageBits.of(np.arange(70) % 7 > 1)
"""Of 70 images 50 are right."""

FAILED = evaluation(9, state="failed", value=None, cross_entropy=None, curve=(), reason="oom", message="×\n'\"")


def filled(path: Path, *, count: int = 60) -> list[Evaluation]:
    rows = [evaluation(seed) for seed in range(count)]
    with Ledger(path) as ledger:
        for row in rows:
            ledger.add(row)
            ledger.add_test(row.key, value=70.5, cross_entropy=0.1)
            ledger.add_proposal(row.seed, row.placement)
    return rows


def test_what_is_added_is_read_back_in_order(tmp_path):
    path = tmp_path / "new" / "ledger.sqlite"
    rows = [evaluation(1), FAILED, evaluation(0), evaluation(0, text="none-none-none")]
    with Ledger(path) as ledger:
        for row in rows:
            ledger.add(row)
        assert ledger.evaluations() == rows
    with Ledger(path) as ledger:
        assert ledger.evaluations() == rows


def test_facts_tests_and_proposals_are_read_back(tmp_path):
    row = evaluation()
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert ledger.fact("rounds") is None
        ledger.set_fact("rounds", [["none", 1]])
        ledger.set_fact("rounds", {"a": [1.5, None, True]})
        ledger.add_test(row.key, value=70.5, cross_entropy=0.1)
        ledger.add_proposal(3, row.placement)
        ledger.add_proposal(3, Placement.parse("none-none-none"))
    with Ledger(tmp_path / "ledger.sqlite", read_only=True) as ledger:
        assert ledger.fact("rounds") == {"a": [1.5, None, True]}
        assert ledger.tests() == {row.key: (70.5, 0.1)}
        assert ledger.proposals() == {3: row.placement}


def test_the_images_that_were_right_are_read_back(tmp_path):
    known, unknown = evaluation(0, value=RIGHT.accuracy, correct=RIGHT), evaluation(1)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        for row in (known, unknown):
            ledger.add(row)
            correct = None if row is unknown else RIGHT
            ledger.add_test(row.key, value=RIGHT.accuracy, cross_entropy=0.1, samples=correct)
    with Ledger(tmp_path / "ledger.sqlite", read_only=True) as ledger:
        assert ledger.evaluations() == [known, unknown]
        assert ledger.tests().keys() == {known.key, unknown.key}
        assert ledger.test_images() == {known.key: RIGHT}


def test_a_ledger_of_0_12_knows_no_images_and_goes_on_with_them(tmp_path):
    path = tmp_path / "ledger.sqlite"
    old, new = (evaluation(seed, value=RIGHT.accuracy, correct=RIGHT) for seed in (0, 1))
    with Ledger(path) as ledger:
        ledger.add(old)
        ledger.add_test(old.key, value=RIGHT.accuracy, cross_entropy=0.1, samples=RIGHT)
    make_of_0_12(path)
    data = path.read_bytes()
    with Ledger(path, read_only=True) as ledger:
        assert ledger.evaluations() == [replace(old, correct=None)]
        assert (ledger.tests().keys(), ledger.test_images()) == ({old.key}, {})
    assert path.read_bytes() == data
    with Ledger(path) as ledger:
        ledger.add(new)
    with Ledger(path, read_only=True) as ledger:
        assert ledger.evaluations() == [replace(old, correct=None), new]
        assert ledger.fact("schema_version") == SCHEMA_VERSION


@pytest.mark.parametrize("record", ["{", "[]", '{"count": 70, "packed": "~ ~"}', '{"count": 71, "packed": "00000"}'])
def test_images_of_a_test_that_cannot_be_read_are_named(tmp_path, record):
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        ledger.add_test(evaluation().key, value=RIGHT.accuracy, cross_entropy=0.1, samples=RIGHT)
    alter(path, "UPDATE test_images SET correct = ?", record)
    with Ledger(path, read_only=True) as ledger, pytest.raises(CorruptResults, match="the images of a test cannot be"):
        ledger.test_images()


def test_results_at_rungs_are_kept_apart(tmp_path):
    path = tmp_path / "ledger.sqlite"
    whole, rung = evaluation(0), evaluation(0, epochs=1, value=60.0, curve=())
    with Ledger(path) as ledger:
        ledger.add(whole)
        ledger.add_rung(rung)
        with pytest.raises(sqlite3.IntegrityError):
            ledger.add_rung(rung)
    with Ledger(path, read_only=True) as ledger:
        assert ledger.evaluations() == [whole]
        assert ledger.rungs() == [rung]


def test_a_ledger_of_a_time_before_rungs_has_none(tmp_path):
    rows = filled(tmp_path / "ledger.sqlite", count=2)
    alter(tmp_path / "ledger.sqlite", "DROP TABLE rungs")
    with Ledger(tmp_path / "ledger.sqlite", read_only=True) as ledger:
        assert ledger.rungs() == []
        assert ledger.evaluations() == rows


def test_facts_are_found_by_the_beginning_of_their_keys(tmp_path):
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        for key, value in {"scored/b": 2, "scored/a_%*": None, "scoreds/c": 3, "Scored/d": 4, "other": 5}.items():
            ledger.set_fact(key, value)
        assert ledger.facts("scored/") == {"a_%*": None, "b": 2}
        assert ledger.facts("scored*") == {}


def test_a_finished_evaluation_is_never_altered(tmp_path):
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.add(evaluation())
        with pytest.raises(sqlite3.IntegrityError):
            ledger.add(evaluation(value=99.0))
        ledger.add_test(evaluation().key, value=70.0, cross_entropy=0.1)
        with pytest.raises(sqlite3.IntegrityError):
            ledger.add_test(evaluation().key, value=99.0, cross_entropy=0.1)
        assert ledger.evaluations() == [evaluation()]
        assert ledger.tests() == {evaluation().key: (70.0, 0.1)}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_not_stored(tmp_path, value):
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        with pytest.raises(ValueError, match=r"seed 0: its evaluation cannot be kept \(value: Input should be"):
            ledger.add(evaluation(value=value))
        assert ledger.evaluations() == []


def test_each_evaluation_is_there_for_others_at_once(tmp_path):
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as writer, Ledger(path, read_only=True) as reader:
        writer.add(evaluation())
        assert reader.evaluations() == [evaluation()]


def test_a_reader_writes_nothing(tmp_path):
    path = tmp_path / "ledger.sqlite"
    with pytest.raises(CorruptResults, match=r"ledger\.sqlite: not a readable ledger"):
        Ledger(path, read_only=True)
    assert not path.exists()
    filled(path, count=1)
    before = path.read_bytes()
    with Ledger(path, read_only=True) as ledger, pytest.raises(DiskFull, match="readonly"):
        ledger.add(evaluation(5))
    assert path.read_bytes() == before


def test_what_a_run_left_that_was_killed_in_a_commit_can_be_read(tmp_path):
    """Its journal must be played back before a page is read, by whoever opens the file first."""
    rows = filled(tmp_path / "ledger.sqlite")
    running = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
    running.executescript("PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN; DELETE FROM evaluations;")
    killed = tmp_path / "killed"
    killed.mkdir()
    for name in ("ledger.sqlite", "ledger.sqlite-journal"):
        shutil.copy(tmp_path / name, killed / name)
    running.close()
    with Ledger(killed / "ledger.sqlite", read_only=True) as ledger:
        assert ledger.evaluations() == rows


@pytest.mark.parametrize("read_only", [False, True])
def test_a_foreign_file_is_named(tmp_path, read_only):
    path = tmp_path / "ledger.sqlite"
    path.write_text("placement,seed\n" * 100)
    with pytest.raises(CorruptResults, match=r"ledger\.sqlite: not a readable ledger \(file is not a database\)"):
        Ledger(path, read_only=read_only)


@pytest.mark.parametrize(
    "record",
    ["{", "[]", "{}", json.dumps(evaluation().to_record() | {"placement": "se"}), json.dumps({"placement": "none"})],
)
def test_a_record_that_is_none_is_named(tmp_path, record):
    path = tmp_path / "ledger.sqlite"
    filled(path, count=1)
    alter(path, "UPDATE evaluations SET record = ?", record)
    with Ledger(path, read_only=True) as ledger, pytest.raises(CorruptResults, match="an evaluation cannot be read"):
        ledger.evaluations()


def test_a_torn_ledger_never_gives_wrong_rows(tmp_path):
    whole, torn = tmp_path / "ledger.sqlite", tmp_path / "torn.sqlite"
    rows = filled(whole)
    data = whole.read_bytes()
    page = 4096
    assert len(data) > 4 * page
    cuts = {0, 1, 15, 16, 99, 100, 101, *range(512, len(data), 1000), len(data) - 1}
    cuts |= {border + offset for border in range(page, len(data), page) for offset in (-1, 0, 1)}
    for cut in sorted(cuts):
        torn.write_bytes(data[:cut])
        try:
            with Ledger(torn, read_only=True) as ledger:
                read = ledger.evaluations(), len(ledger.tests()), len(ledger.proposals())
        except CorruptResults as error:
            assert "torn.sqlite" in str(error)  # noqa: PT017 - some cuts are harmless
        else:
            assert read == (rows, 60, 60), cut


def test_a_torn_ledger_is_not_written_to(tmp_path):
    path = tmp_path / "ledger.sqlite"
    filled(path)
    data = path.read_bytes()[:9000]
    path.write_bytes(data)
    with pytest.raises(CorruptResults, match=r"ledger\.sqlite"):
        Ledger(path)
    assert path.read_bytes() == data


def test_a_full_disk_has_a_name_and_leaves_the_rows(tmp_path):
    path = tmp_path / "ledger.sqlite"
    rows = filled(path, count=3)
    with Ledger(path) as ledger:
        pages = ledger._connection.execute("PRAGMA page_count").fetchone()[0]
        ledger._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(DiskFull, match=r"ledger\.sqlite: cannot write .* bytes \(database or disk is full\)"):
            ledger.add(evaluation(7, message="x" * 20_000))
        assert ledger.evaluations() == rows
        ledger._connection.execute("PRAGMA max_page_count = 10000")
        ledger.add(evaluation(7))
        assert ledger.evaluations() == [*rows, evaluation(7)]


def everything_in(path: Path) -> object:
    with Ledger(path, read_only=True) as ledger:
        rows = ledger.evaluations(), ledger.rungs(), ledger.failures()
        tests = ledger.tests(), ledger.test_images()
        return *rows, *tests, ledger.proposals(), ledger.facts(""), ledger.fact("rounds"), ledger.fact("none")


def written_of_all_kinds(path: Path) -> None:
    """A small ledger whose rows were added, replaced, moved and taken away."""
    filled(path, count=6)
    with Ledger(path) as ledger:
        ledger.add_rung(evaluation(0, epochs=1))
        ledger.add(evaluation(7, value=RIGHT.accuracy, correct=RIGHT))
        ledger.add_test(evaluation(7).key, value=RIGHT.accuracy, cross_entropy=0.1, samples=RIGHT)
        ledger.add(FAILED)
        ledger.add(evaluation(9), instead_of=FAILED)
        ledger.add_failure(FAILED)
        ledger.withdraw([], last_proposal=4)
        for number in range(3):
            ledger.set_fact("rounds", [["none", number]])


def test_no_damaged_byte_gives_other_results_or_a_traceback(tmp_path):
    path, damaged = tmp_path / "ledger.sqlite", tmp_path / "damaged.sqlite"
    written_of_all_kinds(path)
    whole, data = everything_in(path), path.read_bytes()
    random = Random(0)
    found_damaged = 0
    for offset in (*range(100), *random.sample(range(len(data)), 400)):
        altered = bytearray(data)
        altered[offset] ^= random.randrange(1, 256)
        damaged.write_bytes(altered)
        try:
            assert everything_in(damaged) == whole, offset
            with Ledger(damaged) as ledger:
                ledger.add(evaluation(20))
        except (CorruptResults, DiskFull) as error:
            assert str(error).startswith(str(damaged))  # noqa: PT017 - most changes do no damage
            found_damaged += 1
    assert found_damaged > 50


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        (
            "UPDATE evaluations SET seed = 8 WHERE seed = 3",
            "the row 'none-se16-eca.parallel', 8, 2 of evaluations does not",
        ),
        ("UPDATE tests SET accuracy = 70.6 WHERE seed = 3", "the row 'none-se16-eca.parallel', 3, 2 of tests does not"),
        ("UPDATE proposals SET placement = 'none' WHERE number = 3", "the row 3 of proposals does not"),
        ("UPDATE facts SET value = '4' WHERE key = 'rounds'", "the row 'rounds' of facts does not"),
        ("UPDATE rungs SET record = 'a'", "the row 'none-se16-eca.parallel', 0, 1 of rungs does not"),
        ("INSERT INTO failures SELECT * FROM evaluations WHERE seed = 3", "the row .* 3, 2 of failures does not"),
        ("INSERT INTO failures SELECT * FROM failures", "the row .* 9, 2 of failures does not"),
        ("DELETE FROM evaluations WHERE seed IN (3, 4)", "2 rows of evaluations are missing"),
        ("DELETE FROM sums WHERE of = 'tests'", "the row 'none-se16-eca.parallel', 0, 2 of tests does not"),
        ("DROP TABLE sums", "its check sums are missing"),
        ("DROP TABLE tests", "7 rows of tests are missing"),
        ("DROP TABLE test_images", "1 rows of test_images are missing"),
        ("UPDATE test_images SET correct = '{}'", "the row 'none-se16-eca.parallel', 7, 2 of test_images does not"),
    ],
)
def test_damage_is_named_by_its_row(tmp_path, statement, says):
    path = tmp_path / "ledger.sqlite"
    written_of_all_kinds(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)
    data = path.read_bytes()
    for read_only in (True, False):
        with pytest.raises(CorruptResults, match=rf"ledger\.sqlite: the ledger is damaged: {says}"):
            Ledger(path, read_only=read_only)
    assert path.read_bytes() == data


def test_a_ledger_of_0_10_is_read_and_gets_its_sums_when_it_is_written_to(tmp_path):
    path = tmp_path / "ledger.sqlite"
    rows = filled(path, count=3)
    make_of_0_10(path)
    data = path.read_bytes()
    with Ledger(path, read_only=True) as ledger:
        assert (ledger.evaluations(), ledger.failures()) == (rows, [])
    assert path.read_bytes() == data
    with Ledger(path) as ledger:
        assert (ledger.evaluations(), ledger.fact("schema_version")) == (rows, SCHEMA_VERSION)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE tests SET accuracy = 3 WHERE seed = 1")
    with pytest.raises(CorruptResults, match="of tests does not match its check sum"):
        Ledger(path, read_only=True)


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE facts SET value = '{' WHERE key = 'a'", "the fact 'a' cannot be read"),
        ("UPDATE proposals SET placement = 'se'", "a proposal cannot be read"),
        ("UPDATE facts SET value = x'fe' WHERE key = 'a'", "the fact 'a' cannot be read"),
        ("UPDATE evaluations SET record = json_set(record, '$.accuracy', 'x')", "an evaluation cannot be read"),
        ("UPDATE evaluations SET record = json_set(record, '$.curve', 3)", "an evaluation cannot be read"),
        ("UPDATE evaluations SET record = json_set(record, '$.costs.flops', 'x')", "an evaluation cannot be read"),
    ],
)
def test_damage_in_a_ledger_of_0_10_is_named_where_it_can_be_found(tmp_path, statement, says):
    path = tmp_path / "ledger.sqlite"
    filled(path, count=1)
    with Ledger(path) as ledger:
        ledger.set_fact("a", 3)
    alter(path, statement)
    with Ledger(path, read_only=True) as ledger, pytest.raises(CorruptResults, match=says):
        _ = ledger.fact("a"), ledger.proposals(), ledger.evaluations()


def test_a_top5_accuracy_is_kept_beside_a_test_score(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        for seed, top5 in ((0, 99.5), (1, None)):
            ledger.add(evaluation(seed))
            ledger.add_test(evaluation(seed).key, value=70.0, cross_entropy=0.1, top5_accuracy=top5)
    with Ledger(path) as ledger:
        assert ledger.test_top5() == {evaluation(0).key: 99.5}
        assert set(ledger.tests()) == {evaluation(0).key, evaluation(1).key}
        ledger.set_fact("test_top5/none/1/x", 50.0)
        with pytest.raises(CorruptResults, match="the top-5 accuracy of 'none/1/x' cannot be read"):
            ledger.test_top5()
    assert "top5_accuracy" not in evaluation().to_record()
