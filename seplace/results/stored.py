"""Evaluations as they are stored: by key, and read from their records when they are first looked at."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager

from seplace.results.evaluation import Evaluation, EvaluationKey


@contextmanager
def without_collector() -> Iterator[None]:
    """Pause Python's search for cycles, which looks at all objects again and again while very many are made."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class StoredEvaluations(MutableMapping[EvaluationKey, Evaluation]):
    """Evaluations by key, in the order of their commits.

    Most of a long study is never looked at again when it goes on.
    """

    def __init__(self, records: Mapping[EvaluationKey, str], *, read: Callable[[str], Evaluation]) -> None:
        """Take the records by key, and what reads a record."""
        self._rows: dict[EvaluationKey, Evaluation | str] = dict(records)
        self._read = read

    def __getitem__(self, key: EvaluationKey) -> Evaluation:
        row = self._rows[key]
        if isinstance(row, str):
            row = self._rows[key] = self._read(row)
        return row

    def __setitem__(self, key: EvaluationKey, evaluation: Evaluation) -> None:
        self._rows[key] = evaluation

    def __delitem__(self, key: EvaluationKey) -> None:
        del self._rows[key]

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def __iter__(self) -> Iterator[EvaluationKey]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)
