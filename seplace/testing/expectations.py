"""How a check says what it expected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


def expect(condition: object, message: str) -> None:
    """Raise AssertionError with a message unless a condition holds."""
    if not condition:
        raise AssertionError(message)


@contextmanager
def expect_error(kind: type[BaseException], what: str, *, words: tuple[str, ...] = ()) -> Iterator[None]:
    """Expect an error of a kind whose message holds all of `words`; raises AssertionError otherwise."""
    try:
        yield
    except kind as error:
        missing = [word for word in words if word not in str(error)]
        expect(not missing, f"{what} raises {kind.__name__} without {', '.join(missing)} in its message: {error}")
        return
    raise AssertionError(f"{what} raises no {kind.__name__}")
