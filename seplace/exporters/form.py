"""The forms of an export: what marks its folder, which file holds the network, and how a reader loads that."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Form:
    """What the folders of one exporter have in common."""

    mark: str
    """The `format` in config.json, by which an earlier export is known."""
    network_file: str
    content: str
    """What the network's file is, for the table of files in the README."""
    verified: str
    """A paragraph for the README: what was done before the folder was written."""
    loading: str
    """Python that makes `network` out of the folder that it runs in."""

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all files, in the order in which they are written."""
        return (self.network_file, "model.safetensors", "README.md", "config.json")
