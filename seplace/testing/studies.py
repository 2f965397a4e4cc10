"""Tiny studies: digits, a half-width ResNet-8, one epoch on a handful of images."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

STUDY: dict[str, Any] = {
    "schema": 1,
    "space": "digits-resnet8",
    "data": {"name": "digits", "train_images": 128, "validation_images": 64},
    "training": {
        "epochs": 1,
        "batch_size": 64,
        "learning_rate": 0.1,
        "momentum": 0.9,
        "weight_decay": 5.0e-4,
        "schedule": "cosine",
    },
    "objective": {"cost": "flops"},
    "search": {"sampler": "random", "trainings": 10, "seeds": 2, "seed": 0},
}

SMALL_BACKBONE = "cifar_resnet8[width=0.25]"
SMALL_SPACE = f"""\
schema: 1
backbone: {SMALL_BACKBONE}
gate: {{init: paper}}
choices:
  modules: [none, eca]
  attachments: [serial]
"""
"""Eight placements: none or ECA in each of three stages."""


def write_study(folder: Path, changes: Mapping[str, Any], *, name: str = "tiny") -> Path:
    """Write a study file and return its path; a change of a block is merged into it, None leaves the block out."""
    document = copy.deepcopy(STUDY)
    for key, value in changes.items():
        document[key] = {**document.get(key, {}), **value} if isinstance(value, dict) else value
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in document.items() if value is not None}))
    return path


def write_small_space(folder: Path, *, variants: Sequence[str] = ()) -> str:
    """Write a space of eight placements a backbone beside a study, and return what the study calls it."""
    (folder / "small.yaml").write_text(f"{SMALL_SPACE}variants: {json.dumps(list(variants))}\n")
    return "small.yaml"
