import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seplace.backbones.describe import describe
from seplace.costs.macs import macs
from seplace.costs.params import params
from seplace.errors import InputError
from tests.networks import network_of, shaped_network_of

IMAGES = torch.zeros(1, 3, 224, 224)
NAMES = ("mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large")

# Channels that the paper's gates of V3 see, with their hidden units: a quarter, as a multiple of 8.
GATES = {
    "mobilenet_v3_small": {
        0: (16, 8),
        3: (96, 24),
        4: (240, 64),
        5: (240, 64),
        6: (120, 32),
        7: (144, 40),
        8: (288, 72),
        9: (576, 144),
        10: (576, 144),
    },
    "mobilenet_v3_large": {
        3: (72, 24),
        4: (120, 32),
        5: (120, 32),
        10: (480, 120),
        11: (672, 168),
        12: (672, 168),
        13: (960, 240),
        14: (960, 240),
    },
}

# For each block: its depthwise kernel, expanded and output channels, the height of the output, and whether the
# non-linearity is hard swish.
V3 = {
    "mobilenet_v3_small": [
        (3, 16, 16, 56, False),
        (3, 72, 24, 28, False),
        (3, 88, 24, 28, False),
        (5, 96, 40, 14, True),
        (5, 240, 40, 14, True),
        (5, 240, 40, 14, True),
        (5, 120, 48, 14, True),
        (5, 144, 48, 14, True),
        (5, 288, 96, 7, True),
        (5, 576, 96, 7, True),
        (5, 576, 96, 7, True),
    ],
    "mobilenet_v3_large": [
        (3, 16, 16, 112, False),
        (3, 64, 24, 56, False),
        (3, 72, 24, 56, False),
        (5, 72, 40, 28, False),
        (5, 120, 40, 28, False),
        (5, 120, 40, 28, False),
        (3, 240, 80, 14, True),
        (3, 200, 80, 14, True),
        (3, 184, 80, 14, True),
        (3, 184, 80, 14, True),
        (3, 480, 112, 14, True),
        (3, 672, 112, 14, True),
        (5, 672, 160, 7, True),
        (5, 960, 160, 7, True),
        (5, 960, 160, 7, True),
    ],
}


def blocks_of(network: nn.Module) -> list[nn.Module]:
    return [block for stage in network.stages for block in stage]


def heights_of_blocks(name: str) -> list[list[int]]:
    with torch.device("meta"):
        network = network_of(name).eval()
        images = torch.zeros(1, 3, 224, 224)
    heights: list[list[int]] = [[] for _ in network.stages]
    for number, stage in enumerate(network.stages):
        for block in stage:
            block.register_forward_hook(
                lambda _block, _inputs, output, number=number: heights[number].append(output.shape[2])
            )
    network(images)
    return heights


def randomize_norms(module: nn.Module) -> None:
    """Draw statistics and weights, so that each norm does something of its own."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.normal_(norm.running_mean)
            nn.init.uniform_(norm.running_var, 0.001, 1)
            nn.init.normal_(norm.weight)
            nn.init.normal_(norm.bias)


def normed(x: Tensor, norm: nn.BatchNorm2d, *, epsilon: float) -> Tensor:
    scale = norm.weight / (norm.running_var + epsilon).sqrt()
    return (x - norm.running_mean[:, None, None]) * scale[:, None, None] + norm.bias[:, None, None]


@pytest.mark.parametrize(("name", "parameters"), [("mobilenet_v1", 4_231_976), ("mobilenet_v2", 3_504_872)])
def test_parameters_are_those_of_released_weights(name: str, parameters: int) -> None:
    assert params(shaped_network_of(name), IMAGES) == parameters


@pytest.mark.parametrize(("name", "parameters"), [("mobilenet_v3_small", 2_542_856), ("mobilenet_v3_large", 5_483_032)])
def test_with_its_papers_gates_v3_has_the_parameters_of_released_weights(name: str, parameters: int) -> None:
    gates = sum(2 * channels * hidden + channels + hidden for channels, hidden in GATES[name].values())
    assert params(shaped_network_of(name), IMAGES) == parameters - gates
    assert params(shaped_network_of(name, "native"), IMAGES) == parameters


@pytest.mark.parametrize("name", GATES)
def test_the_papers_gates_of_v3_stand_after_the_depthwise_convolution(name: str) -> None:
    sites = [site for stage in describe(name).stages for site in stage.sites]
    assert [number for number, site in enumerate(sites) if site.has_native_gate] == list(GATES[name])
    for number, block in enumerate(blocks_of(shaped_network_of(name, "native"))):
        assert block.has_native_gate == (number in GATES[name])
        names = [layer for layer, _ in block.residual.named_children() if layer != "expand"]
        if block.has_native_gate:
            assert names == ["depthwise", "attention", "project", "norm"]
            assert block.residual.attention.gate.expand.out_features == GATES[name][number][0]
        else:
            assert names == ["depthwise", "project", "norm"]


@pytest.mark.parametrize("name", V3)
def test_the_blocks_of_v3_are_those_of_the_papers_tables(name: str) -> None:
    network = shaped_network_of(name)
    heights = [height for stage in heights_of_blocks(name) for height in stage]
    before = 16
    for block, height, row in zip(blocks_of(network), heights, V3[name], strict=True):
        kernel, expanded, channels, expected_height, is_hard_swish = row
        conv, activation = block.residual.depthwise.conv, block.residual.depthwise.activation
        assert (conv.kernel_size[0], conv.groups, conv.out_channels) == (kernel, expanded, expanded)
        assert (block.out_channels, height) == (channels, expected_height)
        assert isinstance(activation, nn.Hardswish if is_hard_swish else nn.ReLU)
        assert hasattr(block.residual, "expand") == (expanded != before)
        assert block.has_shortcut == (conv.stride == (1, 1) and before == channels)
        before = channels


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("mobilenet_v1", [[112], [56] * 2, [28] * 2, [14] * 6, [7] * 2], id="V1"),
        pytest.param("mobilenet_v2", [[112], [56] * 2, [28] * 3, [14] * 7, [7] * 4], id="V2"),
        pytest.param("mobilenet_v3_small", [[56], [28] * 2, [14] * 5, [7] * 3], id="V3 small"),
        pytest.param("mobilenet_v3_large", [[112], [56] * 2, [28] * 3, [14] * 6, [7] * 3], id="V3 large"),
    ],
)
def test_a_stage_is_the_blocks_of_one_resolution(name: str, expected: list[list[int]]) -> None:
    assert heights_of_blocks(name) == expected


def test_the_blocks_of_v2() -> None:
    blocks = blocks_of(shaped_network_of("mobilenet_v2"))
    channels = [16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320]
    entering = [32, *channels[:-1]]
    assert [block.out_channels for block in blocks] == channels
    assert [block.inner_channels for block in blocks] == [32, *(6 * before for before in entering[1:])]
    shortcuts = [number for number, block in enumerate(blocks, start=1) if block.has_shortcut]
    assert shortcuts == [3, 5, 6, 8, 9, 10, 12, 13, 15, 16]


def test_the_table_of_the_se_paper() -> None:
    plain, squeezed = (macs(shaped_network_of("mobilenet_v1", placement), IMAGES) for placement in ("none", "se16"))
    scaling = 64 * 112**2 + 2 * 128 * 56**2 + 2 * 256 * 28**2 + 6 * 512 * 14**2 + 2 * 1024 * 7**2
    assert round(plain / 1e9, 3) == 0.569
    assert round((squeezed + scaling) / 1e9, 3) == 0.572
    assert round(params(shaped_network_of("mobilenet_v1", "se16"), IMAGES) / 1e6, 1) == 4.7


def test_the_table_of_the_cbam_paper() -> None:
    network = shaped_network_of("mobilenet_v1[width=0.7]")
    assert round(params(network, IMAGES) / 1e6, 2) == 2.30
    assert round(macs(network, IMAGES) / 1e9, 3) == 0.283


@pytest.mark.parametrize(("placement", "printed"), [("none", 3.34), ("se8", 3.40)])
def test_the_table_of_the_eca_paper(placement: str, printed: float) -> None:
    assert round(params(shaped_network_of("mobilenet_v2", placement), IMAGES) / 2**20, 2) == printed


@pytest.mark.parametrize(
    ("text", "millions"),
    [
        pytest.param("mobilenet_v1[width=0.75]", 325, id="V1 0.75"),
        pytest.param("mobilenet_v1[width=0.5]", 149, id="V1 0.5"),
        pytest.param("mobilenet_v1[width=0.25]", 41, id="V1 0.25"),
        pytest.param("mobilenet_v2[width=1.4]", 582, id="V2 1.4: its head is wider"),
        pytest.param("mobilenet_v2", 300.8, id="V2"),
        pytest.param("mobilenet_v2[width=0.75]", 209, id="V2 0.75: its head is not narrower"),
        pytest.param("mobilenet_v2[width=0.5]", 97, id="V2 0.5"),
        pytest.param("mobilenet_v2[width=0.35]", 59, id="V2 0.35"),
    ],
)
def test_multiply_adds_of_the_published_widths(text: str, millions: float) -> None:
    digits = 1 if isinstance(millions, float) else 0
    assert round(macs(shaped_network_of(text), IMAGES) / 1e6, digits) == millions


@torch.no_grad()
def test_a_block_of_v1_by_hand() -> None:
    block = network_of("mobilenet_v1[width=0.125]").double().eval().stages[1][0]
    randomize_norms(block)
    x = torch.randn(2, 8, 5, 7, dtype=torch.float64)
    layers = block.residual
    y = F.conv2d(x, layers.conv1.weight, stride=2, padding=1, groups=8)
    y = normed(y, layers.norm1, epsilon=1e-5).clamp(min=0)
    y = torch.einsum("oc,nchw->nohw", layers.conv2.weight[:, :, 0, 0], y)
    torch.testing.assert_close(block(x), normed(y, layers.norm2, epsilon=1e-5).clamp(min=0))


def test_the_inner_gate_of_v1_stands_between_the_convolutions() -> None:
    block = shaped_network_of("mobilenet_v1", "se4.inner").stages[0][0]
    names = [name for name, _ in block.residual.named_children()]
    assert names == ["conv1", "norm1", "relu1", "attention", "conv2", "norm2", "relu2"]


@torch.no_grad()
@pytest.mark.parametrize(
    ("name", "stage", "number", "epsilon"),
    [
        pytest.param("mobilenet_v2", 0, 0, 1e-5, id="V2, nothing to expand"),
        pytest.param("mobilenet_v2", 1, 1, 1e-5, id="V2, with a shortcut"),
        pytest.param("mobilenet_v2", 3, 0, 1e-5, id="V2, strided"),
        pytest.param("mobilenet_v3_large", 1, 1, 1e-3, id="V3, ReLU"),
        pytest.param("mobilenet_v3_large", 4, 0, 1e-3, id="V3, hard swish and strided"),
        pytest.param("mobilenet_v3_large", 4, 2, 1e-3, id="V3, hard swish and a shortcut"),
    ],
)
def test_an_inverted_residual_by_hand(name: str, stage: int, number: int, epsilon: float) -> None:
    block = network_of(f"{name}[width=0.5]").double().eval().stages[stage][number]
    randomize_norms(block)

    def activated(u: Tensor) -> Tensor:
        if name == "mobilenet_v2":
            return u.clamp(0, 6)
        return u.clamp(min=0) if stage < 3 else u * (u + 3).clamp(0, 6) / 6

    x = torch.randn(2, block.in_channels, 6, 6, dtype=torch.float64)
    y = x
    layers = block.residual
    if (stage, number) != (0, 0):
        y = F.conv2d(y, layers.expand.conv.weight)
        y = activated(normed(y, layers.expand.norm, epsilon=epsilon))
    stride, padding = (1 if block.has_shortcut or stage == 0 else 2), layers.depthwise.conv.weight.shape[2] // 2
    y = F.conv2d(y, layers.depthwise.conv.weight, stride=stride, padding=padding, groups=y.shape[1])
    y = activated(normed(y, layers.depthwise.norm, epsilon=epsilon))
    y = normed(F.conv2d(y, layers.project.weight), layers.norm, epsilon=epsilon)
    assert block.has_shortcut == (number > 0)
    torch.testing.assert_close(block(x), x + y if number > 0 else y)


@pytest.mark.parametrize(
    ("name", "activation", "classifier"),
    [
        pytest.param("mobilenet_v2", nn.ReLU6, [nn.Dropout, nn.Linear], id="V2"),
        pytest.param(
            "mobilenet_v3_small", nn.Hardswish, [nn.Linear, nn.Hardswish, nn.Dropout, nn.Linear], id="V3 small"
        ),
        pytest.param(
            "mobilenet_v3_large", nn.Hardswish, [nn.Linear, nn.Hardswish, nn.Dropout, nn.Linear], id="V3 large"
        ),
    ],
)
def test_what_stands_around_the_stages(name: str, activation: type[nn.Module], classifier: list[type]) -> None:
    network = shaped_network_of(name)
    assert [type(layers.activation) for layers in (network.stem, network.head)] == [activation] * 2
    assert [type(layer) for layer in network.classifier] == classifier


def test_norms_of_v3_remember_longer() -> None:
    momenta = {
        norm.momentum for norm in shaped_network_of("mobilenet_v3_small").modules() if isinstance(norm, nn.BatchNorm2d)
    }
    assert momenta == {0.01}


@pytest.mark.parametrize(
    ("text", "channels"),
    [
        pytest.param("mobilenet_v1[width=0.7]", [44, 89, 179, 358, 716], id="V1 cuts off: 44.8, 89.6, 179.2, …"),
        # 16, 24, 32, 96 and 320 times 0.35 are 5.6, 8.4, 11.2, 33.6 and 112; 8 loses more than a tenth of 11.2.
        pytest.param("mobilenet_v2[width=0.35]", [8, 8, 16, 32, 112], id="V2 takes multiples of 8"),
        # 16, 24, 48 and 96 times 0.75 are 12, 18, 36 and 72; 16 loses more than a tenth of 18.
        pytest.param("mobilenet_v3_small[width=0.75]", [16, 24, 40, 72], id="V3 takes multiples of 8"),
    ],
)
def test_how_widths_are_rounded(text: str, channels: list[int]) -> None:
    assert [stage.channels for stage in describe(text).stages] == channels


@pytest.mark.parametrize("name", NAMES)
def test_what_a_stage_takes(name: str) -> None:
    taken = {"serial", "pre", "inner", "exit"} | ({"parallel"} if name == "mobilenet_v1" else set())
    for stage in describe(name).stages:
        assert set(stage.widths) == (taken if len(stage.sites) > 1 else taken - {"exit"})


@pytest.mark.parametrize("name", NAMES)
def test_narrow_networks_train(name: str) -> None:
    network = network_of(f"{name}[width=0.02]")
    logits = network(torch.randn(2, 3, 32, 32))
    assert logits.isfinite().all()
    logits.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_a_width_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"{name}: width is a factor over 0 and at most 64, got -1"):
        describe(f"{name}[width=-1]")
