import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from seplace.attention.coord import CoordinateAttention


def sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-x))


def reference(gate: CoordinateAttention, u: Tensor, *, training: bool) -> Tensor:
    """σ(W_h f_h + b_h) ⊙ σ(W_w f_w + b_w), one row and one column after the other."""
    images, channels, height, width = u.shape
    pooled = [sum(u[:, :, row, column] for column in range(width)) / width for row in range(height)]
    pooled += [sum(u[:, :, row, column] for row in range(height)) / height for column in range(width)]
    weight = gate.reduce.weight[:, :, 0]
    scores = torch.stack([torch.einsum("mc,nc->nm", weight, mean) + gate.reduce.bias for mean in pooled])
    mean, variance = gate.norm.running_mean, gate.norm.running_var
    if training:
        mean = scores.sum((0, 1)) / (len(scores) * images)
        variance = (scores - mean).square().sum((0, 1)) / (len(scores) * images)
    scores = (scores - mean) / (variance + 1e-5).sqrt() * gate.norm.weight + gate.norm.bias
    common = scores * (scores + 3).clamp(min=0, max=6) / 6
    expected = torch.empty(images, channels, height, width)
    for row in range(height):
        for column in range(width):
            factors = []
            for expand, position in ((gate.expand_rows, row), (gate.expand_columns, height + column)):
                score = torch.einsum("cm,nm->nc", expand.weight[:, :, 0], common[position]) + expand.bias
                factors.append(sigmoid(score))
            expected[:, :, row, column] = factors[0] * factors[1]
    return expected


def gate_of(init: str = "paper") -> CoordinateAttention:
    """A gate with 8 hidden units of 12 channels, whose weights and statistics are arbitrary."""
    torch.manual_seed(0)
    gate = CoordinateAttention(12, ratio=3, init=init)
    with torch.no_grad():
        for tensor in (*gate.parameters(), gate.norm.running_mean):
            tensor.normal_(std=0.5)
        gate.norm.running_var.uniform_(0.5, 2)
    return gate


@torch.no_grad()
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("size", [(4, 5), (7, 2), (1, 1)], ids=str)
def test_the_equation(training: bool, size: tuple[int, int]) -> None:
    gate, u = gate_of(), torch.randn(3, 12, *size)
    expected = reference(gate, u, training=training)
    torch.testing.assert_close(gate.train(training)(u), expected, atol=1e-6, rtol=0)


@torch.no_grad()
def test_the_equation_with_the_identity_init_is_twice_each_sigmoid() -> None:
    gate, u = gate_of("identity").eval(), torch.randn(3, 12, 4, 5)
    torch.testing.assert_close(gate(u), 4 * reference(gate, u, training=False), atol=4e-6, rtol=0)


@pytest.mark.parametrize("training", [True, False])
def test_it_starts_as_the_identity_with_that_init(training: bool) -> None:
    u = torch.randn(2, 16, 5, 7)
    gate = CoordinateAttention(16, ratio=4, init="identity").train(training)
    assert torch.equal(gate(u), torch.ones(2, 16, 5, 7))


@torch.no_grad()
def test_one_image_with_a_one_pixel_map_trains_on_its_batch_norms_bias() -> None:
    # Its row and its column have one mean, so that nothing but β is left of them, and of rounding, 1/√ε-fold.
    gate = gate_of().train()
    common = gate.norm.bias * (gate.norm.bias + 3).clamp(min=0, max=6) / 6
    rows, columns = (
        sigmoid(expand.weight[:, :, 0] @ common + expand.bias) for expand in (gate.expand_rows, gate.expand_columns)
    )
    torch.testing.assert_close(gate(torch.randn(1, 12, 1, 1))[0, :, 0, 0], rows * columns, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("channels", "ratio", "min_hidden", "hidden"),
    [
        pytest.param(512, 32, 1, 16, id="C / r"),
        pytest.param(64, 32, 1, 8, id="at least 8, as in the paper"),
        pytest.param(64, 32, 12, 12, id="not fewer than the least"),
        pytest.param(64, 32, 2, 8, id="the least cannot undo the paper's"),
    ],
)
def test_parameters_and_macs(channels: int, ratio: int, min_hidden: int, hidden: int) -> None:
    gate = CoordinateAttention(channels, ratio=ratio, min_hidden=min_hidden).eval()
    shared = channels * hidden + hidden + 2 * hidden
    directions = 2 * (hidden * channels + channels)
    assert sum(parameter.numel() for parameter in gate.parameters()) == shared + directions
    with FlopCounterMode(display=False) as counter:
        gate(torch.zeros(1, channels, 6, 5))
    macs = channels * hidden * (6 + 5) + channels * hidden * 6 + channels * hidden * 5
    assert counter.get_total_flops() == 2 * macs
