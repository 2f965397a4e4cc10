"""Signals as an exception that Lightning passes on and that carries the right exit code."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from seplace.errors import Interrupted


@contextmanager
def signals_as_errors() -> Iterator[Callable[[], None]]:
    """Raise Interrupted on SIGINT and SIGTERM; the handlers that stood before come back at the end.

    Lightning would turn Ctrl-C inside a training into an exit code 1 and SIGTERM into 0. What is yielded raises again
    for a signal that was heard: where its exception rises in a destructor or a callback from C, Python only prints it.
    """
    heard: list[int] = []

    def raise_again() -> None:
        if heard:
            raise Interrupted(heard[0])

    if threading.current_thread() is not threading.main_thread():
        yield raise_again  # only the main thread may set handlers, and only it hears signals
        return

    def interrupt(signum: int, _frame: FrameType | None) -> None:
        heard.append(signum)
        raise Interrupted(signum)

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield raise_again
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
