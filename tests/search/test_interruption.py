import signal
import sys
from contextlib import suppress

import pytest

from seplace.errors import Interrupted
from tests.search.toy import ToyEvaluations, go, keys_in
from tests.studies import write_study

BEFORE = signal.getsignal(signal.SIGTERM)


def in_a_block_that_forgives_errors() -> None:
    """Libraries ask so whether something can be done."""
    with suppress(Exception):
        signal.raise_signal(signal.SIGTERM)


def in_a_destructor() -> None:
    """Where an exception is printed, and nothing more; so it is in a callback of a weak reference or from C."""

    class Last:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    Last()


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("where", [in_a_block_that_forgives_errors, in_a_destructor])
def test_a_signal_ends_a_run_wherever_it_comes(tmp_path, monkeypatch, where):
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    evaluate = ToyEvaluations.evaluate

    def evaluate_and_hear(self, job, *, on_epoch):
        if len(self.trained) == 3:
            where()
        return evaluate(self, job, on_epoch=on_epoch)

    monkeypatch.setattr(ToyEvaluations, "evaluate", evaluate_and_hear)
    path = write_study(tmp_path, search={"trainings": 9})
    with pytest.raises(Interrupted, match="signal 15"):
        go(path, tmp_path / "out")
    assert signal.getsignal(signal.SIGTERM) == BEFORE
    assert len(keys_in(tmp_path / "out")) == 3
    monkeypatch.setattr(ToyEvaluations, "evaluate", evaluate)
    go(path, tmp_path / "out")
    assert len(keys_in(tmp_path / "out")) == 9
