import time

import pytest
import torch
from torch import Tensor, nn

from seplace.costs.latency import measure_latencies, paired_ratios, time_rounds
from seplace.interval import Interval
from tests.networks import network_of

IMAGES = torch.zeros(2, 3, 8, 8)


class Sleeper(nn.Module):
    def __init__(self, milliseconds: float) -> None:
        super().__init__()
        self.milliseconds = milliseconds

    def forward(self, x: Tensor) -> Tensor:
        time.sleep(self.milliseconds / 1e3)
        return x


def test_quartiles_are_ordered_and_positive() -> None:
    networks = [network_of("cifar_resnet8", text).eval() for text in ("none", "cbam4")]
    latencies = measure_latencies(networks, IMAGES, repeats=5, warmup=1)
    assert len(latencies) == 2
    for latency in latencies:
        assert 0 < latency.lower <= latency.value <= latency.upper


@pytest.mark.parametrize("milliseconds", [(20, 1), (1, 20)])
def test_results_are_milliseconds_in_the_order_of_the_networks(milliseconds: tuple[int, int]) -> None:
    networks = [Sleeper(value).eval() for value in milliseconds]
    latencies = measure_latencies(networks, IMAGES, repeats=5, warmup=0)
    first, second = (latency.value for latency in latencies)
    assert (first > second) == (milliseconds[0] > milliseconds[1])
    assert all(latency.lower >= value for latency, value in zip(latencies, milliseconds, strict=True))


def test_networks_take_turns_without_gradients_and_the_warm_up_is_not_timed() -> None:
    turns = []

    class Recorder(nn.Module):
        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number
            self.calls = 0

        def forward(self, x: Tensor) -> Tensor:
            assert torch.is_inference_mode_enabled()
            turns.append(self.number)
            self.calls += 1
            time.sleep(0.05 if self.calls <= 2 else 0)
            return x

    latencies = measure_latencies([Recorder(0), Recorder(1), Recorder(2)], IMAGES, repeats=4, warmup=2)
    assert turns == [0, 1, 2] * 6
    assert all(latency.upper < 50 for latency in latencies)


def test_rounds_are_listed_by_network_in_milliseconds() -> None:
    timings = time_rounds([Sleeper(2), Sleeper(8)], IMAGES, repeats=3, warmup=1)
    assert [len(each) for each in timings] == [3, 3]
    assert all(value >= 2 for value in timings[0])
    assert all(value >= 8 for value in timings[1])


def test_ratios_are_of_the_same_round() -> None:
    # The machine is ten times slower in the last rounds: of the medians alone the ratio would be 20 / 10.
    assert paired_ratios([20, 21, 200, 220, 20], [10, 10, 100, 100, 10]) == Interval(value=2, lower=2, upper=2.1)
    assert paired_ratios([3.0, 30.0], [3.0, 30.0]) == Interval(value=1, lower=1, upper=1)
