"""Finding search spaces and studies: by path, or by name among those that seplace ships."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from seplace.errors import InputError, UnknownName, quoted
from seplace.files.atomic import path_problem

Kind = Literal["search_spaces", "studies"]

_NOUNS: dict[Kind, str] = {"search_spaces": "search space", "studies": "study"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SUFFIX = ".yaml"


def is_name(text: str) -> bool:
    """Return whether a text is a valid name of a study or a space, and so of a folder: up to 64 of `A-Za-z0-9._-`."""
    return _NAME.fullmatch(text) is not None


def valid_name(text: str) -> str:
    """Return a valid name that resembles a text, such as a folder's: `cifar10-2-` for `cifar10 (2)`."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).lstrip("._-")[:64] or "study"


def name_of(text: str) -> str:
    """Return the name in a text that is a name or the path of a `.yaml` file; it may be invalid."""
    return Path(text).name.removesuffix(_SUFFIX)


def shipped(kind: Kind) -> dict[str, Path]:
    """Return the files of a kind that seplace ships, by name, sorted."""
    package = Path(__file__).parents[1]
    # The first is their place in a wheel, the second in a checkout.
    folder = next((each for each in (package / kind, package.parent / kind) if each.is_dir()), None)
    files = sorted(folder.glob(f"*{_SUFFIX}")) if folder else []
    return {file.name.removesuffix(_SUFFIX): file for file in files}


def locate(kind: Kind, text: str, *, relative_to: Path | None) -> Path:
    """Return the file that `text` names: a path if it has a slash or ends in `.yaml`, else a shipped name.

    A relative path is looked for in the folder `relative_to` first, then in the current one.

    Raises:
        UnknownName: No shipped file has the name.
        InputError: There is no file at the path.

    """
    known = shipped(kind)
    if "/" in text or text.endswith(_SUFFIX):
        if problem := path_problem(text):
            raise InputError(f"no {_NOUNS[kind]} file at {quoted(text)}: {problem}")
        candidates = [folder / text for folder in (relative_to, Path()) if folder is not None]
        for candidate in candidates:
            if candidate.is_file():
                return candidate
        looked_for = " or ".join(dict.fromkeys(str(each.absolute()) for each in candidates))
        raise InputError(f"no {_NOUNS[kind]} file at {looked_for} (shipped: {', '.join(known) or 'none'})")
    if not is_name(text):
        rule = "a name has up to 64 of A-Z a-z 0-9 . _ - and begins with a letter or a digit"
        raise InputError(f"{_NOUNS[kind]} {text[:80]!r}: {rule} (shipped: {', '.join(known) or 'none'})")
    if text not in known:
        raise UnknownName(_NOUNS[kind], text, known)
    return known[text]
