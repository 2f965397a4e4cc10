import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from seplace.attention.sk import SK


def reference(gate: SK, u: Tensor) -> Tensor:
    """Softmax over the two branches of W' φ(BN(W avgpool(u))), in eval mode, one image after another."""
    norm = gate.norm
    weights = []
    for image in u:
        pooled = image.reshape(len(image), -1).sum(1) / image[0].numel()
        z = gate.reduce.weight @ pooled
        z = (z - norm.running_mean) / (norm.running_var + 1e-5).sqrt() * norm.weight + norm.bias
        scores = (gate.expand.weight @ z.clamp(min=0)).reshape(2, -1)
        powers = torch.exp(scores)
        weights.append(powers / (powers[0] + powers[1]))
    return torch.stack(weights)[..., None, None]


@pytest.fixture
def gate() -> SK:
    torch.manual_seed(0)
    gate = SK(12, ratio=3).eval()
    with torch.no_grad():
        for tensor in (gate.norm.weight, gate.norm.bias, gate.norm.running_mean):
            tensor.normal_()
        gate.norm.running_var.uniform_(0.5, 2)
    return gate


@torch.no_grad()
def test_the_equation(gate: SK) -> None:
    u = torch.randn(3, 12, 4, 5)
    weights = gate(u)
    torch.testing.assert_close(weights, reference(gate, u), atol=1e-6, rtol=0)
    torch.testing.assert_close(weights.sum(1), torch.ones(3, 12, 1, 1))


@torch.no_grad()
@pytest.mark.parametrize("training", [True, False])
def test_the_identity_init_begins_with_the_blocks_own_convolution_alone(training: bool) -> None:
    weights = SK(12, ratio=3, init="identity").train(training)(torch.randn(3, 12, 4, 5))
    assert torch.equal(weights[:, 0], torch.ones(3, 12, 1, 1))
    assert torch.equal(weights[:, 1], torch.zeros(3, 12, 1, 1))


def test_one_image_is_refused_in_training_alone(gate: SK) -> None:
    with pytest.raises(ValueError, match="SK's batch norm cannot train on one image"):
        gate.train()(torch.ones(1, 12, 4, 4))
    assert gate.eval()(torch.ones(1, 12, 1, 1)).isfinite().all()


@pytest.mark.parametrize(
    ("channels", "ratio", "hidden"),
    [pytest.param(64, 16, 32, id="at least 32"), pytest.param(1024, 16, 64, id="C / r")],
)
def test_parameters_and_macs(channels: int, ratio: int, hidden: int) -> None:
    gate = SK(channels, ratio=ratio).eval()
    assert sum(parameter.numel() for parameter in gate.parameters()) == 3 * channels * hidden + 2 * hidden
    with FlopCounterMode(display=False) as counter:
        gate(torch.zeros(1, channels, 6, 5))
    assert counter.get_total_flops() == 2 * (3 * channels * hidden)
