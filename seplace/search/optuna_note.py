"""The note of a study in Optuna's file, which optuna-dashboard shows: the verdict and the advice, in Markdown.

The dashboard keeps a note in system attributes of the study: its version, and its text in parts. A note that somebody
has written, or changed, there is left alone.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from seplace.search.optuna_rows import study_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from seplace.results.advice import Advice

_VERSION, _TEXT = "dashboard:note_ver", "dashboard:note_str:"
_PART = 2045
"""The most characters of a part."""

_OURS = "seplace:note_ver"
"""The system attribute with the version that seplace wrote last."""

_BUSY_SECONDS = 120.0


def note_text(verdict: str, advice: Advice, *, also: Iterable[str]) -> str:
    """Return the verdict, the advice and its next steps in Markdown, and what else is to be said."""
    steps = [f"- {step.what}" + (f": `{step.command}`" if step.command else "") for step in advice.next]
    return "\n\n".join(filter(None, [f"**{advice.sentence}**", "\n".join(steps), verdict, *also]))


def write_note(path: Path, name: str, text: str) -> bool:
    """Write the note of a study, and return whether that was done: not into a file that Optuna has yet to make.

    Raises sqlite3.Error where the file cannot be written.
    """
    if not path.is_file():
        return False
    with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as connection, connection:
        connection.execute("BEGIN IMMEDIATE")
        study = study_of(connection, name)
        if study is None:
            return False
        query = "SELECT key, value_json FROM study_system_attributes WHERE study_id = ?"
        known: dict[str, Any] = {key: json.loads(value) for key, value in connection.execute(query, (study,))}
        version, ours = known.get(_VERSION, 0), known.get(_OURS, 0)
        parts = [text[start : start + _PART] for start in range(0, len(text), _PART)]
        before = [known[f"{_TEXT}{at}"] for at in range(len(known)) if f"{_TEXT}{at}" in known]
        if version != ours or "".join(before) == text:
            return False
        parts += [""] * (len(before) - len(parts))
        texts = {f"{_TEXT}{at}": part for at, part in enumerate(parts)}
        for key, value in {_VERSION: version + 1, _OURS: version + 1, **texts}.items():
            connection.execute("DELETE FROM study_system_attributes WHERE study_id = ? AND key = ?", (study, key))
            connection.execute(
                "INSERT INTO study_system_attributes VALUES (NULL, ?, ?, ?)", (study, key, json.dumps(value))
            )
    return True
