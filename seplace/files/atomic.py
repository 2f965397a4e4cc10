"""Files that are written completely or not at all."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from seplace.errors import SeplaceError, UnwritableFolder

_TEMPORARY = re.compile(
    r"\.(?:probe|.+\.(?:csv|json|jsonl|html|png|svg|pdf|yaml|ckpt|safetensors|sqlite|db))\.[a-z0-9_]{8}"
)
"""The names of the temporary files of `write_atomically`."""

_SAFE_NAME = re.compile(r"(?!(con|prn|aux|nul|com\d|lpt\d)(\.|$))[a-z0-9][a-z0-9._-]{0,47}(?<!\.)")
"""Windows keeps some names for devices, and drops a dot at the end."""
_LENGTH_OF_BEGINNING, _LENGTH_OF_DIGEST = 32, 12


class DiskFull(SeplaceError, OSError):
    """A file cannot be written; its former content is untouched."""

    exit_code = 3


def write_atomically(path: Path, content: bytes | str, *, parents: bool = True) -> None:
    """Replace the content of `path`: through a temporary file in the same folder, synced before and after the rename.

    Missing folders are made. Without `parents` it is the last one only, so that a results folder whose disk is away is
    not begun anew elsewhere. Raises DiskFull, which names the path and the number of bytes, where that fails.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary: Path | None = None
    try:
        if path.exists() and not (path.is_file() or path.is_dir() or path.is_symlink()):
            path.write_bytes(data)  # a device or a pipe is written to, not replaced
            return
        path.parent.mkdir(parents=parents, exist_ok=True)
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
    """Create a folder to write `files` and `folders` in; raises UnwritableFolder where that fails."""
    try:
        if folder.is_symlink() and not folder.exists():
            raise UnwritableFolder(f"{folder}: is a dangling link, so no results can be written there")
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
        raise UnwritableFolder(f"{folder}: no results can be written there ({_reason(error)})") from error


def _check_folder(path: Path) -> None:
    if not path.is_dir():
        raise UnwritableFolder(f"{path}: is not a folder, so no results can be written there")
    try:
        with tempfile.NamedTemporaryFile(dir=path, prefix=".probe."):
            pass
    except OSError as error:
        raise UnwritableFolder(f"{path}: no results can be written there ({_reason(error)})") from error


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise UnwritableFolder(f"{path}: is a folder, but a file is to be written there")
    if not path.is_file():  # a FIFO, a device
        raise UnwritableFolder(f"{path}: is not a regular file, so no results can be written there")
    if not os.access(path, os.R_OK | os.W_OK):
        raise UnwritableFolder(f"{path}: cannot be read and written by this user")


def keep_back_up(path: Path, content: bytes, *, mark: str) -> None:
    """Keep a former content of a file beside it, under the file's name with a mark: `ledger.schema3.sqlite`.

    A back-up of another content is not replaced: the next one has a number. Raises DiskFull.
    """
    for number in itertools.count(1):
        kept = path.with_name(f"{path.stem}.{mark}{'' if number == 1 else f'-{number}'}{path.suffix}")
        if not kept.exists():
            write_atomically(kept, content)
            return
        if kept.is_file() and kept.read_bytes() == content:
            return


def remove_unfinished(folders: Iterable[Path]) -> None:
    """Remove the temporary files of killed writes from folders in which nobody else is writing."""
    for folder in folders:
        with suppress(OSError):  # a folder that is not there yet
            for path in folder.iterdir():
                if _TEMPORARY.fullmatch(path.name) and path.is_file():
                    path.unlink()


def is_file(path: Path) -> bool:
    """Return whether a path is that of a file; False also where the path cannot be examined, or is too long."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _reason(error: OSError | ValueError) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def safe_name(text: str) -> str:
    """Return a file name for a text, unique and valid on every file system: up to 48 of `A-Za-z0-9._-`.

    A short text of lowercase letters, digits, `.`, `_` and `-` is its own name. The name of another is its beginning
    and a digest, which differs for capitals where a file system ignores case.
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
    """Return why a path is invalid on every file system, or None."""
    try:
        data = os.fsencode(text)
    except UnicodeEncodeError:
        return "a path cannot contain such a character"
    if b"\0" in data:
        return "a path cannot contain a null character"
    if len(data) > _LONGEST_PATH or any(len(part) > _LONGEST_PART for part in data.split(b"/")):
        return f"a path has at most {_LONGEST_PATH:,} bytes, and each of its parts at most {_LONGEST_PART}"
    try:
        Path(text).expanduser()
    except RuntimeError:
        return "no such user has a home folder here"
    return None
