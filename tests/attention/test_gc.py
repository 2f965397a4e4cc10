import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from seplace.attention.gc import GC


def reference(module: GC, u: Tensor) -> Tensor:
    """W2 φ(LN(W1 Σ_j α_j u_j + b1)) + b2, one image and one position after the other."""
    images, channels = u.shape[:2]
    expected = torch.empty(images, channels, 1, 1)
    for n in range(images):
        positions = list(u[n].reshape(channels, -1).T)
        shares = [torch.exp(module.attend.weight[0, :, 0, 0] @ position + module.attend.bias) for position in positions]
        context = sum(share * position for share, position in zip(shares, positions, strict=True)) / sum(shares)
        hidden = module.reduce.weight @ context + module.reduce.bias
        mean = hidden.sum() / len(hidden)
        deviation = ((hidden - mean).square().sum() / len(hidden) + 1e-5).sqrt()
        hidden = ((hidden - mean) / deviation * module.norm.weight + module.norm.bias).clamp(min=0)
        expected[n, :, 0, 0] = module.expand.weight @ hidden + module.expand.bias
    return expected


@torch.no_grad()
@pytest.mark.parametrize("init", ["paper", "identity"])
@pytest.mark.parametrize("shape", [(3, 12, 4, 5), (1, 12, 4, 5), (2, 12, 1, 1), (1, 12, 1, 1)], ids=str)
def test_the_equation(init: str, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    module, u = GC(12, ratio=3, init=init), torch.randn(shape)
    for tensor in module.parameters():
        tensor.normal_(std=0.4)
    torch.testing.assert_close(module(u), reference(module, u), atol=1e-6, rtol=0)


@pytest.mark.parametrize("init", ["paper", "identity"])
def test_it_starts_by_adding_nothing(init: str) -> None:
    u = torch.randn(2, 16, 5, 7)
    added = GC(16, ratio=4, init=init)(u)
    assert GC.is_additive
    assert added.shape == (2, 16, 1, 1)
    assert torch.equal(u + added, u)


@torch.no_grad()
def test_a_network_in_half_precision_adds_the_same() -> None:
    torch.manual_seed(0)
    module, u = GC(12, ratio=3), torch.randn(2, 12, 4, 5)
    module.expand.weight.normal_()
    expected = reference(module, u)
    torch.testing.assert_close(module.half()(u.half()).float(), expected, atol=0.02, rtol=0)


@torch.no_grad()
def test_a_map_whose_squares_overflow_adds_something_finite() -> None:
    torch.manual_seed(0)
    module = GC(16, ratio=4)
    module.expand.weight.normal_()
    assert module(1e20 * torch.randn(2, 16, 5, 7)).isfinite().all()


@pytest.mark.parametrize(
    ("channels", "ratio", "min_hidden", "hidden"),
    [
        pytest.param(64, 16, 1, 4, id="C / r"),
        pytest.param(16, 16, 1, 2, id="at least two, for the layer norm"),
        pytest.param(16, 16, 8, 8, id="not fewer than the least"),
    ],
)
def test_parameters_and_macs(channels: int, ratio: int, min_hidden: int, hidden: int) -> None:
    module = GC(channels, ratio=ratio, min_hidden=min_hidden)
    attend, reduce, norm = channels + 1, channels * hidden + hidden, 2 * hidden
    expand = hidden * channels + channels
    assert sum(parameter.numel() for parameter in module.parameters()) == attend + reduce + norm + expand
    with FlopCounterMode(display=False) as counter:
        module(torch.zeros(1, channels, 6, 5))
    scores, context = channels * 6 * 5, channels * 6 * 5
    assert counter.get_total_flops() == 2 * (scores + context + 2 * channels * hidden)
