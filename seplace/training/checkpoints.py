"""The files in which unfinished trainings are kept."""

from __future__ import annotations

import io
import pickle
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from seplace.files.atomic import sha256_of, write_atomically


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The file of an unfinished training, and the age at which it is written anew."""

    path: Path
    every_seconds: float = 30.0


class CorruptCheckpoint(Exception):
    """A checkpoint whose content is not what was written; its argument is the path."""


def write_checkpoint(content: dict[str, Any], path: Path) -> None:
    """Write a SHA-256 and the content that it is of, all or nothing."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    data = buffer.getvalue()
    write_atomically(path, sha256_of(data).encode() + data)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint of plain types and tensors. Raises CorruptCheckpoint where it was changed."""
    stored = path.read_bytes()
    digest, data = stored[:64], stored[64:]
    if digest != sha256_of(data).encode():
        raise CorruptCheckpoint(path)
    try:
        content: dict[str, Any] = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise CorruptCheckpoint(path) from error
    return content


def resume_point(checkpoint: Checkpoint | None) -> tuple[Path | None, int]:
    """Return the path of an intact checkpoint and its epochs; None and 0 without one.

    A damaged checkpoint is renamed, with a warning.
    """
    if checkpoint is None or not checkpoint.path.exists():
        return None, 0
    try:
        epochs = read_checkpoint(checkpoint.path)["epoch"] + 1  # the last one's number, from 0
    except CorruptCheckpoint:
        damaged = checkpoint.path.rename(checkpoint.path.with_suffix(".damaged"))
        warnings.warn(f"{damaged}: the checkpoint is damaged; its training starts again", stacklevel=3)
        return None, 0
    return checkpoint.path, epochs
