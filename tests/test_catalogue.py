"""Every kind of block and every module at every attachment that they take: built, trained for a step, exported.

Modules are spread over the blocks of a network, so that a few networks hold all of them. Networks are held narrow, and
two blocks deep a stage where they are made of equal blocks; entries that are only deeper or wider than another have one
network of their full depth, with a choice a stage, and entries whose blocks differ from another's by a stride or by
groups have one network an attachment. What a network runs is that of its blocks at an attachment and that of a module
at one, so the short form has each of these pairs once, and the long form every module in every kind of block. Counts
of full depth and width: tests/bench/test_published.py.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import replace

import pytest
import torch
from torch import nn

from seplace.attachments import ATTACHMENTS
from seplace.attention import ATTENTION
from seplace.attention.options import GateOptions
from seplace.backbones import BACKBONES
from seplace.backbones.backbone import Backbone
from seplace.backbones.describe import describe
from seplace.backbones.sites import Stage
from seplace.costs.counting import count_operators
from seplace.exporters.source_code import source_text
from seplace.models import build
from seplace.placement import Placement, StageChoice
from tests.marks import in_the_long_form
from tests.networks import choice_of, takes

NARROW = 0.125
ONLY_DEEPER = {
    "cifar_resnet14", "cifar_resnet20", "cifar_resnet32", "cifar_resnet44", "cifar_resnet56", "cifar_resnet110",
    "resnet34", "resnet101", "resnet152", "resnet101_v1", "resnet152_v1", "resnext101_32x4d", "resnext101_32x4d_v1",
    "wrn28_10", "vgg13_bn", "vgg16_bn", "vgg19_bn", "wide_resnet18_x1_5", "wide_resnet18_x2",
}  # fmt: skip
"""Made of the same blocks as another entry, which stands for them."""
AKIN = {"resnet50_v1", "resnext50_32x4d", "resnext50_32x4d_v1"}
"""Made of the blocks of resnet50, but for a stride or for groups; resnet50 stands for them with most modules."""

MANY_BLOCKS = {"bn_inception", "densenet_bc100_12", "inception_resnet_v2", "preact_resnet164", "senet154"}
"""Of blocks that cannot be left out: the short form has them at one attachment."""

MODULES = [name for name in ATTENTION if name not in ("none", "native")]
EQUAL_BLOCKS = ("resnet", "resnext", "wrn", "shufflenet")
DEPTH = 2


def narrow(name: str) -> Backbone:
    return describe(f"{name}[width={NARROW:g}]")


def shallow(name: str, attachment: str) -> Backbone:
    """The backbone, narrow, and of two blocks a stage where all but the first are equal; a choice a block if can be."""
    backbone = replace(narrow(name), granularity="stage" if attachment == "exit" else "block")
    if not any(kind in name for kind in EQUAL_BLOCKS):
        return backbone
    blocks = tuple(min(count, DEPTH) for count in backbone.arguments["blocks"])
    stages = tuple(Stage(sites=stage.sites[:DEPTH]) for stage in backbone.stages)
    return replace(backbone, stages=stages, arguments={**backbone.arguments, "blocks": blocks})


def choices_at(backbone: Backbone, attachment: str, modules: tuple[str, ...]) -> list[StageChoice]:
    """The modules that can stand at an attachment; with a ratio that leaves the narrowest gate a hidden unit."""
    least = min(unit.widths[attachment] for unit in backbone.units if attachment in unit.widths)
    choices = []
    for name in modules:
        if takes(name, attachment):
            choice = choice_of(name, attachment)
            ratio = None if choice.ratio is None else min(choice.ratio, least)
            choices.append(StageChoice(name, ratio, attachment))
    return choices


def placements_of(backbone: Backbone, attachment: str, modules: tuple[str, ...]) -> list[Placement]:
    """As few placements as hold every choice once, in the stages that take the attachment."""
    taking = [attachment in unit.widths for unit in backbone.units]
    waiting = choices_at(backbone, attachment, modules)
    placements = []
    while waiting:
        rest = iter(waiting)
        placements.append(Placement(tuple(next(rest, StageChoice()) if take else StageChoice() for take in taking)))
        waiting = list(rest)
    return placements


CASES = [
    pytest.param(
        name,
        attachment,
        id=f"{name}-{attachment}",
        marks=[pytest.mark.long] if name in MANY_BLOCKS and attachment != "serial" else [],
    )
    for name in BACKBONES
    if name not in ONLY_DEEPER
    for attachment in ATTACHMENTS
    if any(attachment in unit.widths for unit in shallow(name, attachment).units)
]
NATIVE = [name for name in BACKBONES if any(unit.has_native_gate for unit in describe(name).units)]


def networks_of(name: str, attachment: str) -> tuple[Backbone, list[Placement]]:
    backbone = shallow(name, attachment)
    placements = placements_of(backbone, attachment, tuple(MODULES))
    return backbone, placements[:1] if name in AKIN else placements


@functools.cache
def of_the_short_form() -> dict[tuple[str, Placement], bool]:
    """The first network of a backbone at an attachment, and the first that holds a module at an attachment.

    The value says whether it is counted, too: the first of a backbone, and the first that holds a module at an
    attachment. No block runs another operator at an attachment than others do there.
    """
    chosen: dict[tuple[str, Placement], bool] = {}
    seen: set[tuple[str, str]] = set()
    for name, attachment in (case.values for case in CASES):
        for placement in networks_of(name, attachment)[1]:
            held = {(name, ""), *((choice.name, choice.attachment) for choice in placement.choices)}
            if (held | {(name, attachment)}) - seen:
                chosen[name, placement] = bool(held - seen)
            seen |= held | {(name, attachment)}
    return chosen


def check(backbone: Backbone, placement: Placement, *, is_counted: bool = True) -> None:
    gate = GateOptions(init="paper")
    network = build(backbone, placement, gate=gate, num_classes=3, in_channels=3, seed=0)
    called: set[nn.Module] = set()
    for module in network.modules():
        module.register_forward_hook(lambda module, _inputs, _output: called.add(module))
    side = backbone.min_image_size
    images = torch.randn(4, 3, side, side, generator=torch.Generator().manual_seed(1))
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(images)
    assert logits.isfinite().all()
    for key, module in network.named_modules():
        assert not called.isdisjoint(module.modules()) or type(module).forward is nn.Module.forward, f"{key} is idle"
    logits.float().square().sum().backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
    network.eval()
    if is_counted:
        counts = count_operators(network, images[:1])
        assert counts.flops["conv"] > 0
        assert not counts.unknown
    scope: dict[str, object] = {"__name__": "exported"}
    text = source_text(backbone, placement, gate=gate, num_classes=3, in_channels=3)
    exec(compile(text, "model.py", "exec", dont_inherit=True), scope)
    exported = scope["build"]()  # type: ignore[operator]
    exported.load_state_dict(network.state_dict())
    with torch.no_grad():
        assert torch.equal(exported.eval()(images), network(images)), placement


@pytest.mark.parametrize(("name", "attachment"), CASES)
def test_it_builds_trains_is_counted_and_is_exported(name: str, attachment: str) -> None:
    backbone, placements = networks_of(name, attachment)
    for placement in placements:
        if (is_counted := of_the_short_form().get((name, placement))) is not None:
            check(backbone, placement, is_counted=is_counted)


@pytest.mark.long
@pytest.mark.parametrize(("name", "attachment"), CASES)
def test_every_module_does_so_in_every_block(name: str, attachment: str) -> None:
    backbone, placements = networks_of(name, attachment)
    for placement in placements:
        if (is_counted := of_the_short_form().get((name, placement))) is not True:
            check(backbone, placement, is_counted=is_counted is False)


@pytest.mark.parametrize(
    "name",
    [
        name
        if name in ("cifar_resnet20", "resnet34", "resnet101_v1", "wrn28_10", "vgg19_bn")
        else in_the_long_form(name)
        for name in sorted({*ONLY_DEEPER, "preact_resnet110", "preact_resnet164", "inception_resnet_v2"})
    ],
)
def test_it_does_so_at_its_full_depth(name: str) -> None:
    backbone = narrow(name)
    choices = []
    for number, unit in enumerate(backbone.units):
        taken = [attachment for attachment in unit.widths if takes("se", attachment)]
        choices.append(StageChoice("se", 1, taken[number % len(taken)]))
    check(backbone, Placement(tuple(choices)), is_counted=False)


@pytest.mark.parametrize("name", NATIVE)
def test_the_attention_of_its_own_paper(name: str) -> None:
    backbone = narrow(name)
    choices = (StageChoice("native" if unit.has_native_gate else "none") for unit in backbone.units)
    check(backbone, Placement(tuple(choices)))


def test_every_module_is_counted_at_every_attachment_somewhere() -> None:
    counted = [placement for (_, placement), is_counted in of_the_short_form().items() if is_counted]
    placed = {(choice.name, choice.attachment) for placement in counted for choice in placement.choices}
    allowed = {(name, at) for name, at in itertools.product(MODULES, ATTACHMENTS) if takes(name, at)}
    assert allowed <= placed
