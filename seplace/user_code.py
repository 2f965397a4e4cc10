"""Errors inside code of the user's own, told as theirs: what was asked of it, what it said, and where."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seplace.errors import SeplaceError, UserCodeError

_NOT_THEIRS = tuple(
    str(folder)
    for folder in (Path(__file__).parent, *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")))
)


@contextmanager
def told_as_theirs(what: str) -> Iterator[None]:
    """Raise UserCodeError for an error of the user's code, with `what` was asked of it in front.

    An error of seplace passes as it is. SystemExit is an error too: `sys.exit(0)` in a network must not end a run as if
    it were finished.
    """
    try:
        yield
    except SeplaceError:
        raise
    except (Exception, SystemExit) as error:
        raise UserCodeError(f"{what}: {describe_error(error)}") from error


def describe_error(error: BaseException) -> str:
    """Return `ValueError: the last line of its message (nets.py:12)`; the place is the innermost in the user's code."""
    lines = str(error).strip().splitlines()
    message = f": {lines[-1]}" if lines else ""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_theirs(frame.filename)]
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}{message}{place}"


def is_theirs(file: str) -> bool:
    """Whether a source file is the user's own: neither ours, nor a library's, nor none at all."""
    return not file.startswith((*_NOT_THEIRS, "<"))
