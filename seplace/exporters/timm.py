"""Export for timm: a folder whose timm_model.py registers the network with timm, and whose config.json timm reads."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from seplace.datasets.preprocessing import Preprocessing
from seplace.exporters.folder import refuse_foreign, write_folder
from seplace.exporters.source import SOURCE
from seplace.exporters.source_code import feature_arguments, source_of
from seplace.exporters.trained import TrainedNetwork
from seplace.exporters.verify import verify

_LONGEST_NAME = 80

TIMM = replace(
    SOURCE,
    mark="seplace-timm-export",
    verified="""\
Before this folder was written, a fresh Python without seplace rebuilt the network from it with torch alone and gave
equal logits, and its FLOPs and parameters were counted again. With timm it is read so, from anywhere:

```python
import sys

import timm

sys.path.append("path/of/this/folder")
import timm_model  # registers the network

network = timm.create_model(timm_model.NAME, pretrained=True, num_classes=5)
maps = timm.create_model(timm_model.NAME, pretrained=True, features_only=True)
transform = timm.data.create_transform(**timm.data.resolve_data_config(model=network))
```

`timm.create_model("local-dir:path/of/this/folder", pretrained=True)` does the same after the import. timm resizes
before it crops and ignores EXIF orientation, so that its pixels differ a little from those that the study measured
accuracies on.""",
    extras={"timm_model.py": "registers the network with timm"},
)

_GLUE = '''\
"""Register the network of model.py with timm: import this file, then `timm.create_model(NAME, pretrained=True)`."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from torch import Tensor, nn

HERE = Path(__file__).resolve().parent
CONFIG = json.loads((HERE / "config.json").read_text(encoding="utf-8"))
NAME = CONFIG["architecture"]

_spec = importlib.util.spec_from_file_location(f"{NAME}_source", HERE / "model.py")
_model = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_model)


class SeplaceNetwork(nn.Module):
    """The network with the interface of timm's models."""

    def __init__(self, num_classes: int = CONFIG["num_classes"], in_chans: int = CONFIG["in_channels"]) -> None:
        super().__init__()
        if in_chans != CONFIG["in_channels"]:
            raise ValueError(f"{NAME} takes images of {CONFIG['in_channels']} channels, not {in_chans}")
        self.network = _model.build(num_classes=max(num_classes, 1))
        self.num_classes = num_classes
        self.num_features = CONFIG["num_features"]
        self.head_hidden_size = self.get_classifier().in_features
        self.feature_info = [
            {"num_chs": channels, "reduction": stride, "module": f"network.stages.{stage}"}
            for stage, (channels, stride) in enumerate(zip(CONFIG["feature_channels"], CONFIG["feature_strides"]))
        ]
        self._pools = self._first_linear().in_features == CONFIG["pooled_channels"]
        if num_classes == 0:
            self.reset_classifier(0)

    def get_classifier(self) -> nn.Module:
        """Return the last layer."""
        return self.get_submodule(CONFIG["pretrained_cfg"]["classifier"])

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Draw the last layer anew; without classes it is the identity."""
        if global_pool not in (None, "", "avg"):
            raise ValueError(f"{NAME} pools by the mean, not by {global_pool}")
        parent, _, last = CONFIG["pretrained_cfg"]["classifier"].rpartition(".")
        layer = nn.Linear(self.head_hidden_size, num_classes) if num_classes else nn.Identity()
        setattr(self.get_submodule(parent), last, layer)
        self.num_classes = num_classes

    def forward_intermediates(
        self,
        x: Tensor,
        indices: int | list[int] | tuple[int, ...] | None = None,
        norm: bool = False,
        stop_early: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> Any:
        """Return the maps of stages, and the map of the last one."""
        if output_fmt != "NCHW":
            raise ValueError(f"maps are NCHW, not {output_fmt}")
        count = len(self.feature_info)
        chosen = range(count) if indices is None else indices
        chosen = range(count - chosen, count) if isinstance(chosen, int) else [at % count for at in chosen]
        maps = self._maps(x, until=max(chosen) + 1 if stop_early else count)
        intermediates = [each for at, each in enumerate(maps) if at in chosen]
        return intermediates if intermediates_only else (maps[-1], intermediates)

    def prune_intermediate_layers(
        self, indices: int | list[int] | tuple[int, ...] = 1, prune_norm: bool = False, prune_head: bool = True
    ) -> list[int]:
        """Return the numbers of the stages whose maps are taken; nothing is removed."""
        count = len(self.feature_info)
        return list(range(count - indices, count)) if isinstance(indices, int) else [at % count for at in indices]

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the map of the last stage."""
        return self._maps(x, until=len(self.feature_info))[-1]

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Return the logits of the map of the last stage, or what the last layer takes."""
        network = self.network
        x = network.head(x) if hasattr(network, "head") else x
        x = x.mean((2, 3)) if self._pools else x.flatten(1)
        x = network.dropout(x) if hasattr(network, "dropout") else x
        classifier = network.classifier
        if not pre_logits:
            return classifier(x)
        for layer in list(classifier)[:-1] if isinstance(classifier, nn.Sequential) else ():
            x = layer(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of images (N, C, H, W)."""
        return self.network(x)

    def _first_linear(self) -> nn.Linear:
        return next(layer for layer in self.network.classifier.modules() if isinstance(layer, nn.Linear))

    def _maps(self, x: Tensor, until: int) -> list[Tensor]:
        network = self.network
        x = network.stem(x) if hasattr(network, "stem") else x
        transitions = getattr(network, "transitions", None) or [nn.Identity()] * len(network.stages)
        maps = []
        for transition, stage in list(zip(transitions, network.stages))[:until]:
            x = stage(transition(x))
            maps.append(x)
        return maps


def _with_prefix(weights: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Return weights under the names that they have in the wrapper; those that a checkpoint of timm has, stay."""
    return {name if name.startswith("network.") else f"network.{name}": each for name, each in weights.items()}


def _entry(pretrained: bool = False, **kwargs: Any) -> nn.Module:
    stages = range(len(CONFIG["feature_channels"]))
    return build_model_with_cfg(
        SeplaceNetwork,
        NAME,
        pretrained,
        feature_cfg={"out_indices": tuple(stages), "feature_cls": "getter"},
        pretrained_filter_fn=_with_prefix,
        **kwargs,
    )


default_cfgs = generate_default_cfgs(
    {f"{NAME}.seplace": {**CONFIG["pretrained_cfg"], "file": str(HERE / "model.safetensors")}}
)
_entry.__name__ = _entry.__qualname__ = NAME
globals()[NAME] = register_model(_entry)
'''


def export_timm(trained: TrainedNetwork, folder: Path) -> Path:
    """Write a folder that timm reads, and return its resolved path.

    The folder appears only once a fresh process has reproduced the network from it (see `verify`); ExportMismatch
    otherwise. An earlier export there is replaced; a folder with anything else in it is an InputError, and so are code
    that cannot be exported (UnexportableCode) and a network whose preprocessing is not known.
    """
    steps = trained.preprocessing_for("timm")
    code = source_of(trained)
    folder = folder.resolve()
    refuse_foreign(folder, TIMM)
    network = trained.build()
    return write_folder(
        trained,
        folder,
        form=TIMM,
        network=network,
        content=code.encode(),
        verify=verify,
        extras={"timm_model.py": _GLUE.encode()},
        config=_config(trained, network, steps),
    )


def timm_name(trained: TrainedNetwork) -> str:
    """Return the name of a network at timm: letters, digits and _; a long one ends in a part of its digest."""
    text = f"{trained.backbone.text}_{trained.placement}"
    name = "seplace_" + re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    digest = hashlib.sha256(text.encode(errors="replace")).hexdigest()[:8]
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 9]}_{digest}"


def _config(trained: TrainedNetwork, network: nn.Module, steps: Preprocessing) -> dict[str, Any]:
    """Return what timm reads of config.json, and the maps of the stages."""
    features = feature_arguments(trained.backbone, in_channels=trained.in_channels)
    last = [name for name, layer in network.named_modules() if isinstance(layer, nn.Linear)][-1]
    return {
        "architecture": timm_name(trained),
        "num_features": features["channels"][-1],
        "feature_channels": features["channels"],
        "feature_strides": features["strides"],
        "pooled_channels": _pooled_channels(network, trained),
        "pretrained_cfg": {
            "input_size": [trained.in_channels, steps.size, steps.size],
            "fixed_input_size": "map_size=" in str(trained.placement),
            "interpolation": steps.interpolation,
            "crop_pct": 1.0,
            "crop_mode": "center",
            "mean": list(steps.mean),
            "std": list(steps.std),
            "num_classes": trained.num_classes,
            "label_names": list(trained.classes),
            "first_conv": None,
            "classifier": f"network.{last}",
            "pool_size": None,
        },
    }


def _pooled_channels(network: nn.Module, trained: TrainedNetwork) -> int:
    """Return the channels of the map that is pooled: of the head, where the network has one, else of the last stage."""
    seen: list[int] = []
    before: Any = network.get_submodule("head" if hasattr(network, "head") else "stages")
    last = before[-1] if isinstance(before, nn.ModuleList) else before
    handle = last.register_forward_hook(lambda *given: seen.append(given[-1].shape[1]))
    try:
        with torch.inference_mode():
            network(torch.zeros(1, *trained.input_shape))
    finally:
        handle.remove()
    return seen[0]
