"""Errors inside code of the user's own, told as theirs: what was asked of it, what it said, and where."""

from __future__ import annotations

import re
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from seplace.errors import SeplaceError, UserCodeError

_OURS = str(Path(__file__).parent)
_NOT_THEIRS = (_OURS, *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")))


@contextmanager
def told_as_theirs(what: str) -> Iterator[None]:
    """Raise UserCodeError for an error of the user's code, with `what` was asked of it in front.

    An error of seplace passes as it is, and so do those of the machine: a lack of memory, a GPU that has stopped, and a
    file of ours that cannot be read or written. SystemExit is an error too: `sys.exit(0)` in a network must not end a
    run as if it were finished.
    """
    try:
        yield
    except SeplaceError:
        raise
    except (Exception, SystemExit) as error:
        if (
            is_lack_of_memory(error)
            or is_failure_of_a_device(error)
            or (isinstance(error, OSError) and not is_raised_by_theirs(error))
        ):
            raise
        raise UserCodeError(f"{what}: {describe_error(error)}") from error


def told_if(is_own: bool, what: str) -> AbstractContextManager[None]:
    """Tell errors as the user's where code of theirs takes part in what follows; elsewhere an error is ours."""
    return told_as_theirs(what) if is_own else nullcontext()


_MEMORY_RAN_OUT = re.compile("out of memory|can't allocate memory|_ALLOC_FAILED")
"""As torch says it of a GPU and of a processor, and as cuDNN and cuBLAS do, which are no OutOfMemoryError."""


def is_lack_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory has run out."""
    in_torch = isinstance(error, RuntimeError) and _MEMORY_RAN_OUT.search(str(error))
    return isinstance(error, MemoryError) or bool(in_torch)


_DEVICE_FAILED = re.compile("CUDA error|(CUDNN|CUBLAS)_STATUS_(EXECUTION_FAILED|INTERNAL_ERROR)")


def is_failure_of_a_device(error: BaseException) -> bool:
    """Whether an error says that a GPU has stopped working for this process, whoever's code it was in."""
    return isinstance(error, RuntimeError) and bool(_DEVICE_FAILED.search(str(error)))


def told_lack_of_memory(error: BaseException) -> str:
    """Return the first line of what an error says of memory that has run out."""
    said = str(error).strip().splitlines()
    return f"memory ran out: {said[0]}" if said else "memory ran out"


def is_raised_by_theirs(error: BaseException) -> bool:
    """Whether an error comes from the user's code, or from a library that it has called, and not from ours."""
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    known = [file for file in files if is_theirs(file) or file.startswith(_OURS)]
    return bool(known) and is_theirs(known[-1])


def describe_error(error: BaseException) -> str:
    """Return `ValueError: the last line of its message (nets.py:12)`; the place is the innermost in the user's code."""
    lines = str(error).strip().splitlines()
    message = f": {lines[-1].strip()}" if lines else ""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_theirs(frame.filename)]
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}{message}{place}"


def is_theirs(file: str) -> bool:
    """Whether a source file is the user's own: neither ours, nor a library's, nor none at all."""
    return not file.startswith((*_NOT_THEIRS, "<"))
