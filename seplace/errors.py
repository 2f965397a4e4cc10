"""The errors that seplace raises on purpose, each with the exit code of the command line.

Exit codes: 0 done, 1 a bug of seplace, 2 bad input, 3 data or environment, 4 too many failed trainings, 75 already
running, 130 and 143 signals.
"""

from __future__ import annotations

import difflib
import operator
from collections.abc import Iterable, Sequence
from typing import Any


class SeplaceError(Exception):
    """The base class of all errors that seplace raises on purpose.

    `exit_code` is what the command line ends with. The subclasses are those of `seplace.errors`: most are an InputError
    (something that the user wrote is wrong) or a DataError (data are missing or damaged).

    >>> import seplace
    >>> try:
    ...     seplace.create_model("cifar_resnet20", "none-se16")
    ... except seplace.SeplaceError as error:
    ...     print(error)
    none-se16: backbone cifar_resnet20 has 3 stages (got 2)
    """

    exit_code = 1

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the error without calling its class, whose arguments are not the message."""
        return _rebuilt, (type(self), self.args), self.__dict__


class InputError(SeplaceError, ValueError):
    """Bad input: something that the user wrote is wrong."""

    exit_code = 2


class UnknownName(InputError, KeyError):
    """A name that is not in a registry; the message lists the known names and the nearest one."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind = kind
        self.name = name
        self.known = tuple(known)
        super().__init__(
            f"unknown {kind} {quoted(name)}{did_you_mean(name, self.known)} (known: {', '.join(self.known)})"
        )

    __str__ = Exception.__str__  # KeyError would print the repr of the message


class InvalidPlacement(InputError):
    """A placement that cannot be parsed, is not canonical, or does not fit its backbone."""


class InvalidSpace(InputError):
    """A search space that breaks a rule."""


class InvalidBlocks(InputError):
    """Named blocks that do not fit their network; `faults` has the position, name and fault of each."""

    def __init__(self, network: str, faults: Iterable[tuple[int, str, str]]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(f"{network}: blocks[{at}] {name!r}: {fault}" for at, name, fault in self.faults))


class InvalidStudy(InputError):
    """A study or search space file with one or more located problems, one a line."""


class StudyChanged(InputError):
    """A results folder that belongs to a different study."""


class UserCodeError(InputError):
    """An error in the user's own code (a network, a module, …); the message names the error and its line."""


class DataError(SeplaceError):
    """Data that are missing, corrupt, or not as described."""

    exit_code = 3


class UnwritableFolder(DataError):
    """A folder in which no results can be written."""


class DamagedImages(DataError):
    """Images that cannot be used; `reasons` has the path and the fault of each."""

    _SHOWN = 5

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        more = len(self.reasons) - self._SHOWN
        if len(self.reasons) == 1:
            super().__init__(self.reasons[0])
        else:
            shown = [*self.reasons[: self._SHOWN], *([f"and {more:,} more"] if more > 0 else [])]
            super().__init__("\n  ".join([f"{len(self.reasons):,} images cannot be used:", *shown]))


class MissingTestSplit(DataError):
    """A data set without labeled test images."""


class MissingPackage(SeplaceError, ImportError):
    """An optional package that is needed and cannot be imported."""

    exit_code = 3


class DeviceUnavailable(SeplaceError, RuntimeError):
    """A requested device, or a precision of it, that is not available."""

    exit_code = 3


class DeviceFailed(DeviceUnavailable):
    """A GPU that stopped working in a training; its process cannot use it any more, another process may."""


class ClusterUnavailable(SeplaceError, ConnectionError):
    """A Ray cluster that cannot be joined or started, or whose machines do not fit the study."""

    exit_code = 3


class CorruptResults(SeplaceError):
    """A file of a results folder that is damaged, or newer than this version of seplace."""

    exit_code = 3


class MissingWeights(CorruptResults):
    """Trained weights that are missing, as in results that were published without them."""


class UncountedOperator(SeplaceError, RuntimeError):
    """A network that runs an operator without a FLOP count, or holds a gate that never runs."""

    exit_code = 2


class TrainingFailed(SeplaceError, RuntimeError):
    """A training that ended without a result; `reason` is one word (diverged, oom, error)."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class TooManyFailures(SeplaceError, RuntimeError):
    """Too many trainings failed in a row."""

    exit_code = 4


class ExportMismatch(SeplaceError, RuntimeError):
    """An exported model that does not reproduce its network."""


class StudyBusy(SeplaceError, RuntimeError):
    """A study that another process is running."""

    exit_code = 75


class Interrupted(BaseException):
    """A run that a signal has stopped; everything finished is kept.

    It is not an Exception, as KeyboardInterrupt is not: an `except Exception` must not take it for a failed training.
    """

    def __init__(self, signum: int) -> None:
        self.signum = signum
        self.exit_code = 128 + signum
        super().__init__(f"stopped by signal {signum}")


_LONGEST_NAME = 100
"""The longest text that is compared with known names; a longer one is not a name with a typing error."""


def quoted(text: str, *, most: int = 80) -> str:
    """Return a text in quotes with its control characters escaped, cut after `most` characters."""
    return repr(text if len(text) <= most else f"{text[: most - 1]}…")


def check_type(name: str, value: object, *kinds: type, said: str) -> None:
    """Raise InputError for an argument of another type; `said` names the right ones in words."""
    if not isinstance(value, kinds):
        raise InputError(f"{name} is {said} (got {_short(value)})")


def whole_number(name: str, value: object, *, least: int) -> int:
    """Return a whole number, also one of NumPy's; raises InputError for anything else, or less than `least`."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # what it does not take is the question
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise InputError(f"{name} is a whole number of at least {least} (got {_short(value)})")
    return number


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"a {type(value).__name__}"


def _rebuilt(kind: type[SeplaceError], arguments: tuple[Any, ...]) -> SeplaceError:
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    return error


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `. Did you mean 'x'?` for the known name nearest to `name`, or an empty text."""
    match = nearest(name, known)
    return "" if match is None else f". Did you mean {match!r}?"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name nearest to `name`; None if none is near enough."""
    if len(name) > _LONGEST_NAME:
        return None
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)), None)
