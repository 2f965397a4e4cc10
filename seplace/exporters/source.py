"""Export as source: a folder with readable code, its weights, its description and a page about it."""

from __future__ import annotations

from pathlib import Path

from seplace.exporters.folder import refuse_foreign, write_folder
from seplace.exporters.form import Form
from seplace.exporters.source_code import source_text
from seplace.exporters.trained import TrainedNetwork
from seplace.exporters.verify import verify

SOURCE = Form(
    mark="seplace-source-export",
    network_file="model.py",
    content="the network, which needs torch alone",
    verified="""\
Before this folder was written, a fresh Python without seplace rebuilt the network from it and gave equal
logits, and its FLOPs and parameters were counted again.""",
    loading="""\
import torch
from safetensors.torch import load_file

from model import build

network = build().eval()
network.load_state_dict(load_file("model.safetensors"))""",
)


def export_source(trained: TrainedNetwork, folder: Path) -> Path:
    """Write model.py, model.safetensors, config.json and README.md to `folder`, and return its resolved path.

    The folder appears only once a fresh process has reproduced the network from it (see `verify`);
    ExportMismatch otherwise. An earlier export there is replaced; a folder with anything else in it is an
    InputError, and so is code that cannot be exported (UnexportableCode).
    """
    code = source_text(
        trained.backbone,
        trained.placement,
        gate=trained.gate,
        num_classes=trained.num_classes,
        in_channels=trained.in_channels,
    )
    folder = folder.resolve()
    refuse_foreign(folder, SOURCE)
    return write_folder(trained, folder, form=SOURCE, network=trained.build(), content=code.encode(), verify=verify)
