"""What every proxy must do, whatever it thinks of the placements."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from seplace.evaluators.study_networks import StudyNetworks
from seplace.placement import Placement
from seplace.proxies import PROXIES, WITHOUT_TRAINING
from seplace.testing import proxies
from seplace.testing.proxies import PLACEMENTS
from seplace.user_modules import resolve
from tests.networks import network_of
from tests.proxies.toy import EFFORT, networks_for

each_proxy = pytest.mark.parametrize("name", PROXIES)
each_measure = pytest.mark.parametrize("name", WITHOUT_TRAINING)


@pytest.fixture(scope="module")
def networks(tmp_path_factory) -> StudyNetworks:
    return networks_for(tmp_path_factory.mktemp("proxies"))


@each_proxy
@pytest.mark.parametrize("check", proxies.CHECKS, ids=lambda check: check.__name__)
def test_an_entry_does_what_its_shelf_asks(name: str, networks: StudyNetworks, check) -> None:
    check(name, networks)


@each_proxy
def test_the_seed_decides(name: str, networks: StudyNetworks) -> None:
    assert proxies.scores(name, networks) != proxies.scores(name, networks, seed=8)


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


def test_a_new_entry_is_picked_up(networks: StudyNetworks) -> None:
    made = PROXIES["tests.proxies.test_role:make_length"](networks, seed=0, effort=EFFORT)
    assert made.score(PLACEMENTS[1]) == float(len("se4-cbam4-eca"))


class Length:
    def score(self, placement: Placement) -> float:
        return float(len(str(placement)))


def make_length(networks, *, seed, effort) -> Length:
    del networks, seed, effort
    return Length()
