import pytest
import torch
import torch.nn.functional as F
from torch import nn

from seplace.backbones.describe import describe
from seplace.costs.macs import macs
from seplace.costs.params import params
from tests.networks import network_of, shaped_network_of

IMAGES = torch.zeros(1, 3, 224, 224)
WIDTHS = (64, 128, 256, 512, 512)
BLOCKS = {"vgg11_bn": (1, 1, 2, 2, 2), "vgg13_bn": (2,) * 5, "vgg16_bn": (2, 2, 3, 3, 3), "vgg19_bn": (2, 2, 4, 4, 4)}
"""Table 1 of the paper: columns A, B, D and E."""


@pytest.mark.parametrize("name", BLOCKS)
def test_the_table_of_the_paper(name: str) -> None:
    stages = describe(name).stages
    assert [stage.channels for stage in stages] == list(WIDTHS)
    assert [len(stage.sites) for stage in stages] == list(BLOCKS[name])
    assert name == f"vgg{sum(BLOCKS[name]) + 3}_bn", "the depth counts convolutions and linear layers"


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("vgg11_bn", 132_868_840),
        ("vgg13_bn", 133_053_736),
        ("vgg16_bn", 138_365_992),
        ("vgg19_bn", 143_678_248),
    ],
)
def test_parameters_are_those_of_released_weights(name: str, parameters: int) -> None:
    assert params(shaped_network_of(name), IMAGES) == parameters


@pytest.mark.parametrize("name", ["vgg11_bn", "vgg16_bn"])
def test_multiply_adds_by_hand(name: str) -> None:
    expected, entering = 7 * 7 * 512 * 4096 + 4096 * 4096 + 4096 * 1000, 3
    for stage, (width, count) in enumerate(zip(WIDTHS, BLOCKS[name], strict=True)):
        expected += 9 * (224 // 2**stage) ** 2 * (entering + (count - 1) * width) * width
        entering = width
    assert macs(shaped_network_of(name), IMAGES) == expected


def test_the_table_of_the_se_paper() -> None:
    assert round(macs(shaped_network_of("vgg16_bn"), IMAGES) / 1e9, 2) == 15.47


def test_a_network_by_hand() -> None:
    network = network_of("vgg13_bn[width=0.0625]", num_classes=5).eval().double()
    for norm in (module for module in network.modules() if isinstance(module, nn.BatchNorm2d)):
        nn.init.normal_(norm.running_mean, std=0.1)
        nn.init.uniform_(norm.weight, 0.5, 1.5)
    images = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    x = images
    for stage in network.stages:
        for block in stage:
            conv, norm = block.residual.conv, block.residual.norm
            x = F.conv2d(x, conv.weight, conv.bias, padding=1)
            x = F.relu(F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias))
        x = F.max_pool2d(x, 2)
    x = F.adaptive_avg_pool2d(x, 7).flatten(1)
    for layer in (network.classifier.hidden1.linear, network.classifier.hidden2.linear):
        x = F.relu(F.linear(x, layer.weight, layer.bias))
    last = network.classifier.linear
    torch.testing.assert_close(network(images), F.linear(x, last.weight, last.bias))


def test_the_hidden_layers_drop_half_while_training() -> None:
    network = network_of("vgg11_bn[width=0.125]")
    assert [module.p for module in network.modules() if isinstance(module, nn.Dropout)] == [0.5, 0.5]
    hidden = network.classifier.hidden2
    nn.init.ones_(hidden.linear.bias)
    kept = hidden(torch.zeros(20, 512)).count_nonzero().item() / (20 * 512)
    assert abs(kept - 0.5) < 0.05


def test_linear_layers_start_small_and_biases_at_zero() -> None:
    network = network_of("vgg11_bn[width=0.25]")
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            assert module.bias.count_nonzero() == 0
        if isinstance(module, nn.Linear):
            assert module.weight.std().item() == pytest.approx(0.01, rel=0.02)
    conv = network.stages[4][1].residual.conv
    assert conv.weight.std().item() == pytest.approx((2 / (9 * 128)) ** 0.5, rel=0.02)


def test_a_gate_follows_the_non_linearity() -> None:
    network = network_of("vgg11_bn[width=0.125]", "se4-se4.parallel-none-none-none")
    for stage in (0, 1):
        assert [*dict(network.stages[stage][0].residual.named_children())] == ["conv", "norm", "relu", "attention"]
    plain = network_of("vgg11_bn[width=0.125]")
    images = torch.randn(2, 3, 32, 32)
    x = plain.stages[0][0](images)
    torch.testing.assert_close(network.stages[0][0](images), x * network.stages[0][0].residual.attention.gate(x))


@pytest.mark.parametrize("name", BLOCKS)
def test_narrow_networks_train(name: str) -> None:
    text = f"{name}[width=0.01]"
    assert [stage.channels for stage in describe(text).stages] == [1, 1, 3, 5, 5]
    network = network_of(text, num_classes=4)
    assert network.classifier.hidden1.linear.out_features == 41
    logits = network(torch.randn(2, 3, 32, 32))
    assert logits.shape == (2, 4)
    logits.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
