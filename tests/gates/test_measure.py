"""Gates are measured by hooks: of every module of the shelf, at every attachment."""

import numpy as np
import pytest
import torch

from seplace.attachments import ATTACHMENTS
from seplace.attention import ATTENTION
from seplace.attention.options import GateOptions
from seplace.backbones.describe import describe
from seplace.gates.measure import measure_gates, not_gates
from seplace.models import build
from seplace.placement import Placement, StageChoice
from tests.networks import choice_of

BACKBONE = describe("cifar_resnet8[width=0.5]")
IMAGES = torch.randn(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))
BATCHES = [(part, torch.zeros(len(part))) for part in IMAGES.split(4)]
GATED = [name for name in ATTENTION.built_in if name not in ("none", "native", "sk", "gc")]


def measured(choices, *, init="paper", backbone=BACKBONE, examples=()):
    placement, gate = Placement(tuple(choices)), GateOptions(init=init)
    network = build(backbone, placement, gate=gate, num_classes=3, in_channels=3, seed=0)
    found = measure_gates(network, BATCHES, backbone=backbone, placement=placement, gate=gate, examples=examples)
    assert network.training
    assert not any(module._forward_hooks for module in network.modules())
    return found


@pytest.mark.parametrize("init", ["paper", "identity"])
@pytest.mark.parametrize("name", GATED)
def test_every_gate_of_the_shelf_is_measured(name, init):
    none = StageChoice()
    found = measured([none, none, choice_of(name)], init=init, examples=[1, 5])
    assert [gate.part for gate in found] == (["channel", "spatial"] if name == "cbam" else [""])
    for gate in found:
        assert (gate.stage, gate.block, gate.site, gate.module) == (3, 1, "stages.2.0", str(choice_of(name)))
        channels = 1 if gate.part == "spatial" else 32
        assert gate.values.shape == (6, channels)
        assert (gate.least <= gate.values.min(0) + 1e-6).all()
        assert (gate.values.max(0) <= gate.most + 1e-6).all()
        assert gate.bounds is not None
        low, high = gate.bounds
        assert low - 1e-6 <= gate.least.min() <= gate.most.max() <= high + 1e-6
        assert low <= gate.start <= high
        assert gate.maps is not None or gate.positions_sd == 0
        assert gate.maps is None or gate.maps.shape == (2, 4, 4)
    if init == "identity":
        assert all(gate.start == 1 for gate in found)
        assert all((gate.states == "at_start").all() for gate in found)


def test_values_are_those_that_the_gate_returns():
    placement, options = Placement.parse("none-none-cbam4"), GateOptions(init="paper")
    network = build(BACKBONE, placement, gate=options, num_classes=3, in_channels=3, seed=0).eval()
    channel, spatial = measure_gates(
        network, BATCHES, backbone=BACKBONE, placement=placement, gate=options, examples=[5, 0]
    )
    seen = []
    module = network.get_submodule("stages.2.0.residual.attention.gate.spatial")
    handle = module.register_forward_hook(lambda *given: seen.append(given[-1]))
    with torch.inference_mode():
        network(IMAGES)
    handle.remove()
    (gate,) = seen
    np.testing.assert_allclose(spatial.values, gate.mean((2, 3)), rtol=1e-5)
    np.testing.assert_allclose(spatial.maps, gate[[0, 5], 0], rtol=1e-5)
    assert spatial.positions_sd == pytest.approx(float(gate.var((2, 3), correction=0).mean().sqrt()), rel=1e-4)
    assert channel.positions_sd == 0
    assert channel.maps is None


@pytest.mark.parametrize("attachment", [name for name in ATTACHMENTS.built_in if ATTACHMENTS.entry(name).takes_gates])
def test_gates_at_every_attachment_are_found(attachment):
    backbone = describe("cifar_resnet14[width=0.5]" if attachment == "exit" else "cifar_resnet8[width=0.5]")
    found = measured([choice_of("se", attachment)] * 3, backbone=backbone)
    assert [gate.stage for gate in found] == [1, 2, 3]
    assert {gate.block for gate in found} == {2 if attachment == "exit" else 1}


def test_blocks_without_a_shortcut_and_native_gates_are_found():
    images = [(torch.randn(2, 3, 32, 32), torch.zeros(2))]
    for name, text in (("vgg11_bn[width=0.125]", "eca.parallel"), ("mobilenet_v3_small[width=0.25]", "native")):
        backbone = describe(name)
        placement, gate = Placement.uniform(StageChoice.parse("none"), len(backbone.units)), GateOptions(init="paper")
        choices = tuple(
            StageChoice.parse(text) if unit.has_native_gate or text != "native" else choice
            for unit, choice in zip(backbone.units, placement.choices, strict=True)
        )
        placement = Placement(choices)
        network = build(backbone, placement, gate=gate, num_classes=3, in_channels=3, seed=0)
        found = measure_gates(network, images, backbone=backbone, placement=placement, gate=gate)
        sites = [site for unit in backbone.units for site in unit.sites if text != "native" or site.has_native_gate]
        assert [each.site for each in found] == [site.path for site in sites]


def test_a_gate_without_an_upper_bound_has_none():
    (gate,) = measured([StageChoice(), StageChoice(), StageChoice.parse("se[excitation=relu]4")])
    assert gate.bounds is None


def test_modules_that_are_not_gates_are_named():
    placement = Placement.parse("gc4-sk4.kernel-se4")
    assert not_gates(placement, noun="stage") == (
        "stage 1: gc4 is not a gate: it adds a vector to the map.",
        "stage 2: sk4.kernel is not a gate: it mixes two convolutions by weights that sum to one.",
    )
    assert [gate.module for gate in measured(placement.choices)] == ["se4"]
