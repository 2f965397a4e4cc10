import copy

import pytest
import torch
from torch import nn

from seplace.attachments import ATTACHMENTS
from seplace.attention.applied import Scaled
from seplace.attention.sk import SK
from seplace.testing.attachments import Place
from tests.attachments.toy import each_block, warmed_up
from tests.networks import network_of


def with_kernel(plain: nn.Module, *, init: str) -> nn.Module:
    block = copy.deepcopy(plain)
    torch.manual_seed(1)
    ATTACHMENTS["kernel"].attach(block, lambda channels: Scaled(SK(channels, ratio=1, init=init)))
    return block.train(plain.training)


@each_block
@torch.no_grad()
def test_the_equation(place: Place) -> None:
    """V = a ⊙ A(x) + b ⊙ B(x) stands for the map of the 3x3 convolution, normalized and rectified."""
    plain = warmed_up(place)
    block = with_kernel(plain, init="paper")
    kernel = block.residual.kernel
    x = torch.randn(2, plain.in_channels, 6, 6)
    layers = list(plain.residual.named_children())
    at = [name for name, _ in layers].index("conv2" if "conv3" in dict(layers) else "conv1")
    y = x
    for _, layer in layers[:at]:
        y = layer(y)
    own = y
    for _, layer in layers[at : at + 3]:
        own = layer(own)
    dilated = kernel.dilated(y)
    assert kernel.dilated.conv.dilation == (2, 2)
    weights = kernel.gate(own + dilated)
    y = weights[:, 0] * own + weights[:, 1] * dilated
    for _, layer in layers[at + 3 :]:
        y = layer(y)
    torch.testing.assert_close(block(x), (y + plain.shortcut(x)).relu(), atol=1e-6, rtol=0)
    assert not torch.allclose(block(x), plain(x))


@each_block
@pytest.mark.parametrize("training", [True, False])
def test_the_identity_init_changes_nothing(place: Place, training: bool) -> None:
    plain = warmed_up(place).train(training)
    x = torch.randn(2, plain.in_channels, 6, 6)
    assert torch.equal(with_kernel(plain, init="identity")(x), plain(x))


def test_a_gradient_reaches_every_parameter_in_two_steps() -> None:
    network = network_of("cifar_resnet8[width=0.5]", "none-sk4.kernel-sk4.kernel", init="identity")
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    reached = set()
    for _ in range(3):
        optimizer.zero_grad()
        network(torch.randn(4, 3, 16, 16)).square().mean().backward()
        reached |= {key for key, parameter in network.named_parameters() if parameter.grad.count_nonzero()}
        optimizer.step()
    assert reached == {key for key, _ in network.named_parameters()}


def test_the_dilated_branch_is_grouped() -> None:
    # 32 groups where they divide: 9·C·C/32 weights, and 2C of its norm.
    block = network_of("resnet18", "sk16.kernel-none-none-none").stages[0][0]
    dilated = block.residual.kernel.dilated
    assert sum(parameter.numel() for parameter in dilated.parameters()) == 9 * 64 * 64 // 32 + 2 * 64
