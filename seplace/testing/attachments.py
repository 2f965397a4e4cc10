"""What every attachment must do, wherever it puts the gate."""

from __future__ import annotations

import functools
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seplace.attachments import ATTACHMENTS
from seplace.attention.applied import Scaled
from seplace.backbones.describe import describe
from seplace.testing.expectations import expect
from seplace.testing.tracing import TRACERS, expect_traceable


@dataclass(frozen=True)
class Place:
    """A block of a backbone, by its stage and its number there, both from 0."""

    backbone: str
    stage: int
    block: int
    words: str

    def __str__(self) -> str:
        return self.words


BLOCKS = (
    Place("cifar_resnet8[width=0.5]", 0, 0, "basic, identity shortcut"),
    Place("cifar_resnet8[width=0.5]", 1, 0, "basic, padded shortcut"),
    Place("cifar_resnet8[shortcut=B,width=0.5]", 1, 0, "basic, projected shortcut"),
    Place("resnet50[width=0.0625]", 0, 1, "bottleneck, identity shortcut"),
    Place("resnet50[width=0.0625]", 1, 0, "bottleneck, projected shortcut"),
    Place("resnet50_v1[width=0.0625]", 1, 0, "bottleneck with its stride first"),
)


class ToyGate(nn.Module):
    """g(u) = scale ⊙ σ(avgpool(u)): it shows whether it read u, and how wide it was made."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(0.5, 2, channels)[:, None, None])

    def forward(self, u: Tensor) -> Tensor:
        """Return the gate (N, C, 1, 1) of u (N, C, H, W)."""
        return self.scale * u.mean((2, 3), keepdim=True).sigmoid()


class _Open(nn.Module):
    """The gate that is one everywhere."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, u: Tensor) -> Tensor:
        return torch.ones(u.shape[0], self.channels, 1, 1)


@functools.cache
def _network(backbone: str) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return describe(backbone).build(num_classes=10)


class _Noting(nn.Module):
    """The gate that is one, and notes how wide a map it sees."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.seen: list[int] = []

    def forward(self, u: Tensor) -> Tensor:
        self.seen.append(u.shape[1])
        return torch.ones(1, 1, 1, 1)


def warmed_up(place: Place) -> nn.Module:
    """Return a plain block in eval mode whose batch norms do something."""
    block = deepcopy(_network(place.backbone).get_submodule(f"stages.{place.stage}.{place.block}"))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        for module in block.modules():
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                nn.init.normal_(module.weight)
                nn.init.normal_(module.bias)
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
    return block.eval()


def attached(name: str, block: nn.Module, make_gate: Callable[[int], nn.Module] = ToyGate) -> nn.Module:
    """Return a copy of a block with a gate attached."""
    copy = deepcopy(block)
    ATTACHMENTS[name].attach(copy, lambda channels: Scaled(make_gate(channels)))
    return copy.train(block.training)


def gate_of(block: nn.Module) -> ToyGate:
    """Return the only toy gate of a block."""
    gates = [module for module in block.modules() if isinstance(module, ToyGate)]
    expect(len(gates) == 1, f"the block holds {len(gates)} gates after one was attached")
    return gates[0]


def changes_nothing_with_an_open_gate(name: str, place: Place) -> None:
    """Check that a gate of ones leaves the block's output equal to the bit, in training and in eval mode."""
    for is_training in (True, False):
        plain = warmed_up(place).train(is_training)
        block = attached(name, plain, _Open)
        x = _input_of(plain)
        expect(torch.equal(block(x), plain(x)), f"{name}, {place}: a gate of ones changes the output")


def gives_the_gate_its_width(name: str, place: Place) -> None:
    """Check that the gate runs once, on a map of as many channels as it was made for."""
    made: list[_Noting] = []

    def make_gate(channels: int) -> nn.Module:
        made.append(_Noting(channels))
        return made[-1]

    block = attached(name, warmed_up(place), make_gate)
    expect(len(made) == 1, f"{name}, {place}: the block makes {len(made)} gates")
    block(_input_of(block))
    channels, seen = made[0].channels, made[0].seen
    expect(seen == [channels], f"{name}, {place}: a gate for {channels} channels runs on maps of {seen} channels")


def keeps_the_blocks_tensors(name: str, place: Place) -> None:
    """Check that the block's own tensors keep their names and values, and that the gate's stand in a `gate`."""
    plain = warmed_up(place)
    tensors = attached(name, plain).state_dict()
    for key, tensor in plain.state_dict().items():
        expect(key in tensors and torch.equal(tensors.pop(key), tensor), f"{name}, {place}: {key} is lost or changed")
    is_right = len(tensors) == 1 and next(iter(tensors)).endswith("gate.scale")
    expect(is_right, f"{name}, {place}: the gate adds the tensors {', '.join(tensors)}, wanted: one in a module `gate`")


def passes_gradients(name: str, place: Place) -> None:
    """Check that a gradient reaches the gate and the block's input."""
    block = attached(name, warmed_up(place)).train()
    x = _input_of(block).requires_grad_()
    block(x).square().sum().backward()
    for what, gradient in (("the input", x.grad), ("the gate", gate_of(block).scale.grad)):
        is_there = gradient is not None and gradient.isfinite().all() and gradient.count_nonzero()
        expect(is_there, f"{name}, {place}: no gradient reaches {what}")


def leaves_the_input(name: str, place: Place) -> None:
    """Check that the block does not change its input in place."""
    block = attached(name, warmed_up(place))
    x = _input_of(block)
    before = x.clone()
    block(x)
    expect(torch.equal(x, before), f"{name}, {place}: the block changes its input")


def makes_one_gate_a_block(name: str, place: Place) -> None:
    """Check that each block gets one gate of its own."""
    plain = warmed_up(place)
    made: list[nn.Module] = []

    def make_gate(channels: int) -> nn.Module:
        made.append(ToyGate(channels))
        return made[-1]

    for _ in range(2):
        attached(name, plain, make_gate)
    expect(len(made) == 2 and made[0] is not made[1], f"{name}, {place}: two blocks have made {len(made)} gates")


def can_be_traced(name: str, place: Place) -> None:
    """Check that torch.fx and torch.jit.script take the block with its gate."""
    block = attached(name, warmed_up(place))
    for tracer in TRACERS:
        expect_traceable(block, _input_of(block), f"{name}, {place}", tracer=tracer)


CHECKS = (
    gives_the_gate_its_width,
    changes_nothing_with_an_open_gate,
    keeps_the_blocks_tensors,
    passes_gradients,
    leaves_the_input,
    makes_one_gate_a_block,
)
"""The checks that every attachment of gates passes, for each of BLOCKS."""

PROMISED = (can_be_traced,)
"""The checks that the entries of seplace pass beside."""


def _input_of(block: nn.Module) -> Tensor:
    channels = block.in_channels
    assert isinstance(channels, int)
    return torch.randn(2, channels, 6, 6, generator=torch.Generator().manual_seed(1))
