from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from seplace.costs.memory import LiveTensors, peak_memory_bytes
from tests.networks import network_of

IMAGES = torch.zeros(2, 3, 4, 5)
MAP = 4 * IMAGES.numel()


class Function(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def keeping(x: Tensor) -> Tensor:
    first = x + 1
    second = first + 1
    return second + first + x


def forgetting(x: Tensor) -> Tensor:
    y = x + 1
    del y
    y = x + 1
    del y
    return x + 1


@pytest.mark.parametrize(
    ("function", "maps"),
    [
        pytest.param(lambda x: x, 1, id="nothing but the images"),
        pytest.param(lambda x: x[:, 1:].flatten(1), 1, id="a view has no bytes of its own"),
        pytest.param(lambda x: x + 1, 2, id="one map made"),
        pytest.param(lambda x: (x + 1).relu_().mul_(2), 2, id="in place"),
        pytest.param(lambda x: ((x + 1) + 1) + 1, 3, id="a map that is used up is released"),
        pytest.param(forgetting, 2, id="a map that is forgotten is released"),
        # x, first, second, second + first, and the sum of that with x.
        pytest.param(keeping, 5, id="maps that are kept"),
        pytest.param(lambda x: torch.cat([x, x + 1]), 4, id="x, x + 1 and two in one"),
        pytest.param(lambda x: (x + 1).to(torch.float64), 4, id="a wider type"),
        pytest.param(lambda x: torch.cat([x, x])[:2] + 1, 4, id="a view keeps the whole alive"),
    ],
)
def test_live_bytes_by_arithmetic(function: Callable[[Tensor], Tensor], maps: int) -> None:
    assert peak_memory_bytes(Function(function), IMAGES) == maps * MAP


def test_parameters_and_buffers_are_live() -> None:
    # Weight 7x5 and bias 7, and the result of 2x3x4 rows of 7.
    assert peak_memory_bytes(nn.Linear(5, 7), IMAGES) == MAP + 4 * (35 + 7 + 2 * 3 * 4 * 7)
    # Weight, bias, mean and variance of three channels, and a counter of 8 bytes; the result is another map.
    assert peak_memory_bytes(nn.BatchNorm2d(3).eval(), IMAGES) == 2 * MAP + 4 * 4 * 3 + 8


def test_a_shared_parameter_is_counted_once() -> None:
    layer = nn.Conv2d(3, 3, 1, bias=False)
    assert peak_memory_bytes(nn.Sequential(layer, layer), IMAGES) == 3 * MAP + 4 * 9


def test_every_run_gives_the_same_number() -> None:
    network = network_of("cifar_resnet8", "cbam4").eval()
    images = torch.zeros(3, 3, 16, 16)
    assert len({peak_memory_bytes(network, images) for _ in range(4)}) == 1


def test_a_batch_takes_what_its_images_take() -> None:
    network = network_of("cifar_resnet8").eval()
    one, two, four = (peak_memory_bytes(network, torch.zeros(count, 3, 16, 16)) for count in (1, 2, 4))
    assert four - two == 2 * (two - one) > 0


def test_a_gate_raises_the_peak_by_its_map_where_the_block_is_the_worst_moment() -> None:
    plain, gated = (peak_memory_bytes(network_of("cifar_resnet8", text).eval(), IMAGES) for text in ("none", "se4"))
    assert gated > plain


def test_nothing_is_counted_afterwards() -> None:
    held = torch.zeros(5)
    with LiveTensors([held]) as live:
        made = held + 1
    assert live.live_bytes == live.peak_bytes == 40
    del made, held
    torch.zeros(100)
    assert live.live_bytes == live.peak_bytes == 40
