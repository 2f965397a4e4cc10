"""Exporters write a trained network as files that need no seplace. Each verifies its own output.

An entry is a function `export(trained, folder)`. It takes a `TrainedNetwork`, writes a folder and returns its resolved
path, or raises ExportMismatch and leaves nothing behind. `write_folder` with `verify_form` does that for any file of a
network that Python code can load. One file and one line add an entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seplace.registry import Entry, Registry

if TYPE_CHECKING:
    from seplace.backbones.backbone import Backbone

EXPORTERS = Registry(
    "exporter",
    Entry,
    group="seplace.exporters",
    entries={
        "source": "seplace.exporters.source:export_source",
        "program": "seplace.exporters.program:export_program",
        "onnx": "seplace.exporters.onnx:export_onnx",
        "huggingface": "seplace.exporters.huggingface:export_huggingface",
        "timm": "seplace.exporters.timm:export_timm",
    },
)


def exporter_for(backbone: Backbone) -> str:
    """Return the default exporter of a backbone: `program` for a network of the user's own, otherwise `source`."""
    from seplace.backbones.foreign.traced import TracedBackbone  # torch

    return "program" if isinstance(backbone, TracedBackbone) else "source"
