"""Signals as an exception that Lightning passes on and that carries the exit code."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from seplace.errors import Interrupted


@contextmanager
def signals_as_errors() -> Iterator[Callable[[], None]]:
    """Raise Interrupted on SIGINT and SIGTERM, and restore the previous handlers at the end.

    Lightning would turn Ctrl-C inside a training into an exit code 1 and SIGTERM into 0. The yielded function raises
    again for a signal that has arrived: Python only prints an exception in a destructor or a callback from C.
    """
    received: list[int] = []

    def raise_again() -> None:
        if received:
            raise Interrupted(received[0])

    if threading.current_thread() is not threading.main_thread():
        yield raise_again  # only the main thread sets handlers and receives signals
        return

    def interrupt(signum: int, _frame: FrameType | None) -> None:
        received.append(signum)
        raise Interrupted(signum)

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield raise_again
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
