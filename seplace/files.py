"""Files that are either wholly there or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

from seplace.errors import SeplaceError

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
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        temporary = None
    except OSError as error:
        raise DiskFull(f"{path}: cannot write {len(data):,} bytes ({error.strerror})") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


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
