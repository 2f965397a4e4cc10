import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from seplace.attention.fca import FCA

FIRST = {
    "top": [(0, 0), (0, 1), (6, 0), (0, 5)],
    "bot": [(6, 6), (1, 4), (3, 4), (3, 6)],
    "low": [(0, 0), (0, 1), (1, 0), (1, 1)],
}
"""The frequencies (row, column) that each ranking begins with."""


def reference(gate: FCA, u: Tensor, pairs: list[tuple[int, int]], side: int) -> Tensor:
    """σ(W2 φ(W1 z)) with z_c = Σ u cos cos / k, written with frequencies of the k x k map as the authors scale them."""
    scale = side // 7
    squeezed = torch.zeros(u.shape[:2])
    for c in range(u.shape[1]):
        row, column = (scale * each for each in pairs[c * len(pairs) // u.shape[1]])
        for i in range(side):
            for j in range(side):
                down = math.cos(math.pi * row * (i + 0.5) / side) * (math.sqrt(2) if row else 1) / math.sqrt(side)
                across = math.cos(math.pi * column * (j + 0.5) / side) * (math.sqrt(2) if column else 1)
                squeezed[:, c] += u[:, c, i, j] * down * across / math.sqrt(side)
    hidden = torch.einsum("hc,nc->nh", gate.reduce.weight, squeezed).clamp(min=0)
    return 1 / (1 + torch.exp(-torch.einsum("ch,nh->nc", gate.expand.weight, hidden)))[:, :, None, None]


@torch.no_grad()
@pytest.mark.parametrize("ranking", FIRST)
@pytest.mark.parametrize("side", [7, 14])
def test_the_equation(ranking: str, side: int) -> None:
    torch.manual_seed(0)
    gate, u = FCA(12, ratio=3, frequencies=f"{ranking}4", map_size=side), torch.randn(2, 12, side, side)
    torch.testing.assert_close(gate(u), reference(gate, u, FIRST[ranking], side), atol=1e-6, rtol=0)


@torch.no_grad()
def test_a_map_of_another_size_is_pooled_and_few_channels_take_the_first_frequencies() -> None:
    torch.manual_seed(0)
    gate, u = FCA(4, ratio=1), torch.randn(2, 4, 9, 3)
    pooled = F.adaptive_avg_pool2d(u, 7)
    torch.testing.assert_close(gate(u), reference(gate, pooled, FIRST["top"], 7), atol=1e-6, rtol=0)


@torch.no_grad()
def test_one_frequency_is_the_average() -> None:
    gate, u = FCA(12, ratio=3, frequencies="low1"), torch.randn(2, 12, 7, 7)
    columns = torch.einsum("nchw,ch->ncw", u, gate.row_waves)
    torch.testing.assert_close(torch.einsum("ncw,cw->nc", columns, gate.column_waves), 7 * u.mean((2, 3)))


@pytest.mark.parametrize("ranking", FIRST)
def test_a_ranking_has_32_frequencies_of_a_7x7_map_without_repeats(ranking: str) -> None:
    gate = FCA(32, ratio=4, frequencies=f"{ranking}32")
    pairs = torch.cat([gate.row_waves, gate.column_waves], dim=1)
    assert len(torch.unique(pairs, dim=0)) == 32
    assert torch.allclose(pairs.square().sum(1), torch.tensor(2.0))


@pytest.mark.parametrize("side", [7, 14])
def test_parameters_and_macs(side: int) -> None:
    gate = FCA(64, ratio=16, map_size=side).eval()
    assert sum(parameter.numel() for parameter in gate.parameters()) == 2 * 64 * 4
    assert gate.state_dict().keys() == {"reduce.weight", "expand.weight"}
    with FlopCounterMode(display=False) as counter:
        gate(torch.zeros(1, 64, 9, 5))
    assert counter.get_total_flops() == 2 * (2 * 64 * 4 + 64 * side * side + 64 * side)
