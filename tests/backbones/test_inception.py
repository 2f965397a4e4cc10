import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seplace.backbones.describe import describe
from seplace.costs.macs import macs
from seplace.costs.params import params
from seplace.errors import InputError
from tests.networks import network_of, shaped_network_of

# Channels of the concatenated paths: 1x1, 3x3, double 3x3, pooling (or, of a strided module, the input passed through).
BN_INCEPTION_CHANNELS = [
    [64 + 64 + 96 + 32, 64 + 96 + 96 + 64, 160 + 96 + 320],
    [224 + 96 + 128 + 128, 192 + 128 + 128 + 128, 160 + 160 + 160 + 128, 96 + 192 + 192 + 128, 192 + 256 + 608],
    [352 + 320 + 224 + 128, 352 + 320 + 224 + 128],
]


def images_of(name: str) -> Tensor:
    side = describe(name).image_size
    return torch.zeros(1, 3, side, side)


def shapes_of_blocks(name: str, *, side: int) -> list[list[tuple[int, int]]]:
    """Return channels and height of the output of each block."""
    with torch.device("meta"):
        network = network_of(name).eval()
        x = torch.zeros(1, 3, side, side)
    shapes: list[list[tuple[int, int]]] = [[] for _ in network.stages]
    for number, stage in enumerate(network.stages):
        for block in stage:
            block.register_forward_hook(
                lambda _block, _inputs, output, number=number: shapes[number].append(tuple(output.shape[1:3]))
            )
    network(x)
    return shapes


def randomize_norms(module: nn.Module) -> None:
    """Draw statistics and weights, so that each norm does something of its own."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.normal_(norm.running_mean)
            nn.init.uniform_(norm.running_var, 0.5, 2)
            nn.init.normal_(norm.weight)
            nn.init.normal_(norm.bias)


def normed(x: Tensor, layers: nn.Sequential, *, epsilon: float, stride: int = 1, padding: object = 0) -> Tensor:
    """Return ReLU(BN(conv(x))) from the weights of `layers`."""
    norm = layers.norm
    y = F.conv2d(x, layers.conv.weight, layers.conv.bias, stride=stride, padding=padding)
    scale = norm.weight / (norm.running_var + epsilon).sqrt()
    y = (y - norm.running_mean[:, None, None]) * scale[:, None, None] + norm.bias[:, None, None]
    return y.clamp(min=0)


@pytest.mark.parametrize(("name", "parameters"), [("bn_inception", 11_295_240), ("inception_resnet_v2", 55_843_464)])
def test_parameters_are_those_of_released_weights(name: str, parameters: int) -> None:
    assert params(shaped_network_of(name), images_of(name)) == parameters


def test_the_table_of_the_se_paper() -> None:
    plain, squeezed = (
        macs(shaped_network_of("bn_inception", placement), images_of("bn_inception")) for placement in ("none", "se16")
    )
    assert round(plain / 1e9, 2) == 2.03
    # One gate a module: its layers and the scaling of the concatenated map.
    assert squeezed - plain == sum(
        2 * channels * (channels // 16) for stage in BN_INCEPTION_CHANNELS for channels in stage
    )
    scaling = (256 + 320) * 28**2 + (576 + 576 + 576 + 608 + 608) * 14**2 + (1056 + 1024 + 1024) * 7**2
    assert (squeezed + scaling) / 1e9 == pytest.approx(2.04, abs=0.01)


def test_the_modules_of_bn_inception() -> None:
    stages = describe("bn_inception").stages
    assert [[site.channels for site in stage.sites] for stage in stages] == BN_INCEPTION_CHANNELS
    heights = [[28, 28, 14], [14, 14, 14, 14, 7], [7, 7]]
    expected = [list(zip(*both, strict=True)) for both in zip(BN_INCEPTION_CHANNELS, heights, strict=True)]
    assert shapes_of_blocks("bn_inception", side=224) == expected
    assert stages[0].widths == {"serial": 256, "parallel": 256, "exit": 576}


def test_maps_of_odd_size_can_be_halved() -> None:
    assert [[height for _, height in stage] for stage in shapes_of_blocks("bn_inception", side=76)] == [
        [9, 9, 5],
        [5, 5, 5, 5, 3],
        [3, 3],
    ]


@torch.no_grad()
@pytest.mark.parametrize(
    ("stage", "number", "pool", "stride"),
    [
        pytest.param(0, 0, "average", 1, id="3a"),
        pytest.param(0, 2, "maximum", 2, id="3c"),
        pytest.param(2, 1, "maximum", 1, id="5b"),
    ],
)
def test_an_inception_module_by_hand(stage: int, number: int, pool: str, stride: int) -> None:
    block = network_of("bn_inception[width=0.125]").double().eval().stages[stage][number]
    randomize_norms(block)
    *pointwise, single, double, pooled = block.residual.branches
    x = torch.randn(2, block.in_channels, 6, 6, dtype=torch.float64)
    pooling = {"average": F.avg_pool2d, "maximum": F.max_pool2d}[pool]
    last = {"epsilon": 1e-5, "stride": stride, "padding": 1}
    paths = [normed(x, layers, epsilon=1e-5) for layers in pointwise]
    paths.append(normed(normed(x, single[0], epsilon=1e-5), single[1], **last))
    halfway = normed(normed(x, double[0], epsilon=1e-5), double[1], epsilon=1e-5, padding=1)
    paths.append(normed(halfway, double[2], **last))
    passed = pooling(x, 3, stride=stride, padding=1)
    paths.append(normed(passed, pooled[1], epsilon=1e-5) if stride == 1 else passed)
    assert len(paths) == (4 if stride == 1 else 3)
    torch.testing.assert_close(block(x), torch.cat(paths, dim=1))


def test_the_stages_of_inception_resnet() -> None:
    stages = describe("inception_resnet_v2").stages
    mixed, first, second = 96 + 64 + 96 + 64, 384 + 384, 384 + 288 + 320
    channels = [mixed, mixed + first, mixed + first + second]
    assert [stage.channels for stage in stages] == channels == [320, 1088, 2080]
    assert shapes_of_blocks("inception_resnet_v2", side=299) == [
        [(320, 35)] * 10,
        [(1088, 17)] * 20,
        [(2080, 8)] * 10,
    ]


@torch.no_grad()
@pytest.mark.parametrize(
    ("stage", "number", "paddings", "factor"),
    [
        pytest.param(0, 0, ((0,), (0, 1), (0, 1, 1)), 0.17, id="35x35"),
        pytest.param(1, 19, ((0,), (0, (0, 3), (3, 0))), 0.1, id="17x17"),
        pytest.param(2, 8, ((0,), (0, (0, 1), (1, 0))), 0.2, id="8x8"),
        pytest.param(2, 9, ((0,), (0, (0, 1), (1, 0))), 1.0, id="the last"),
    ],
)
def test_a_residual_block_by_hand(stage: int, number: int, paddings: tuple, factor: float) -> None:
    block = network_of("inception_resnet_v2[width=0.0625]").double().eval().stages[stage][number]
    randomize_norms(block)
    x = torch.randn(2, block.in_channels, 8, 8, dtype=torch.float64)
    paths = []
    for path, path_paddings in zip(block.residual.branches, paddings, strict=True):
        y = x
        for layers, padding in zip(path, path_paddings, strict=True):
            assert layers.conv.bias is None
            y = normed(y, layers, epsilon=1e-3, padding=padding)
        paths.append(y)
    expected = x + factor * F.conv2d(torch.cat(paths, dim=1), block.residual.conv.weight, block.residual.conv.bias)
    is_last = (stage, number) == (2, 9)
    torch.testing.assert_close(block(x), expected if is_last else expected.clamp(min=0))


@torch.no_grad()
def test_a_reduction_is_not_padded() -> None:
    reduction = network_of("inception_resnet_v2[width=0.0625]").double().eval().transitions[1]
    randomize_norms(reduction)
    single, double, _ = reduction
    x = torch.randn(2, 20, 9, 9, dtype=torch.float64)
    halfway = normed(normed(x, double[0], epsilon=1e-3), double[1], epsilon=1e-3, padding=1)
    paths = [
        normed(x, single[0], epsilon=1e-3, stride=2),
        normed(halfway, double[2], epsilon=1e-3, stride=2),
        F.max_pool2d(x, 3, stride=2),
    ]
    assert paths[0].shape[2:] == (4, 4)
    torch.testing.assert_close(reduction(x), torch.cat(paths, dim=1))


@pytest.mark.parametrize("name", ["bn_inception", "inception_resnet_v2"])
@pytest.mark.parametrize("width", [0.001, 0.3, 1.7])
def test_paths_of_any_width_concatenate_to_what_is_described(name: str, width: float) -> None:
    text = f"{name}[width={width}]"
    shapes = shapes_of_blocks(text, side=describe(name).min_image_size)
    described = [[site.channels for site in stage.sites] for stage in describe(text).stages]
    assert [[channels for channels, _ in stage] for stage in shapes] == described


@pytest.mark.parametrize("name", ["bn_inception", "inception_resnet_v2"])
def test_a_width_scales_every_stage(name: str) -> None:
    plain, half = describe(name), describe(f"{name}[width=0.5]")
    assert [stage.channels for stage in half.stages] == [stage.channels // 2 for stage in plain.stages]
    with pytest.raises(InputError, match="over 0 and at most 64, got 0"):
        describe(f"{name}[width=0]")


@pytest.mark.parametrize("name", ["bn_inception", "inception_resnet_v2"])
def test_narrow_networks_train(name: str) -> None:
    network = network_of(f"{name}[width=0.03125]")
    side = describe(name).min_image_size
    logits = network(torch.randn(2, 3, side, side))
    assert logits.isfinite().all()
    logits.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
