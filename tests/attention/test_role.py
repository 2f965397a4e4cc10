"""What every attention module must do, whatever it computes."""

import pytest
import torch

from seplace.attention import ATTENTION
from seplace.testing import attention
from tests.networks import GATES

WITHOUT_GRADIENT = {
    "coord": frozenset({"reduce.bias"}),
    "bam": frozenset({"channel.reduce.bias", "spatial.reduce.bias", "spatial.dilated1.bias", "spatial.dilated2.bias"}),
    "gc": frozenset({"attend.bias"}),
}
"""Biases that a batch norm or a softmax takes away again: their gradient is zero but for rounding."""

each_gate = pytest.mark.parametrize("name", GATES)


@each_gate
@pytest.mark.parametrize("check", [*attention.REQUIRED, *attention.PROMISED], ids=lambda check: check.__name__)
def test_an_entry_does_what_its_shelf_asks(name: str, check) -> None:
    check(name)


@each_gate
def test_an_entry_learns(name: str) -> None:
    attention.learns(name, without_gradient=WITHOUT_GRADIENT.get(name, ()))


def test_none_is_the_gate_that_is_one_and_has_nothing_to_learn() -> None:
    gate = ATTENTION["none"](16)
    u = torch.randn(2, 16, 5, 7)
    assert torch.equal(u * gate(u), u)
    assert list(gate.parameters()) == []
