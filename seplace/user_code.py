"""Errors inside the user's code: reported as theirs, with what was attempted, the error, and its place."""

from __future__ import annotations

import re
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from seplace.errors import SeplaceError, UserCodeError

_OURS = str(Path(__file__).parent)
_NOT_USER_CODE = (_OURS, *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")))


@contextmanager
def user_errors(what: str) -> Iterator[None]:
    """Raise UserCodeError for an error of the user's code; its message begins with `what`, which names the attempt.

    Errors of seplace and of the machine pass unchanged: memory that runs out, a GPU that stops, and an OSError outside
    the user's code. SystemExit counts as an error: `sys.exit(0)` in a network must not end a run as if it were done.
    """
    try:
        yield
    except SeplaceError:
        raise
    except (Exception, SystemExit) as error:
        if (
            is_out_of_memory(error)
            or is_device_failure(error)
            or (isinstance(error, OSError) and not is_raised_by_user_code(error))
        ):
            raise
        raise UserCodeError(f"{what}: {describe_error(error)}") from error


def user_errors_if(has_user_code: bool, what: str) -> AbstractContextManager[None]:
    """Return `user_errors(what)` where the user's code takes part, and otherwise a context that does nothing."""
    return user_errors(what) if has_user_code else nullcontext()


_OUT_OF_MEMORY = re.compile("out of memory|can't allocate memory|_ALLOC_FAILED")
"""The words of torch for a GPU and for a CPU, and of cuDNN and cuBLAS, which do not raise OutOfMemoryError."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory has run out."""
    in_torch = isinstance(error, RuntimeError) and _OUT_OF_MEMORY.search(str(error))
    return isinstance(error, MemoryError) or bool(in_torch)


_DEVICE_FAILED = re.compile("CUDA error|(CUDNN|CUBLAS)_STATUS_(EXECUTION_FAILED|INTERNAL_ERROR)")


def is_device_failure(error: BaseException) -> bool:
    """Return whether an error says that a GPU has stopped working for this process, in whichever code."""
    return isinstance(error, RuntimeError) and bool(_DEVICE_FAILED.search(str(error)))


def out_of_memory_message(error: BaseException) -> str:
    """Return `memory ran out: …` with the first line of the error's message."""
    lines = str(error).strip().splitlines()
    return f"memory ran out: {lines[0]}" if lines else "memory ran out"


def is_raised_by_user_code(error: BaseException) -> bool:
    """Return whether an error comes from the user's code, or from a library that it called, and not from ours."""
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    known = [file for file in files if is_user_file(file) or file.startswith(_OURS)]
    return bool(known) and is_user_file(known[-1])


def describe_error(error: BaseException) -> str:
    """Return `ValueError: last line of its message (nets.py:12)`; the place is the innermost in the user's code."""
    lines = str(error).strip().splitlines()
    message = f": {lines[-1].strip()}" if lines else ""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_user_file(frame.filename)]
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}{message}{place}"


def is_user_file(file: str) -> bool:
    """Return whether a source file is the user's: not ours, not an installed library's, not generated code."""
    return not file.startswith((*_NOT_USER_CODE, "<"))
