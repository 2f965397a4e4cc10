import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from seplace.costs.counting import count_operators
from seplace.costs.flops import flops
from seplace.costs.macs import macs
from tests.costs.constructs import CONSTRUCTS, TORCH_COUNTS_NOTHING, Construct

each_construct = pytest.mark.parametrize("construct", CONSTRUCTS, ids=[construct.name for construct in CONSTRUCTS])


class Function(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def network_of(construct: Construct) -> nn.Module:
    made = construct.made
    return (made if isinstance(made, nn.Module) else Function(made)).eval()


@each_construct
def test_what_a_construct_costs(construct: Construct) -> None:
    network, x = network_of(construct), torch.rand(construct.shape)
    assert not count_operators(network, x).unknown
    assert (flops(network, x), macs(network, x)) == (construct.flops, construct.macs)


@each_construct
def test_its_macs_are_half_of_what_torch_counts(construct: Construct) -> None:
    network, x = network_of(construct), torch.rand(construct.shape)
    is_fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # what is fused, torch does not count
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
            network(x)
    finally:
        torch.backends.mha.set_fastpath_enabled(is_fused)
    assert counter.get_total_flops() == (0 if construct.name in TORCH_COUNTS_NOTHING else 2 * construct.macs)


def test_every_name_is_one_construct() -> None:
    names = [construct.name for construct in CONSTRUCTS]
    assert len(set(names)) == len(names) >= 200
