"""Signals as an exception that Lightning passes on and that carries the right exit code."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from seplace.errors import Interrupted


@contextmanager
def signals_as_errors() -> Iterator[None]:
    """Raise Interrupted on SIGINT and SIGTERM; the handlers that stood before come back at the end.

    Lightning would turn Ctrl-C inside a training into an exit code 1 and SIGTERM into 0.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers, and only it hears signals
        return

    def interrupt(signum: int, _frame: FrameType | None) -> None:
        raise Interrupted(signum)

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
