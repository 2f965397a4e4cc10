"""Read the folder of an export back as the trained network that it was made from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors

from seplace.attention.options import GateOptions
from seplace.backbones.describe import describe
from seplace.backbones.foreign.traced import as_returned
from seplace.datasets.preprocessing import Preprocessing
from seplace.errors import CorruptResults, InputError, SeplaceError
from seplace.exporters.trained import TrainedNetwork
from seplace.files.atomic import is_file, sha256_of
from seplace.placement import Placement


def is_export(folder: Path) -> bool:
    """Return whether a folder holds an export of any form, by its config.json."""
    return str(_config_of(folder).get("format", "")).startswith("seplace-")


def open_export(folder: Path) -> TrainedNetwork:
    """Return the trained network of an export that has its weights in model.safetensors.

    The network is described by its names in config.json, and so is built by the seplace that is installed. Raises
    InputError where the folder is no export, and CorruptResults where a file of it was changed.
    """
    config = _config_of(folder)
    if not is_export(folder):
        raise InputError(f"{folder}: no export of seplace (its config.json does not say so)")
    path = folder / "model.safetensors"
    if not is_file(path):
        raise InputError(f"{path}: the weights are not there; export as source, which keeps them")
    data = path.read_bytes()
    try:
        if sha256_of(data) != config["sha256"]["model.safetensors"]:
            raise CorruptResults(f"{path}: the weights are not those that were written (SHA-256 differs)")
        steps = config.get("preprocessing")
        backbone = replace(
            describe(config["backbone"], needs_logits=False), granularity=config.get("granularity", "stage")
        )
        module, size = config.get("module", ""), config["image_size"]
        return TrainedNetwork(
            backbone=as_returned(backbone) if module else backbone,
            placement=Placement.parse(config["placement"]),
            gate=GateOptions(init=config["gate"]["init"], min_hidden=config["gate"]["min_hidden"]),
            num_classes=config["num_classes"],
            in_channels=config["in_channels"],
            image_size=tuple(size) if isinstance(size, list) else size,
            classes=tuple(config["classes"]),
            preprocessing=None if steps is None else Preprocessing.of_record(steps),
            state=load_safetensors(data),
            flops=config["flops"],
            provenance=config["provenance"],
            module=module,
        )
    except SeplaceError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, SafetensorError) as error:
        raise CorruptResults(f"{folder}: config.json or model.safetensors is damaged ({error!r})") from error


def _config_of(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_bytes()) if is_file(folder / "config.json") else {}
    except (OSError, ValueError):
        config = {}
    return config if isinstance(config, dict) else {}
