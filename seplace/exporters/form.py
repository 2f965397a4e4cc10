"""The form of an export: the mark of its folder, the file of the network, and the code that loads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from seplace.exporters.trained import TrainedNetwork

SHOWN = ("predict.py", "check.safetensors")
"""The files of every form that show the network at work."""

BESIDE = "module.safetensors"
"""The file of what the module of a training of the user's own holds beside the network, where it holds anything."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """The properties that all folders of one exporter share."""

    mark: str
    """The `format` in config.json, which identifies an earlier export."""
    network_file: str
    content: str
    """A description of the network's file, for the table of files in the README."""
    verified: str
    """A paragraph of the README about the verification."""
    loading: str
    """Python code that makes `network` from the files of its working folder."""
    load: str = ""
    """The function `load` of predict.py; empty for one that runs `loading`."""
    sections: Callable[[TrainedNetwork], str] | None = None
    """Further sections of the README: how to train the network further, and to use it in another."""
    needs: str = "torch"
    """The packages that predict.py needs beside pillow, in words."""
    arrays: Literal["torch", "numpy"] = "torch"
    """The library of the arrays that `network` takes."""
    extras: Mapping[str, str] = field(default_factory=dict)
    """Further files, each with its description."""

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all files, in the order of writing."""
        return (self.network_file, "model.safetensors", *self.extras, *SHOWN, "README.md", "config.json")
