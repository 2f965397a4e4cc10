"""Files that are either wholly there or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from seplace.errors import DataError, SeplaceError

_TEMPORARY = re.compile(r"\.(?:probe|.+\.(?:csv|json|jsonl|png|svg|pdf|yaml|ckpt|safetensors))\.[a-z0-9_]{8}")
"""What `write_atomically` writes to before it has its name."""

_SAFE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,47}")
_LENGTH_OF_BEGINNING, _LENGTH_OF_DIGEST = 32, 12


class DiskFull(SeplaceError, OSError):
    """A file could not be written; what stood there before is untouched."""

    exit_code = 3


def write_atomically(path: Path, content: bytes | str) -> None:
    """Replace `path` by `content`: through a temporary file in the same folder, synced before and after the rename.

    DiskFull names the path and the bytes when there is no room.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        temporary = None
        _sync_folder(path.parent)
    except OSError as error:
        raise DiskFull(f"{path}: cannot write {len(data):,} bytes ({error.strerror})") from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def make_folder(folder: Path, *, files: Iterable[str], folders: Iterable[str] = ()) -> None:
    """Make a folder that `files` and `folders` are to be written in; DataError says what stands against it."""
    try:
        if folder.is_symlink() and not folder.exists():
            raise DataError(f"{folder}: is a link to nothing, so no results can be written there")
        if folder.exists():
            _check_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for path in (folder, *(folder / name for name in folders)):
            if path.is_symlink() or path.exists():
                _check_folder(path)
        for path in (folder / name for name in files):
            if path.exists():
                _check_file(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{folder}: no results can be written there ({_reason(error)})") from error


def _check_folder(path: Path) -> None:
    if not path.is_dir():
        raise DataError(f"{path}: is no folder, so no results can be written there")
    try:
        with tempfile.NamedTemporaryFile(dir=path, prefix=".probe."):
            pass
    except OSError as error:
        raise DataError(f"{path}: no results can be written there ({_reason(error)})") from error


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"{path}: is a folder, where a file is to be written")
    if not path.is_file():  # a FIFO, a device
        raise DataError(f"{path}: is no regular file, so no results can be written there")
    if not os.access(path, os.R_OK | os.W_OK):
        raise DataError(f"{path}: cannot be read and written by this user")


def remove_unfinished(folders: Iterable[Path]) -> None:
    """Remove what writes that were killed have left in folders, in which nobody else may be writing."""
    for folder in folders:
        with suppress(OSError):  # a folder that is not there yet
            for path in folder.iterdir():
                if _TEMPORARY.fullmatch(path.name) and path.is_file():
                    path.unlink()


def is_file(path: Path) -> bool:
    """Tell whether a file is there and can be looked at; a name that is too long is that of none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _reason(error: OSError | ValueError) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def safe_name(text: str) -> str:
    """Return a name for a text that every file system takes: up to 48 of `A-Za-z0-9._-`, another for another text.

    A short text of small letters, digits, `.`, `_` and `-` is its own name; of another the name is its beginning and
    a digest of it, which tells capitals from small letters where a file system does not.
    """
    if _SAFE_NAME.fullmatch(text):
        return text
    beginning = re.sub(r"[^A-Za-z0-9-]+", "_", text)[:_LENGTH_OF_BEGINNING].strip("_-")
    return f"{beginning}_{sha256_of(text.encode())[:_LENGTH_OF_DIGEST]}".lstrip("_")


def sha256_of(data: bytes) -> str:
    """Return the SHA-256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_LONGEST_PATH, _LONGEST_PART = 2048, 255


def path_problem(text: str) -> str | None:
    """Say why no file system takes a path, or return None."""
    try:
        data = os.fsencode(text)
    except UnicodeEncodeError:
        return "a path cannot hold such a character"
    if b"\0" in data:
        return "a path has no null character"
    if len(data) > _LONGEST_PATH or any(len(part) > _LONGEST_PART for part in data.split(b"/")):
        return f"a path has at most {_LONGEST_PATH:,} bytes, and each of its parts at most {_LONGEST_PART}"
    try:
        Path(text).expanduser()
    except RuntimeError:
        return "no such user has a home folder here"
    return None
