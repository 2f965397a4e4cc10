import itertools

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from seplace.attention import ATTENTION
from seplace.attention.cbam import CBAM


def channel_reference(gate: CBAM, u: Tensor) -> Tensor:
    """σ(MLP(avg) + MLP(max)) with one MLP."""

    def mlp(pooled: Tensor) -> Tensor:
        reduce, expand = gate.channel.reduce, gate.channel.expand
        hidden = (torch.einsum("hc,nc->nh", reduce.weight, pooled) + reduce.bias).clamp(min=0)
        return torch.einsum("ch,nh->nc", expand.weight, hidden) + expand.bias

    pixels = u.reshape(*u.shape[:2], -1)
    score = mlp(pixels.sum(2) / pixels.shape[2]) + mlp(pixels.sort(2).values[:, :, -1])
    return 1 / (1 + torch.exp(-score))[:, :, None, None]


def spatial_reference(gate: CBAM, v: Tensor, *, statistics: tuple[Tensor, Tensor] | None) -> Tensor:
    """σ(BN(conv7x7([max_c v; mean_c v]))), by the batch's statistics where none are given."""
    images, channels, height, width = v.shape
    planes = torch.stack([v.sort(1).values[:, -1], v.sum(1) / channels], dim=1)
    padded = torch.zeros(images, 2, height + 6, width + 6)
    padded[:, :, 3:-3, 3:-3] = planes
    score = torch.zeros(images, height, width)
    for plane in range(2):
        for row in range(7):
            for column in range(7):
                window = padded[:, plane, row : row + height, column : column + width]
                score += gate.spatial.conv.weight[0, plane, row, column] * window
    mean, variance = statistics or (score.mean(), score.var(correction=0))
    norm = gate.spatial.norm
    score = (score - mean) / (variance + 1e-5).sqrt() * norm.weight + norm.bias
    return 1 / (1 + torch.exp(-score))[:, None]


@pytest.fixture
def gate() -> CBAM:
    torch.manual_seed(0)
    gate = CBAM(12, ratio=3)
    norm = gate.spatial.norm
    with torch.no_grad():
        for tensor, value in (
            (norm.weight, 0.7),
            (norm.bias, -0.2),
            (norm.running_mean, 0.1),
            (norm.running_var, 2.0),
        ):
            tensor.fill_(value)
    return gate


@torch.no_grad()
@pytest.mark.parametrize("training", [True, False])
def test_the_equation(gate: CBAM, training: bool) -> None:
    u = torch.randn(3, 12, 8, 9)
    norm = gate.spatial.norm
    statistics = None if training else (norm.running_mean.clone(), norm.running_var.clone())
    channel = channel_reference(gate, u)
    expected = channel * spatial_reference(gate, u * channel, statistics=statistics)
    torch.testing.assert_close(gate.train(training)(u), expected, atol=1e-6, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("order", ["channel_spatial", "spatial_channel", "parallel"])
def test_the_equation_in_each_order(gate: CBAM, order: str, training: bool) -> None:
    ordered = CBAM(12, ratio=3, order=order)
    ordered.load_state_dict(gate.state_dict())
    u = torch.randn(3, 12, 8, 9)
    norm = gate.spatial.norm
    statistics = None if training else (norm.running_mean.clone(), norm.running_var.clone())
    channel = channel_reference(gate, u)
    spatial = spatial_reference(gate, u, statistics=statistics)
    expected = {
        "channel_spatial": channel * spatial_reference(gate, u * channel, statistics=statistics),
        "spatial_channel": spatial * channel_reference(gate, u * spatial),
        "parallel": channel * spatial,
    }[order]
    torch.testing.assert_close(ordered.train(training)(u), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("order", ["spatial_channel", "parallel"])
def test_the_other_orders_start_as_the_identity_and_cost_the_same(order: str) -> None:
    torch.manual_seed(0)
    gate, u = CBAM(16, ratio=4, init="identity", order=order), torch.randn(2, 16, 6, 5)
    assert torch.equal(gate(u), torch.ones(2, 16, 6, 5))
    assert sum(parameter.numel() for parameter in gate.parameters()) == 2 * 16 * 4 + 16 + 4 + 98 + 2
    with FlopCounterMode(display=False) as counter:
        gate.eval()(u[:1])
    assert counter.get_total_flops() == 2 * (4 * 16 * 4 + 98 * 6 * 5)
    with pytest.raises(ValueError, match="CBAM's batch norm"):
        gate.train()(torch.ones(1, 16, 1, 1))


@torch.no_grad()
def test_running_statistics_move_by_a_hundredth(gate: CBAM) -> None:
    v = torch.randn(3, 12, 8, 9)
    planes = torch.cat([v.amax(1, keepdim=True), v.mean(1, keepdim=True)], dim=1)
    mean = gate.spatial.conv(planes).mean()
    gate.spatial.train()(v)
    torch.testing.assert_close(gate.spatial.norm.running_mean, (0.99 * 0.1 + 0.01 * mean).reshape(1))


def test_one_image_with_a_one_pixel_map_is_refused_in_training_alone(gate: CBAM) -> None:
    with pytest.raises(ValueError, match="CBAM's batch norm cannot train on one image with a 1x1 map"):
        gate.train()(torch.ones(1, 12, 1, 1))
    assert gate.eval()(torch.ones(1, 12, 1, 1)).isfinite().all()


@pytest.mark.parametrize(
    ("channels", "ratio", "min_hidden", "hidden"),
    [
        pytest.param(64, 16, 1, 4, id="C / r"),
        pytest.param(16, 16, 1, 1, id="one unit is enough"),
        pytest.param(16, 16, 8, 8, id="not fewer than the least"),
    ],
)
def test_parameters_and_macs(channels: int, ratio: int, min_hidden: int, hidden: int) -> None:
    gate = CBAM(channels, ratio=ratio, min_hidden=min_hidden).eval()
    channel_gate = 2 * channels * hidden + channels + hidden
    spatial_gate = 98 + 2
    assert sum(parameter.numel() for parameter in gate.parameters()) == channel_gate + spatial_gate
    with FlopCounterMode(display=False) as counter:
        gate(torch.zeros(1, channels, 6, 5))
    assert counter.get_total_flops() == 2 * (4 * channels * hidden + 98 * 6 * 5)


def test_maxima_pass_their_gradient_to_one_element() -> None:
    """The gradient of amax divides by how many elements equal the maximum: none, where a compiler rounds otherwise."""
    gate = CBAM(8, ratio=4)(torch.randn(2, 8, 4, 4, requires_grad=True))
    names, waiting = set(), [gate.grad_fn]
    while waiting:
        node = waiting.pop()
        names.add(node.name())
        waiting += [earlier for earlier, _ in node.next_functions if earlier is not None]
    assert "MaxBackward0" in names
    assert "AmaxBackward0" not in names


POOLS = {
    "avg": lambda pixels: pixels.sum(2) / pixels.shape[2],
    "max": lambda pixels: pixels.sort(2).values[:, :, -1],
    "lp": lambda pixels: (pixels * pixels).sum(2) ** 0.5,
    "lse": lambda pixels: torch.exp(pixels).sum(2).log(),
}


@torch.no_grad()
@pytest.mark.parametrize("pools", ATTENTION.entry("cbam").options["pools"])
def test_the_channel_gate_adds_the_scores_of_its_pools(pools: str) -> None:
    torch.manual_seed(0)
    gate, u = CBAM(12, ratio=3, pools=pools, spatial="no").eval(), torch.randn(3, 12, 8, 9)
    reduce, expand = gate.channel.reduce, gate.channel.expand
    score = torch.zeros(3, 12)
    for name in pools.split("_"):
        score += expand(reduce(POOLS[name](u.flatten(2))).clamp(min=0))
    torch.testing.assert_close(gate(u), 1 / (1 + torch.exp(-score))[:, :, None, None], atol=1e-6, rtol=0)
    assert sum(parameter.numel() for parameter in gate.parameters()) == 2 * 12 * 4 + 12 + 4
    with FlopCounterMode(display=False) as counter:
        gate(u[:1])
    assert counter.get_total_flops() == 2 * (2 * 12 * 4 * len(pools.split("_")))


def test_every_combination_of_pools_has_one_spelling() -> None:
    listed = ATTENTION.entry("cbam").options["pools"]
    assert sorted(tuple(each.split("_")) for each in listed) == sorted(
        each for count in range(1, 5) for each in itertools.combinations(POOLS, count)
    )


@torch.no_grad()
@pytest.mark.parametrize("kernel", [3, 11])
def test_a_kernel_of_its_own(kernel: int) -> None:
    torch.manual_seed(0)
    gate, wide = CBAM(12, ratio=3, kernel=kernel).eval(), CBAM(12, ratio=3, kernel=11).eval()
    border = (11 - kernel) // 2
    padded = {name: tensor for name, tensor in gate.state_dict().items() if name != "spatial.conv.weight"}
    padded["spatial.conv.weight"] = torch.nn.functional.pad(gate.spatial.conv.weight, [border] * 4)
    wide.load_state_dict(padded)
    u = torch.randn(1, 12, 8, 9)
    torch.testing.assert_close(gate(u), wide(u), atol=1e-6, rtol=0)
    channel_gate = 2 * 12 * 4 + 12 + 4
    assert sum(parameter.numel() for parameter in gate.parameters()) == channel_gate + 2 * kernel**2 + 2
    with FlopCounterMode(display=False) as counter:
        gate(u)
    assert counter.get_total_flops() == 2 * (4 * 12 * 4 + 2 * kernel**2 * 8 * 9)
