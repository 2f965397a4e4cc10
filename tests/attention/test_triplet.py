import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from seplace.attention.cbam import SpatialGate
from seplace.attention.triplet import TripletAttention


def plane_reference(gate: SpatialGate, planes: Tensor, *, training: bool) -> Tensor:
    """σ(BN(conv7x7(planes))) of planes (N, 2, A, B), as (N, A, B)."""
    images, _, height, width = planes.shape
    padded = torch.zeros(images, 2, height + 6, width + 6)
    padded[:, :, 3:-3, 3:-3] = planes
    score = torch.zeros(images, height, width)
    for plane in range(2):
        for row in range(7):
            for column in range(7):
                window = padded[:, plane, row : row + height, column : column + width]
                score += gate.conv.weight[0, plane, row, column] * window
    mean, variance = gate.norm.running_mean, gate.norm.running_var
    if training:
        mean = score.sum() / score.numel()
        variance = (score - mean).square().sum() / score.numel()
    score = (score - mean) / (variance + 1e-5).sqrt() * gate.norm.weight + gate.norm.bias
    return 1 / (1 + torch.exp(-score))


def reference(gate: TripletAttention, u: Tensor, *, training: bool) -> Tensor:
    """The mean of the gates of (H, W) planes, of (C, W) planes and of (H, C) planes."""

    def pooled(dimension: int) -> Tensor:
        return torch.stack([u.sort(dimension).values.select(dimension, -1), u.sum(dimension) / u.shape[dimension]], 1)

    hw = plane_reference(gate.over_channels, pooled(1), training=training)
    cw = plane_reference(gate.over_rows, pooled(2), training=training)
    hc = plane_reference(gate.over_columns, pooled(3).transpose(2, 3), training=training)
    expected = torch.empty(u.shape)
    for channel in range(u.shape[1]):
        for row in range(u.shape[2]):
            for column in range(u.shape[3]):
                expected[:, channel, row, column] = (
                    hw[:, row, column] + cw[:, channel, column] + hc[:, row, channel]
                ) / 3
    return expected


def gate_of(init: str = "paper") -> TripletAttention:
    """A gate for 12 channels whose weights and statistics are arbitrary and differ from branch to branch."""
    torch.manual_seed(0)
    gate = TripletAttention(12, init=init)
    with torch.no_grad():
        for tensor in gate.parameters():
            tensor.normal_(std=0.3)
        for branch in gate.children():
            branch.norm.running_mean.normal_()
            branch.norm.running_var.uniform_(0.5, 2)
    return gate


@torch.no_grad()
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("size", [(8, 9), (3, 2), (1, 1)], ids=str)
def test_the_equation(training: bool, size: tuple[int, int]) -> None:
    gate, u = gate_of(), torch.randn(3, 12, *size)
    expected = reference(gate, u, training=training)
    torch.testing.assert_close(gate.train(training)(u), expected, atol=1e-6, rtol=0)


@torch.no_grad()
def test_the_equation_with_the_identity_init_is_twice_each_sigmoid() -> None:
    gate, u = gate_of("identity").eval(), torch.randn(3, 12, 8, 9)
    torch.testing.assert_close(gate(u), 2 * reference(gate, u, training=False), atol=2e-6, rtol=0)


@pytest.mark.parametrize("training", [True, False])
def test_it_starts_as_the_identity_with_that_init(training: bool) -> None:
    u = torch.randn(2, 16, 5, 7)
    assert torch.equal(TripletAttention(16, init="identity").train(training)(u), torch.ones(2, 16, 5, 7))


@torch.no_grad()
def test_running_statistics_move_by_a_hundredth() -> None:
    gate, u = TripletAttention(12).train(), torch.randn(3, 12, 8, 9)
    planes = torch.stack([u.sort(2).values[:, :, -1], u.sum(2) / 8], 1)
    mean = gate.over_rows.conv(planes).mean()
    gate(u)
    torch.testing.assert_close(gate.over_rows.norm.running_mean, (0.01 * mean).reshape(1))


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((1, 12, 1, 1), id="one pixel"),
        pytest.param((1, 1, 1, 5), id="one channel of one row"),
        pytest.param((1, 1, 5, 1), id="one channel of one column"),
    ],
)
def test_a_single_value_is_refused_in_training_alone(shape: tuple[int, ...]) -> None:
    gate = gate_of()
    with pytest.raises(ValueError, match="TripletAttention's batch norms cannot train on a single value"):
        gate.train()(torch.ones(shape))
    assert gate.eval()(torch.ones(shape)).isfinite().all()


def test_two_values_train() -> None:
    assert gate_of().train()(torch.randn(1, 12, 1, 2)).isfinite().all()


@pytest.mark.parametrize("channels", [4, 64])
def test_parameters_and_macs(channels: int) -> None:
    gate = TripletAttention(channels).eval()
    assert sum(parameter.numel() for parameter in gate.parameters()) == 3 * (2 * 49 + 2)
    with FlopCounterMode(display=False) as counter:
        gate(torch.zeros(1, channels, 6, 5))
    assert counter.get_total_flops() == 2 * 98 * (6 * 5 + channels * 5 + channels * 6)
