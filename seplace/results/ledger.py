"""The ledger: the evaluations of a study in an SQLite file with one writer. Tables and figures are views of it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from seplace.errors import CorruptResults, DataError, InputError, UserCodeError
from seplace.files.atomic import DiskFull, is_file, keep_back_up
from seplace.files.check_sums import COLUMNS, add_missing_sums, damage_in, keep_sums, tables_in
from seplace.files.former_words import rename_rows, renamed_rows
from seplace.files.plain_json import read_json
from seplace.placement import Placement, PlacementReader
from seplace.results.evaluation import Evaluation, EvaluationKey, TestValues
from seplace.results.ledger_content import check_fact, check_record, is_test
from seplace.results.ledger_schema import (
    SCHEMA_VERSION,
    STATEMENTS,
    WITH_TODAYS_WORDS,
    WRITER,
    distrust,
    strange_object,
    version_of,
)
from seplace.results.stored import StoredEvaluations, without_collector
from seplace.sample_scores import Samples, samples_from_record
from seplace.version import __version__

_Table = Literal["evaluations", "rungs", "failures"]
_Statement = tuple[str, tuple[str | int | float | None, ...]]
"""An SQL statement and its values."""

_TOP5 = "test_top5/"
"""The facts that begin so end with the key of an evaluation, and say its top-5 accuracy on the test split."""

_BUSY_SECONDS = 120.0
_OF_THE_DISK = ("SQLITE_FULL", "SQLITE_READONLY", "SQLITE_BUSY")


@contextmanager
def ledger_of_results(folder: Path) -> Iterator[Ledger]:
    """Open the ledger of a results folder for reading; raises DataError without a ledger, or before a run has begun."""
    path = folder / "ledger.sqlite"
    if not is_file(path):
        raise DataError(f"{folder}: no results here (looked for {path.name})")
    with Ledger(path, read_only=True) as ledger:
        if ledger.fact("study_folder") is None:
            raise DataError(f"{folder}: no results here yet: the run is starting, or ended before its first training")
        yield ledger


class Ledger:
    """The evaluations, test scores and facts of a study; each write is one transaction."""

    def __init__(self, path: Path | None, *, read_only: bool = False) -> None:
        """Open or create a file; without a path the ledger is in memory.

        Raises:
            CorruptResults: The file is damaged, no ledger, or of a newer version.
            DiskFull: The file cannot be opened for want of space or permission, or is busy.

        """
        self.path = path
        self._placements = PlacementReader()
        if path is not None and not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
        # Not even to read as `ro`: a run that was killed in a commit leaves a journal that SQLite must play back first.
        address = f"{path.absolute().as_uri()}?mode={'rw' if read_only else 'rwc'}" if path else "file::memory:"
        try:
            self._connection = sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS)
        except sqlite3.Error as error:
            raise CorruptResults(f"{path}: not a readable ledger ({error})") from error
        try:
            self._open(read_only=read_only)
        except BaseException as error:
            self._connection.close()  # else it would keep its lock
            if not isinstance(error, sqlite3.Error | UnicodeDecodeError):  # the latter from the definition of a table
                raise
            if (getattr(error, "sqlite_errorname", None) or "").startswith(_OF_THE_DISK):
                raise DiskFull(f"{path}: cannot be opened ({error})") from error
            raise CorruptResults(f"{path}: not a readable ledger ({error})") from error

    def _open(self, *, read_only: bool) -> None:
        self._connection.text_factory = _decoded
        distrust(self._connection)
        if read_only:
            self._connection.execute("PRAGMA query_only = ON")
        version = self._check(thoroughly=not read_only)
        self._connection.text_factory = str  # which is faster: no text is damaged
        if not read_only:
            self._prepare(version)
        elif (version or 0) < WITH_TODAYS_WORDS and any(renamed_rows(self._connection)):
            self._read_a_renamed_copy()

    def _read_a_renamed_copy(self) -> None:
        """Switch to a copy in memory with today's words: reading does not change the file."""
        file, self._connection = self._connection, sqlite3.connect(":memory:")
        with closing(file):
            file.backup(self._connection)
        rename_rows(self._connection)
        self._connection.commit()

    def _check(self, *, thoroughly: bool) -> int | None:
        """Return the schema version of the file; None where it has none yet.

        Raises CorruptResults where the file is of a newer version, damaged, or has what no ledger has; only writers
        need sound indices.
        """
        self._connection.execute("BEGIN")  # so that all reads see the same state
        damage = strange_object(self._connection, among=["facts"])
        version = None if damage else version_of(self._connection, self.path)
        damage = damage or strange_object(self._connection)
        if damage is None and tables_in(self._connection, ["sums"]):
            damage = damage_in(self._connection)
        elif damage is None and version is not None and version != 1:
            damage = "its check sums are missing"
        if damage is None and thoroughly and tables_in(self._connection, ["sums", *COLUMNS]):
            ((first,), *_) = self._connection.execute("PRAGMA integrity_check(1)")
            damage = None if first == "ok" else str(first)
        self._connection.rollback()
        if damage is not None:
            raise CorruptResults(f"{self.path}: the ledger is damaged: {damage}")
        return version

    def _prepare(self, version: int | None) -> None:
        """Create missing tables and check sums, and replace old words, in one transaction."""
        self._connection.execute("BEGIN IMMEDIATE")
        if self.path is not None and version is not None and version < SCHEMA_VERSION:
            keep_back_up(self.path, self._connection.serialize(), mark=f"schema{version}")
        had_sums = bool(tables_in(self._connection, ["sums"]))
        for statement in STATEMENTS:
            self._connection.execute(statement)
        if not had_sums:
            add_missing_sums(self._connection)
        if self.path is not None:  # simulations write much to memory, which is not damaged
            keep_sums(self._connection)
        if (version or 0) < WITH_TODAYS_WORDS:
            rename_rows(self._connection)
        if version != SCHEMA_VERSION:
            self.set_fact("schema_version", SCHEMA_VERSION)
        if self.path is not None and self.fact(WRITER) != __version__:
            self.set_fact(WRITER, __version__)
        self._connection.commit()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def add(self, evaluation: Evaluation, *, instead_of: Evaluation | None = None) -> None:
        """Commit an evaluation; a second one with the same key is an error, since finished work is never changed.

        If it repeats a failed training, pass that as `instead_of`: it moves to the failures in the same transaction.
        """
        self._write(*_moved(instead_of), _inserted("evaluations", evaluation))

    def evaluations(self) -> list[Evaluation]:
        """Return the evaluations of full length in the order of their commits."""
        return self._evaluations_in("evaluations")

    def add_rung(self, evaluation: Evaluation, *, instead_of: Evaluation | None = None) -> None:
        """Commit the result of a training at a rung.

        Rungs have a table of their own, so that they cannot be mistaken for evaluations of full length.
        """
        self._write(*_moved(instead_of), _inserted("rungs", evaluation))

    def add_failure(self, evaluation: Evaluation) -> None:
        """Commit a failed attempt of a training that will be repeated; there may be several."""
        self._write(_inserted("failures", evaluation))

    def withdraw(self, failed: Iterable[Evaluation], *, last_proposal: int) -> None:
        """Move failed evaluations to the failures, and delete the proposals after a number, in one transaction."""
        moves = [statement for evaluation in failed for statement in _moved(evaluation)]
        self._write(*moves, ("DELETE FROM proposals WHERE number > ?", (last_proposal,)))

    @property
    def has_results(self) -> bool:
        """Whether a training is complete, or has reached a rung."""
        tables = [table for table in ("evaluations", "rungs") if tables_in(self._connection, [table])]
        query = "SELECT 1 FROM {} WHERE json_extract(record, '$.state') = 'complete' LIMIT 1"
        return any(self._read(query.format(table)) for table in tables)

    def begin_anew(self) -> None:
        """Forget all but the version of the ledger, in one transaction."""
        kept = ("schema_version", WRITER)
        emptied = [(f"DELETE FROM {table}", ()) for table in COLUMNS if table != "facts"]
        self._write(*emptied, (f"DELETE FROM facts WHERE key NOT IN ({', '.join('?' * len(kept))})", kept))

    def failures(self) -> list[Evaluation]:
        """Return the failed attempts that were repeated, in order; ledgers before 0.11 have none."""
        return self._evaluations_in("failures")

    def rungs(self) -> list[Evaluation]:
        """Return the results at rungs in the order of their commits; ledgers before 0.4 have none."""
        return self._evaluations_in("rungs")

    def _evaluations_in(self, table: _Table) -> list[Evaluation]:
        if not tables_in(self._connection, [table]):
            return []
        with without_collector():
            return [self._evaluation(record) for (record,) in self._rows(f"SELECT record FROM {table}")]

    def stored_evaluations(self) -> tuple[StoredEvaluations, list[EvaluationKey]]:
        """Return the evaluations of full length by key, read when they are looked at, and the keys of failed ones."""
        query = "SELECT placement, seed, epochs, record, json_extract(record, '$.state') FROM evaluations"
        records: dict[EvaluationKey, str] = {}
        failed: list[EvaluationKey] = []
        with without_collector():
            for placement, seed, epochs, record, state in self._rows(query):
                records[placement, seed, epochs] = str(record)  # a blob is no record, as reading it says
                if state == "failed":
                    failed.append((placement, seed, epochs))
        return StoredEvaluations(records, read=self._evaluation), failed

    def digest(self) -> str:
        """Return the SHA-256 of all check sums; of a ledger without, as those of version 0.10, that of nothing."""
        sums = self._read("SELECT sum FROM sums ORDER BY rowid") if tables_in(self._connection, ["sums"]) else []
        return hashlib.sha256("".join(str(each) for (each,) in sums).encode()).hexdigest()

    def _evaluation(self, record: str) -> Evaluation:
        try:
            return Evaluation.from_record(read_json(record), read=self._placements.read)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise CorruptResults(f"{self.path}: an evaluation cannot be read ({error})") from error

    def add_test(
        self,
        key: EvaluationKey,
        *,
        value: float,
        cross_entropy: float | None,
        samples: Samples | None = None,
        top5_accuracy: float | None = None,
    ) -> None:
        """Commit the metric and the cross-entropy of a network on the test split, and what is known of its samples.

        The latter are the images that it got right, or the score of each.
        """
        statements: list[_Statement] = [("INSERT INTO tests VALUES (?, ?, ?, ?, ?)", (*key, value, cross_entropy))]
        if cross_entropy is None:
            statements = [("INSERT INTO test_values VALUES (?, ?, ?, ?)", (*key, value))]
        if samples is not None:
            images = json.dumps(samples.to_record())
            statements.append(("INSERT INTO test_images VALUES (?, ?, ?, ?)", (*key, images)))
        if top5_accuracy is not None:
            statements.append(_stated(_TOP5 + "/".join(map(str, key)), top5_accuracy))
        self._write(*statements)

    def tests(self) -> dict[EvaluationKey, TestValues]:
        """Return the metric and the cross-entropy in nats on the test split by the key of the evaluation."""
        rows = self._read("SELECT * FROM tests ORDER BY rowid")
        if tables_in(self._connection, ["test_values"]):
            rows += [(*row, None) for row in self._read("SELECT * FROM test_values ORDER BY rowid")]
        for *key, value, loss in rows:
            if not is_test(value, loss):
                raise CorruptResults(f"{self.path}: the test score of {str(key)[:200]} cannot be read")
        return {(placement, seed, epochs): (value, loss) for placement, seed, epochs, value, loss in rows}

    def test_images(self) -> dict[EvaluationKey, Samples]:
        """Return which images of the test split were right, or the score of each sample, where it is known.

        Ledgers before 0.13 know of none.
        """
        if not tables_in(self._connection, ["test_images"]):
            return {}
        rows = self._read("SELECT * FROM test_images ORDER BY rowid")
        try:
            return {tuple(key): samples_from_record(read_json(record)) for *key, record in rows}
        except (ValueError, TypeError, KeyError) as error:
            raise CorruptResults(f"{self.path}: the images of a test cannot be read ({error})") from error

    def test_top5(self) -> dict[EvaluationKey, float]:
        """Return the top-5 accuracy in percent on the test split, where it is known; it is since version 0.15."""
        known: dict[EvaluationKey, float] = {}
        for name, accuracy in self.facts(_TOP5).items():
            placement, *numbers = name.rsplit("/", 2)
            try:
                seed, epochs = map(int, numbers)
            except ValueError as error:
                raise CorruptResults(f"{self.path}: the top-5 accuracy of {name[:200]!r} cannot be read") from error
            known[placement, seed, epochs] = accuracy
        return known

    def add_proposal(self, number: int, placement: Placement) -> None:
        """Commit a proposal of the sampler, before it is acted on; an existing number keeps its placement."""
        self._write(("INSERT OR IGNORE INTO proposals VALUES (?, ?)", (number, str(placement))))

    def proposals(self) -> dict[int, Placement]:
        """Return the proposed placements by number."""
        rows = self._read("SELECT number, placement FROM proposals ORDER BY number")
        try:
            with without_collector():
                return {number: self._placements.read(text) for number, text in rows}
        except (InputError, TypeError) as error:
            raise CorruptResults(f"{self.path}: a proposal cannot be read ({error})") from error

    def last_proposal(self) -> int:
        """Return the number of the last proposal; -1 before the first."""
        ((last,),) = self._read("SELECT coalesce(max(number), -1) FROM proposals")
        return int(last)

    def fact(self, key: str) -> Any:
        """Return the value of a fact; None where it is not known."""
        rows = self._read(
            "SELECT value FROM facts WHERE +key = ?", key
        )  # the + makes SQLite read the rows, not their index
        return self._parsed(key, rows[0][0]) if rows else None

    def facts(self, prefix: str) -> dict[str, Any]:
        """Return the facts whose keys begin with a prefix, by the rest of the key."""
        rows = self._read("SELECT key, value FROM facts WHERE substr(key, 1, length(?1)) = ?1", prefix)
        return {key.removeprefix(prefix): self._parsed(key, value) for key, value in sorted(rows)}

    def _parsed(self, key: str, value: str) -> Any:
        try:
            content = read_json(value)
            check_fact(key, content)
        except ValueError as error:
            raise CorruptResults(f"{self.path}: the fact {key!r} cannot be read ({error})") from error
        return content

    def set_fact(self, key: str, value: Mapping[str, Any] | str | float | bool | list[Any] | None) -> None:
        """Commit a fact; its value consists of plain JSON types."""
        self._write(_stated(key, value))

    def _rows(self, query: str) -> Iterator[Any]:
        """Yield the rows of a query in the order of their commits."""
        try:
            # Through `map`: else this closes the cursor, also when an error has closed the ledger before.
            yield from map(tuple, self._connection.execute(f"{query} ORDER BY rowid"))
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise CorruptResults(f"{self.path}: not a readable ledger ({error})") from error

    def _read(self, query: str, *values: str) -> list[Any]:
        try:
            return self._connection.execute(query, values).fetchall()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise CorruptResults(f"{self.path}: not a readable ledger ({error})") from error

    def _write(self, *statements: _Statement) -> None:
        """Execute statements in one transaction; raises DiskFull where they fail, and the ledger is unchanged."""
        try:
            with self._connection:
                for statement, values in statements:
                    self._connection.execute(statement, values)
        except sqlite3.OperationalError as error:
            size = sum(len(str(values)) for _, values in statements)
            raise DiskFull(f"{self.path}: cannot write {size:,} bytes ({error})") from error
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise CorruptResults(f"{self.path}: the ledger is damaged ({error})") from error


def _decoded(data: bytes) -> str:
    """Decode a text even where it is damaged, so that its row can be named."""
    return data.decode(errors="surrogateescape")


def _stated(key: str, value: Mapping[str, Any] | str | float | bool | list[Any] | None) -> _Statement:
    return "INSERT OR REPLACE INTO facts VALUES (?, ?)", (key, json.dumps(value, allow_nan=False))


def _inserted(table: _Table, evaluation: Evaluation) -> _Statement:
    record = evaluation.to_record()
    try:
        check_record(record)
        content = json.dumps(record, allow_nan=False)
    except (ValueError, TypeError) as error:
        raise UserCodeError(
            f"{evaluation.placement}, seed {evaluation.seed}: its evaluation cannot be kept ({error})"
        ) from error
    return f"INSERT INTO {table} VALUES (?, ?, ?, ?)", (*evaluation.key, content)


def _moved(failed: Evaluation | None) -> list[_Statement]:
    """Return the statements that move a failed evaluation to the failures; none for None."""
    if failed is None:
        return []
    assert failed.state == "failed"
    delete = "DELETE FROM evaluations WHERE placement = ? AND seed = ? AND epochs = ?"
    return [_inserted("failures", failed), (delete, failed.key)]
