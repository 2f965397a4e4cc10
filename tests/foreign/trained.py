"""Networks that come with trained weights, in whole and in part."""

import torch
from torch import Tensor, nn

from tests.foreign.shared import Body, Step


def _checkpoint() -> dict[str, Tensor]:
    """What was trained before: always the same."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(99)
        body = Body(Step(8), Step(8), num_classes=1000, in_channels=1)
        for step in body.steps:
            step.norm.running_mean.normal_()
            step.norm.running_var.uniform_(0.5, 2)
        return body.state_dict()


def drawn(num_classes: int = 10, in_channels: int = 1) -> nn.Module:
    return Body(Step(8), Step(8), num_classes=num_classes, in_channels=in_channels)


def loaded(num_classes: int = 1000) -> nn.Module:
    """Its head too, where the classes are as many."""
    body = drawn(num_classes)
    state = _checkpoint()
    if num_classes != 1000:
        state = {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}
    body.load_state_dict(state, strict=False)
    return body


def headed(num_classes: int = 10) -> nn.Module:
    """With a head of its own, and another stem than it was trained with."""
    body = loaded()
    body.stem = nn.Conv2d(1, 8, 3, padding=1, bias=False)
    body.fc = nn.Sequential(nn.Linear(8, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, num_classes))
    nn.init.zeros_(body.fc[3].bias)
    return body
