"""What every attachment must do, wherever it puts the gate."""

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from seplace.attachments import ATTACHMENTS
from seplace.attention import ATTENTION
from tests.attachments.toy import ToyGate, attached, chain_block, each_block, gate_of, warmed_up
from tests.networks import GATES, gate_arguments, takes

each_attachment = pytest.mark.parametrize("name", [name for name in ATTACHMENTS if takes("se", name)])


class Open(nn.Module):
    """The gate that is one everywhere."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, u: Tensor) -> Tensor:
        return torch.ones(u.shape[0], self.channels, 1, 1)


@each_attachment
@each_block
@pytest.mark.parametrize("training", [True, False])
def test_an_open_gate_changes_nothing(name: str, place: tuple[str, int, int], training: bool) -> None:
    plain = warmed_up(place).train(training)
    block = attached(name, plain, Open)
    x = torch.randn(2, plain.in_channels, 6, 6)
    assert torch.equal(block(x), plain(x))


@each_attachment
@each_block
def test_the_gate_is_as_wide_as_what_it_sees_and_runs_once(name: str, place: tuple[str, int, int]) -> None:
    block = attached(name, warmed_up(place))
    seen = []
    gate_of(block).register_forward_hook(lambda _gate, inputs, _output: seen.append(inputs[0].shape[1]))
    block(torch.randn(2, block.in_channels, 6, 6))
    assert seen == [gate_of(block).scale.numel()]


@each_attachment
@each_block
def test_the_blocks_own_tensors_keep_their_names_and_values(name: str, place: tuple[str, int, int]) -> None:
    plain = warmed_up(place)
    tensors = attached(name, plain).state_dict()
    for key, tensor in plain.state_dict().items():
        assert torch.equal(tensors.pop(key), tensor)
    assert len(tensors) == 1  # the scale of the toy gate
    assert next(iter(tensors)).endswith("gate.scale")


@each_attachment
@each_block
def test_a_gradient_reaches_the_gate_and_the_input(name: str, place: tuple[str, int, int]) -> None:
    block = attached(name, warmed_up(place)).train()
    x = torch.randn(2, block.in_channels, 6, 6, requires_grad=True)
    block(x).square().sum().backward()
    for gradient in (x.grad, gate_of(block).scale.grad):
        assert gradient.isfinite().all()
        assert gradient.count_nonzero()


@each_attachment
@each_block
def test_the_input_is_left_as_it_is(name: str, place: tuple[str, int, int]) -> None:
    block = attached(name, warmed_up(place))
    x = torch.randn(2, block.in_channels, 6, 6)
    before = x.clone()
    block(x)
    assert torch.equal(x, before)


@each_attachment
def test_a_gate_is_made_for_each_block_of_its_own(name: str) -> None:
    plain = warmed_up(("cifar_resnet8[width=0.5]", 0, 0))
    assert gate_of(attached(name, plain)) is not gate_of(attached(name, plain))
    made = []

    def make_gate(channels: int) -> ToyGate:
        made.append(channels)
        return ToyGate(channels)

    attached(name, plain, make_gate)
    assert made == [8]


CHAIN = {"serial": lambda u, g: u * g, "parallel": lambda u, g: u + u * g, "exit": lambda u, g: u * g}
"""What the attachments of a block without a shortcut make of its output."""


@pytest.mark.parametrize("name", CHAIN)
@torch.no_grad()
def test_a_block_without_a_shortcut(name: str) -> None:
    plain = chain_block()
    block = attached(name, plain)
    x = torch.randn(2, 5, 6, 6)
    u = plain(x)
    assert torch.equal(block(x), CHAIN[name](u, gate_of(block)(u)))


@torch.no_grad()
def test_the_entry_and_the_inside_of_a_block_without_a_shortcut() -> None:
    plain, x = chain_block(), torch.randn(2, 5, 6, 6)
    before = attached("pre", plain)
    assert torch.equal(before(x), plain(x * gate_of(before)(x)))
    inside = attached("inner", plain)
    u = plain(x)
    assert torch.equal(inside(x), u * gate_of(inside)(u))


@each_block
@pytest.mark.parametrize("gate", [gate for gate in GATES if takes(gate, "parallel")])
def test_the_joins_cost_the_same(gate: str, place: tuple[str, int, int]) -> None:
    def costs(name: str) -> tuple[int, int]:
        arguments = gate_arguments(gate, init="paper")
        block = attached(name, warmed_up(place), lambda channels: ATTENTION[gate](channels, **arguments))
        with FlopCounterMode(display=False) as counter:
            block(torch.zeros(1, block.in_channels, 6, 6))
        return sum(parameter.numel() for parameter in block.parameters()), counter.get_total_flops()

    assert costs("serial") == costs("parallel") == costs("cross")
