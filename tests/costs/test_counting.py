import functools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import seplace
from seplace.attachments.cross import Cross
from seplace.attention.applied import Added, Scaled
from seplace.attention.options import GateOptions
from seplace.backbones.describe import describe
from seplace.costs import counting
from seplace.costs.counting import count_operators, counted_once
from seplace.costs.flops import flops
from seplace.costs.macs import macs
from seplace.costs.params import params
from seplace.costs.table import CostTable
from seplace.errors import UncountedOperator
from seplace.models import insert
from seplace.placement import Placement, StageChoice
from tests.foreign.idle import IDLE_PARTS, Net, Plain
from tests.networks import GATES, choice_of, network_of, shaped_network_of, takes

C, H, W = 4, 6, 10
MAP = C * H * W


class Function(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def counted(module, x: Tensor | None = None) -> int:
    network = module if isinstance(module, nn.Module) else Function(module)
    return flops(network.eval(), torch.zeros(1, C, H, W) if x is None else x)


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        # Element-wise: one an element of the result.
        pytest.param(torch.relu, MAP, id="relu"),
        pytest.param(nn.ReLU(inplace=True), MAP, id="relu in place"),
        pytest.param(torch.sigmoid, MAP, id="sigmoid"),
        pytest.param(torch.tanh, MAP, id="tanh"),
        pytest.param(nn.Hardsigmoid(), MAP, id="hardsigmoid"),
        pytest.param(nn.SiLU(), MAP, id="silu"),
        pytest.param(lambda x: x + x, MAP, id="addition"),
        pytest.param(lambda x: x * x, MAP, id="product"),
        pytest.param(lambda x: x - 1, MAP, id="subtraction of a number"),
        pytest.param(lambda x: 2 * x, MAP, id="product with a number"),
        pytest.param(lambda x: x[:, :, :1, :1] * x, MAP, id="product that broadcasts its first factor"),
        pytest.param(lambda x: x * x[:, :1], MAP, id="product that broadcasts its second factor"),
        pytest.param(lambda x: x.clamp(min=0), MAP, id="clamp"),
        pytest.param(lambda x: x > 0, MAP, id="comparison"),
        pytest.param(lambda x: x.floor(), MAP, id="rounding"),
        # Reductions and pooling: one an element of the input.
        pytest.param(lambda x: x.mean((2, 3)), MAP, id="mean over pixels"),
        pytest.param(lambda x: x.mean(1, keepdim=True), MAP, id="mean over channels"),
        pytest.param(lambda x: x.amax((2, 3)), MAP, id="maximum over pixels"),
        pytest.param(lambda x: x.max(1).values, MAP, id="maximum over channels"),
        pytest.param(lambda x: x.sum(1), MAP, id="sum"),
        pytest.param(nn.AdaptiveAvgPool2d(1), MAP, id="global average pooling"),
        pytest.param(nn.AdaptiveMaxPool2d(1), MAP, id="global maximum pooling"),
        pytest.param(nn.AvgPool2d((H, W)), MAP, id="average pooling"),
        pytest.param(nn.MaxPool2d(3, stride=2, padding=1), MAP, id="maximum pooling"),
        # Normalization in eval mode: one product and one addition an element.
        pytest.param(nn.BatchNorm2d(C), 2 * MAP, id="batch norm"),
        # One a multiply-add, whether or not there is a bias.
        pytest.param(nn.Conv2d(C, 8, 3, padding=1, bias=False), 8 * C * 9 * H * W, id="convolution"),
        pytest.param(nn.Conv2d(C, 8, 3, padding=1), 8 * C * 9 * H * W, id="convolution with bias"),
        pytest.param(nn.Conv2d(C, 8, 1, stride=2), 8 * C * (H // 2) * (W // 2), id="strided convolution"),
        pytest.param(nn.Conv2d(C, C, 3, padding=1, groups=C), C * 9 * H * W, id="depthwise convolution"),
        # Moving data is free.
        pytest.param(lambda x: x.flatten(1).reshape(1, H, -1), 0, id="reshape"),
        pytest.param(lambda x: x.permute(0, 2, 3, 1).contiguous(), 0, id="transpose"),
        pytest.param(lambda x: torch.cat([x, x], dim=1), 0, id="concatenation"),
        pytest.param(lambda x: F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, C)), 0, id="option A shortcut"),
        pytest.param(lambda x: x.to(torch.float64)[:, :, None], 0, id="conversion"),
        pytest.param(nn.Dropout(0.5), 0, id="dropout in eval mode"),
        pytest.param(nn.Identity(), 0, id="identity"),
        pytest.param(nn.Sequential(nn.Sequential(), nn.ReLU()), MAP, id="an identity spelled as an empty sequence"),
        pytest.param(lambda x: x.view(x.shape[0], x.shape[1] * x.shape[2], -1), 0, id="arithmetic of shapes"),
    ],
)
def test_what_an_operator_is_charged(operator, expected: int) -> None:
    assert counted(operator) == expected


@pytest.mark.parametrize(
    ("operator", "shape", "expected"),
    [
        pytest.param(nn.Linear(5, 7), (1, 5), 35, id="linear with bias"),
        pytest.param(nn.Linear(5, 7, bias=False), (1, 5), 35, id="linear"),
        pytest.param(nn.Linear(5, 7, bias=False), (1, 3, 5), 105, id="linear of rows"),
        pytest.param(nn.Conv1d(1, 1, 3, padding=1, bias=False), (1, 1, 16), 48, id="convolution of channels"),
        pytest.param(lambda x: x @ x.transpose(-1, -2), (2, 3), 2 * 3 * 2, id="matrix product"),
        pytest.param(lambda x: x @ x.transpose(-1, -2), (2, 3, 5), 2 * 3 * 5 * 3, id="products of matrices"),
    ],
)
def test_multiply_adds_are_one(operator, shape: tuple[int, ...], expected: int) -> None:
    network = operator if isinstance(operator, nn.Module) else Function(operator)
    assert counted(network, torch.zeros(shape)) == macs(network, torch.zeros(shape)) == expected


@pytest.mark.parametrize(
    "pool",
    [
        pytest.param(lambda x: x.mean((2, 3)), id="mean"),
        pytest.param(lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1), id="adaptive pooling"),
        pytest.param(lambda x: F.avg_pool2d(x, (H, W)).flatten(1), id="pooling"),
        pytest.param(lambda x: x.flatten(2).mean(-1), id="mean of the flat map"),
    ],
)
def test_a_gate_costs_the_same_however_its_pooling_is_spelled(pool) -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.reduce, self.expand = nn.Linear(C, 2), nn.Linear(2, C)

        def forward(self, x: Tensor) -> Tensor:
            return x * self.expand(self.reduce(pool(x)).relu()).sigmoid()[:, :, None, None]

    assert counted(Gated()) == MAP + 2 * C + 2 + 2 * C + C + MAP


def test_what_se_adds_by_arithmetic() -> None:
    plain, gated = (counted(shaped_network_of("cifar_resnet20", text), IMAGE) for text in ("none", "se16"))
    # Three blocks a stage; squeeze, two layers, ReLU, sigmoid, and the product with the map.
    stages = [(16, 1, 32 * 32), (32, 2, 16 * 16), (64, 4, 8 * 8)]
    assert gated - plain == sum(
        3 * (channels * pixels + 2 * channels * hidden + hidden + channels + channels * pixels)
        for channels, hidden, pixels in stages
    )


IMAGE = torch.zeros(1, 3, 32, 32)


@pytest.mark.parametrize("gate", [Scaled(nn.Sigmoid()), Added(nn.Identity()), Cross(nn.Sigmoid())])
def test_a_gate_that_is_attached_and_never_runs_is_named(gate: nn.Module) -> None:
    network = network_of("cifar_resnet8").eval()
    network.stages[1][0].forgotten = gate
    with pytest.raises(UncountedOperator, match=r"never run: stages\.1\.0\.forgotten$"):
        counted(network, IMAGE)


@pytest.mark.parametrize("name", IDLE_PARTS)
def test_what_a_users_own_network_leaves_idle_is_theirs(name: str) -> None:
    adopted = seplace.adopt(Net(IDLE_PARTS[name]), torch.zeros(1, 3, 8, 8))
    choices = [[StageChoice("eca")]] * len(adopted.backbone.units)
    plain = adopted.backbone.build(num_classes=5).eval()
    insert_choice = functools.partial(insert, gate=GateOptions(init="paper"))
    images = torch.zeros(1, 3, 8, 8)
    table = CostTable.count(plain, adopted.backbone.units, insert_choice, images, choices, names=("flops", "params"))
    everywhere = Placement.uniform(StageChoice("eca"), 2)
    gated = adopted.insert(everywhere, init="paper").eval()
    assert table.costs_of(everywhere) == {"flops": flops(gated, images), "params": params(gated, images)}
    # In each block: the mean of 4 maps, a kernel of one a channel, the sigmoid, and the product with the maps.
    extra = sum(4 * pixels + 4 + 4 + 4 * pixels for pixels in (8 * 8, 4 * 4))
    assert table.costs_of(everywhere)["flops"] - table.plain[0] == extra


def test_training_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="eval mode"):
        count_operators(nn.BatchNorm2d(C).train(), torch.zeros(1, C, H, W))


def test_counting_leaves_the_network_as_it_is() -> None:
    network = network_of("cifar_resnet8", "cbam4").eval()
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    count_operators(network, IMAGE)
    assert not network.training
    assert not any(module._forward_hooks for module in network.modules())
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())


def test_costs_may_share_one_count(monkeypatch: pytest.MonkeyPatch) -> None:
    network, other = (shaped_network_of("cifar_resnet8", choice) for choice in ("se4", "none"))
    alone = flops(network, IMAGE), macs(network, IMAGE), flops(other, IMAGE)
    count, seen = counting._count, []
    monkeypatch.setattr(counting, "_count", lambda *given: seen.append(given[0]) or count(*given))
    with counted_once():
        count_operators(network, IMAGE)  # what one caller does with its copy is no matter to the others
        assert (flops(network, IMAGE), macs(network, IMAGE), flops(other, IMAGE)) == alone
    assert seen == [network, other]
    flops(network, IMAGE)
    assert seen == [network, other, network]


def test_counts_are_of_whole_operators() -> None:
    counts = count_operators(network_of("cifar_resnet8", "se4").eval(), IMAGE).flops
    assert {"conv", "linear", "batch_norm", "relu_", "mean", "sigmoid", "mul"} <= set(counts)
    assert all(type(count) is int for count in counts.values())


@pytest.mark.parametrize(
    ("backbone", "size", "choice"),
    [
        *(
            pytest.param("cifar_resnet8", 32, str(choice_of(name, attachment)))
            for attachment in describe("cifar_resnet8").units[0].widths
            for name in (GATES if attachment == "serial" else ("se", "cbam", "eca"))
            if takes(name, attachment)
        ),
        pytest.param("cifar_resnet20[shortcut=B]", 32, "none"),
        pytest.param("cifar_resnet14[width=0.5]", 24, "se2-cbam4.parallel-eca.pre"),
        pytest.param("resnet18", 64, "none"),
        pytest.param("resnet18[width=0.25]", 40, "cbam8"),
        pytest.param("resnet34", 32, "eca"),
        pytest.param("resnet50", 64, "none-se16.pre-cbam16-eca"),
        pytest.param("resnet50_v1", 72, "se32-none-none-cbam8.cross"),
    ],
)
def test_macs_are_half_of_what_torch_counts(backbone: str, size: int, choice: str) -> None:
    network = shaped_network_of(backbone, choice)
    images = torch.zeros(1, 3, size, size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(images)
    assert 2 * macs(network, images) == counter.get_total_flops()


def test_blocks_that_differ_in_hooks_alone_are_counted_apart() -> None:
    first, second = Plain(nn.Identity()), Plain(nn.Identity())
    first.register_forward_hook(lambda _block, _inputs, output: output * 0.5)
    second.conv.register_forward_hook(lambda _conv, _inputs, output: output.clamp(-1, 1) + 1)
    images = torch.zeros(1, 4, 6, 6)
    network = nn.Sequential(first, second, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    adopted = seplace.adopt(network, images)
    plain = adopted.backbone.build(num_classes=4, in_channels=4).eval()
    put = functools.partial(insert, gate=GateOptions(init="paper"))
    gate = StageChoice("se", ratio=2)
    table = CostTable.count(plain, adopted.backbone.units, put, images, [[gate]], names=("flops",))
    everywhere = Placement.uniform(gate, 1)
    assert table.costs_of(everywhere) == {"flops": flops(adopted.insert(everywhere, init="paper").eval(), images)}
