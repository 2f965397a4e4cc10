"""The files in which unfinished trainings are kept."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from seplace.files.atomic import sha256_of, write_atomically
from seplace.version import __version__


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The file of an unfinished training, and the age at which it is written anew."""

    path: Path
    every_seconds: float = 30.0


_SCHEMA, _WRITER = "seplace_schema", "seplace"
_NEWEST = 1
"""The version of the format, in the entry `seplace_schema`; checkpoints before 0.14 do not say it."""


_ENTRIES = {"epoch", "global_step", "state_dict", "optimizer_states", "lr_schedulers", "loops", "curve"}
"""What the checkpoint of an unfinished training has at least."""


class CorruptCheckpoint(Exception):
    """A checkpoint whose content is not what was written; its arguments are the path and the reason."""


def write_checkpoint(content: dict[str, Any], path: Path) -> None:
    """Write a SHA-256 and the content that it is of, all or nothing."""
    buffer = io.BytesIO()
    torch.save(content | {_SCHEMA: _NEWEST, _WRITER: __version__}, buffer)
    data = buffer.getvalue()
    write_atomically(path, sha256_of(data).encode() + data, parents=False)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint of plain types and tensors; nothing in it is run.

    Raises CorruptCheckpoint where it was changed, is no checkpoint, or is of a newer version.
    """
    stored = path.read_bytes()
    digest, data = stored[:64], stored[64:]
    if digest != sha256_of(data).encode():
        raise CorruptCheckpoint(path, "damaged")
    try:
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # what is no checkpoint raises errors of many kinds in torch
        raise CorruptCheckpoint(path, "damaged") from error
    if not isinstance(content, dict) or not content.keys() >= _ENTRIES or type(content["epoch"]) is not int:
        raise CorruptCheckpoint(path, "damaged")
    if content.get(_SCHEMA, 1) != _NEWEST:
        raise CorruptCheckpoint(path, f"of another version of seplace ({str(content.get(_WRITER))[:40]})")
    return content


def resume_point(checkpoint: Checkpoint | None) -> tuple[Path | None, int]:
    """Return the path of an intact checkpoint and its epochs; None and 0 without one.

    One that cannot be used is renamed, with a warning.
    """
    if checkpoint is None or not checkpoint.path.exists():
        return None, 0
    try:
        if not checkpoint.path.is_file():  # reading a FIFO would not end
            raise CorruptCheckpoint(checkpoint.path, "no file")
        epochs = read_checkpoint(checkpoint.path)["epoch"] + 1  # the last one's number, from 0
    except CorruptCheckpoint as error:
        damaged = checkpoint.path.rename(checkpoint.path.with_suffix(".damaged"))
        warnings.warn(f"{damaged}: the checkpoint is {error.args[1]}; its training starts again", stacklevel=3)
        return None, 0
    return checkpoint.path, epochs
