"""What every proxy must do, whatever it thinks of the placements."""

import math
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from seplace.evaluators.study_networks import StudyNetworks
from seplace.placement import Placement
from seplace.proxies import PROXIES, WITHOUT_TRAINING
from seplace.user_modules import resolve
from tests.networks import network_of
from tests.proxies.toy import EFFORT, networks_for

PLACEMENTS = [Placement.parse(text) for text in ("none-none-none", "se4-cbam4-eca", "none-eca.parallel-se4")]
each_proxy = pytest.mark.parametrize("name", PROXIES)
each_measure = pytest.mark.parametrize("name", WITHOUT_TRAINING)


@pytest.fixture(scope="module")
def networks(tmp_path_factory) -> StudyNetworks:
    return networks_for(tmp_path_factory.mktemp("proxies"))


def scores(name: str, networks: StudyNetworks, *, seed: int = 7) -> list[float]:
    proxy = PROXIES[name](networks, seed=seed, effort=EFFORT)
    return [proxy.score(placement) for placement in PLACEMENTS]


@each_proxy
def test_scores_are_finite_repeatable_and_leave_no_trace(name: str, networks: StudyNetworks) -> None:
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    first = scores(name, networks)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before[1:]
    assert all(isinstance(score, float) and math.isfinite(score) for score in first)
    assert len(set(first)) > 1
    assert scores(name, networks) == first


@each_proxy
def test_the_seed_decides(name: str, networks: StudyNetworks) -> None:
    assert scores(name, networks) != scores(name, networks, seed=8)


@each_proxy
def test_the_order_of_placements_is_no_matter(name: str, networks: StudyNetworks) -> None:
    proxy = PROXIES[name](networks, seed=7, effort=EFFORT)
    backwards = [proxy.score(placement) for placement in reversed(PLACEMENTS)]
    assert backwards[::-1] == scores(name, networks)


def measure(name: str):
    return resolve(f"seplace.proxies.{name}:{name}", kind="measure")


def images_and_labels(size: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(4, 3, size, size, generator=torch.Generator().manual_seed(0)), torch.arange(4)


@each_measure
def test_a_measure_leaves_the_network_as_it_is(name: str) -> None:
    network = network_of("cifar_resnet8[width=0.25]", "cbam4").eval()
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    images, labels = images_and_labels()
    given = images.clone()
    measure(name)(network, images, labels)
    assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not any(module.training or module._forward_hooks for module in network.modules())
    assert torch.equal(images, given)


@each_measure
def test_a_dead_network_scores_less(name: str) -> None:
    images, labels = images_and_labels()
    network = network_of("cifar_resnet8[width=0.25]", "se4")
    alive = measure(name)(network, images, labels)
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    dead = measure(name)(network, images, labels)
    assert dead < alive
    assert not math.isnan(dead)


@each_measure
@pytest.mark.parametrize(
    "backbone",
    [
        "preact_resnet110[width=0.1]",
        "mobilenet_v2[width=0.25]",
        "mobilenet_v3_small[width=0.25]",
        "vgg11_bn[width=0.1]",
    ],
)
def test_other_backbones_are_scored(name: str, backbone: str) -> None:
    """A deep one, those with other activations than ReLU, and those with dropout."""
    images, labels = images_and_labels(16 if backbone.startswith("preact") else 32)
    network = network_of(backbone, "eca", num_classes=4)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        assert math.isfinite(measure(name)(network, images, labels))


def test_gates_that_start_at_one_are_hardly_seen(tmp_path: Path) -> None:
    """They change nothing at step 0: the Jacobian and what flows are those of the plain network."""
    networks = networks_for(tmp_path)
    blind = replace(EFFORT, gate_init="identity")
    plain, gated = PLACEMENTS[0], Placement.parse("se4-se4-eca")
    for name in ("jacobian_covariance", "synflow"):
        proxy = PROXIES[name](networks, seed=7, effort=blind)
        assert proxy.score(gated) == pytest.approx(proxy.score(plain), rel=1e-6)


def test_a_new_member_is_picked_up(networks: StudyNetworks) -> None:
    made = PROXIES["tests.proxies.test_role:make_length"](networks, seed=0, effort=EFFORT)
    assert made.score(PLACEMENTS[1]) == float(len("se4-cbam4-eca"))


class Length:
    def score(self, placement: Placement) -> float:
        return float(len(str(placement)))


def make_length(networks, *, seed, effort) -> Length:
    del networks, seed, effort
    return Length()
