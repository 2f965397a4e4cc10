"""What every attachment must do, wherever it puts the gate."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from seplace.attachments import ATTACHMENTS
from seplace.attention import ATTENTION
from seplace.testing import attachments
from seplace.testing.attachments import BLOCKS, Place, attached, gate_of, warmed_up
from tests.attachments.toy import chain_block, each_block
from tests.marks import in_the_long_form
from tests.networks import GATES, gate_arguments, takes

each_attachment = pytest.mark.parametrize("name", [name for name in ATTACHMENTS if takes("se", name)])


@each_attachment
@each_block
@pytest.mark.parametrize("check", attachments.CHECKS, ids=lambda check: check.__name__)
def test_an_entry_does_what_its_shelf_asks(name: str, place: Place, check) -> None:
    check(name, place)


@each_attachment
@pytest.mark.parametrize("place", [BLOCKS[0], *map(in_the_long_form, BLOCKS[1:])], ids=str)
@pytest.mark.parametrize("check", attachments.PROMISED, ids=lambda check: check.__name__)
def test_an_entry_does_what_seplace_promises(name: str, place: Place, check) -> None:
    check(name, place)


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
def test_the_joins_cost_the_same(gate: str, place: Place) -> None:
    def costs(name: str) -> tuple[int, int]:
        arguments = gate_arguments(gate, init="paper")
        block = attached(name, warmed_up(place), lambda channels: ATTENTION[gate](channels, **arguments))
        with FlopCounterMode(display=False) as counter:
            block(torch.zeros(1, block.in_channels, 6, 6))
        return sum(parameter.numel() for parameter in block.parameters()), counter.get_total_flops()

    assert costs("serial") == costs("parallel") == costs("cross")
