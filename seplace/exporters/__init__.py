"""Exporters: what a trained network becomes outside seplace. Each verifies its own output.

A member is a function `export(trained, folder)`: it takes a `TrainedNetwork`, writes a folder and returns its
path, or raises ExportMismatch and leaves nothing. One file and one line add a member.
"""

from seplace.registry import Registry

EXPORTERS = Registry("exporter", {"source": "seplace.exporters.source:export_source"})
