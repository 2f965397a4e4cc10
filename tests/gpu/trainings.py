"""The study of ResNet-20 at 32x32 from which the steps take trainings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seplace.placement import Placement
from seplace.testing.studies import write_study
from tests.gpu.figures import Setting

DEAREST = Placement.parse("cbam4-cbam4-cbam4")
PLAIN = Placement.parse("none-none-none")
SPACE = """\
schema: 1
backbone: BACKBONE
gate: {init: paper}
choices:
  modules: [none, se, cbam]
  ratios: [4]
  attachments: [serial]
"""


def resnet20(setting: Setting, *, name: str, **changes: Any) -> Path:
    """Write a study of ResNet-20 into the folder of a step; a change of a block is merged into it.

    In the small form it is a ResNet-8 of a quarter of the width.
    """
    few = setting.is_small
    space = SPACE.replace("BACKBONE", "cifar_resnet8[width=0.25]" if few else "cifar_resnet20")
    (setting.folder / "space.yaml").write_text(space)
    data: dict[str, Any] = {
        "name": "tests.gpu.images:generated" if setting.data is None else "cifar10",
        "train_images": 256 if few else 8192,
        "validation_images": 128 if few else 2048,
    }
    if setting.data is not None:
        data["root"] = setting.data
    usual: dict[str, Any] = {
        "space": "./space.yaml",
        "data": data,
        "training": {
            "epochs": 1 if few else 2,
            "batch_size": 64 if few else 128,
            "flip": True,
            "crop_padding": 4,
            "learning_rate": 0.05,
        },
        "search": {"sampler": "random", "trainings": 8, "seeds": 1, "seed": 0},
        "run": {"accelerator": setting.accelerator, "executor": "processes", "workers": 2},
    }
    merged = {
        key: {**value, **changes.get(key, {})} if isinstance(value, dict) else value for key, value in usual.items()
    }
    return write_study(setting.folder, {**changes, **merged}, name=name)
