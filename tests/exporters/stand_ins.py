"""Stand-ins for the names of timm and transformers that exports use; neither package is needed by the tests.

They do what the packages do with these names, as far as an export depends on it.
"""

import sys
from dataclasses import dataclass
from types import ModuleType

import torch
from safetensors.torch import load_file
from torch import nn

ENTRIES = {}


def register_model(entry):
    """Register an entry point under its name, which its module must offer, as timm does."""
    module = sys.modules[entry.__module__]
    assert entry.__name__ in module.default_cfgs
    ENTRIES[entry.__name__] = (entry, module.default_cfgs[entry.__name__])
    return entry


def generate_default_cfgs(configs):
    return {name.partition(".")[0]: config for name, config in configs.items()}


def build_model_with_cfg(
    model_cls,
    variant,
    pretrained,
    *,
    feature_cfg,
    pretrained_filter_fn,
    features_only=False,
    out_indices=None,
    **kwargs,
):
    config = ENTRIES[variant][1]
    if features_only:
        kwargs.setdefault("num_classes", 0)
    else:
        kwargs.setdefault("num_classes", config["num_classes"])
    model = model_cls(**kwargs)
    if pretrained:
        weights = pretrained_filter_fn(load_file(config["file"]), model)
        if model.num_classes != config["num_classes"]:
            weights = {name: each for name, each in weights.items() if not name.startswith(config["classifier"])}
        missing, unexpected = model.load_state_dict(weights, strict=False)
        assert not unexpected
        assert all(name.startswith(config["classifier"]) for name in missing)
    assert feature_cfg["feature_cls"] == "getter"
    return Getter(model, out_indices or feature_cfg["out_indices"]) if features_only else model


class Getter(nn.Module):
    """What timm's FeatureGetterNet asks of a model."""

    def __init__(self, model, out_indices):
        super().__init__()
        self.model = model
        self.indices = model.prune_intermediate_layers(out_indices, prune_norm=True)

    def forward(self, x):
        return self.model.forward_intermediates(
            x, indices=self.indices, norm=False, output_fmt="NCHW", intermediates_only=True
        )


def create_model(name, *, pretrained=False, **kwargs):
    return ENTRIES[name][0](pretrained=pretrained, **kwargs)


class PretrainedConfig:
    def __init__(self, **values):
        vars(self).update(values)

    @property
    def num_labels(self):
        return len(self.id2label)


class PreTrainedModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config

    def post_init(self):
        pass


@dataclass
class Output:
    logits: torch.Tensor
    loss: torch.Tensor | None = None


def put_in_place(monkeypatch):
    """Let imports of timm and of transformers find the stand-ins."""
    names = {
        "timm": {},
        "timm.models": {each.__name__: each for each in (build_model_with_cfg, generate_default_cfgs, register_model)},
        "transformers": {"PretrainedConfig": PretrainedConfig, "PreTrainedModel": PreTrainedModel},
        "transformers.modeling_outputs": {"ImageClassifierOutputWithNoAttention": Output},
    }
    for name, content in names.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
