"""Gates of the user's own are given what their signatures take, and a space expands its ratios for those with one."""

import functools
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from seplace.attention.options import GateOptions
from seplace.attention.se import SE
from seplace.attention.signature import signature_of
from seplace.errors import InputError, InvalidPlacement, InvalidStudy
from seplace.models import attention_maker
from seplace.placement import StageChoice
from seplace.study.space_file import load_space


class Bare(nn.Module):
    """No constructor of its own."""


class Plain(nn.Module):
    def __init__(self, channels, *, init):
        super().__init__()
        self.given = {"channels": channels, "init": init}


class WithDefault(nn.Module):
    def __init__(self, width, ratio=16):
        super().__init__()
        self.given = {"channels": width, "ratio": ratio}


class InOrder(nn.Module):
    def __init__(self, c, ratio, groups=2, min_hidden=1, /):
        super().__init__()
        self.given = {"channels": c, "ratio": ratio, "groups": groups, "min_hidden": min_hidden}


class ByName(nn.Module):
    def __init__(self, *, ratio, channels):
        super().__init__()
        self.given = {"channels": channels, "ratio": ratio}


class PassesOn(Plain):
    """Its options are those of a class without a ratio."""

    def __init__(self, *channels, **options):
        super().__init__(*channels, **options)


@dataclass(eq=False)
class Fields(nn.Module):
    channels: int
    init: str = "paper"

    def __post_init__(self):
        super().__init__()
        self.given = {"channels": self.channels, "init": self.init}


class Grouped(nn.Module):
    def __init__(self, channels, groups, *, init):
        super().__init__()
        self.given = (channels, groups, init)


class Spatial(nn.Module):
    def __init__(self, kernel_size=7):
        super().__init__()
        self.given = kernel_size


def reduced(channels, **options):
    return WithDefault(channels, **options)


def passes_to_se(channels, **options):
    return SE(channels, **options)


class Factory:
    def __call__(self, channels, init):
        return Plain(channels, init=init)


made = Factory()
Fixed = functools.partial(WithDefault, ratio=8)
built = Plain(4, init="paper")
ratio = 4

HERE = "tests.attention.test_signature"


@pytest.mark.parametrize(
    ("name", "takes", "needs", "given"),
    [
        ("Plain", False, False, {"channels": 12, "init": "identity"}),
        ("WithDefault", True, False, {"channels": 12, "ratio": 3}),
        ("InOrder", True, True, {"channels": 12, "ratio": 3, "groups": 2, "min_hidden": 2}),
        ("ByName", True, True, {"channels": 12, "ratio": 3}),
        ("PassesOn", False, False, {"channels": 12, "init": "identity"}),
        ("Fields", False, False, {"channels": 12, "init": "identity"}),
        ("reduced", True, False, {"channels": 12, "ratio": 3}),
        ("made", False, False, {"channels": 12, "init": "identity"}),
        ("Fixed", False, False, {"channels": 12, "ratio": 8}),
    ],
)
def test_a_gate_is_given_what_its_signature_takes(name, takes, needs, given):
    signature = signature_of(f"{HERE}:{name}")
    assert (signature.takes_ratio, signature.needs_ratio) == (takes, needs)
    choice = StageChoice(f"{HERE}:{name}", 3 if takes else None)
    gate = GateOptions(init="identity", min_hidden=2)
    assert attention_maker(choice, gate=gate, block_input=12)(12).gate.given == given


def test_what_passes_its_options_on_needs_what_is_needed_there():
    signature = signature_of(f"{HERE}:passes_to_se")
    assert signature.needs_ratio
    choice = StageChoice(f"{HERE}:passes_to_se", 4)
    gate = attention_maker(choice, gate=GateOptions(init="paper", min_hidden=5), block_input=16)(16).gate
    assert gate.reduce.out_features == 5


def test_finding_out_draws_nothing():
    before = torch.get_rng_state()
    signature_of.__wrapped__(f"{HERE}:passes_to_se")
    assert torch.equal(torch.get_rng_state(), before)


def test_a_gate_without_a_constructor_is_built_without_channels():
    choice = StageChoice(f"{HERE}:Bare")
    assert isinstance(attention_maker(choice, gate=GateOptions(init="paper"), block_input=8)(8).gate, Bare)


@pytest.mark.parametrize(
    ("choice", "rule"),
    [
        (StageChoice(f"{HERE}:Plain", 16), f"Plain has no reduction ratio; write '{HERE}:Plain'"),
        (StageChoice(f"{HERE}:ByName"), f"ByName needs a reduction ratio, such as {HERE}:ByName16"),
        (StageChoice(f"{HERE}:Grouped"), "needs groups, which seplace does not give"),
        (StageChoice(f"{HERE}:Spatial"), "has no parameter channels"),
        (StageChoice(f"{HERE}:built"), "is a Plain, not a class or function that builds a gate"),
        (StageChoice(f"{HERE}:ratio"), "is a int, not a class"),
    ],
)
def test_what_cannot_be_called_is_refused(choice, rule):
    with pytest.raises(InputError, match=rule) as raised:
        attention_maker(choice, gate=GateOptions(init="paper"), block_input=16)(16)
    assert isinstance(raised.value, InvalidPlacement) or "not a class" in rule


def space_with(folder, modules, *, ratios=""):
    path = folder / "own.yaml"
    listed = ", ".join(name if name.isidentifier() else f"'{HERE}:{name[1:]}'" for name in modules)
    path.write_text(
        "schema: 1\nbackbone: cifar_resnet8\ngate: {init: identity}\n"
        f"choices: {{modules: [{listed}]{ratios and f', ratios: {ratios}'}}}\n"
    )
    return path


@pytest.mark.parametrize(
    ("modules", "ratios", "choices"),
    [
        pytest.param(["none", "se", ":Plain"], "[4, 8]", ["none", "se4", "se8", ":Plain"], id="none beside one"),
        pytest.param([":WithDefault"], "[4, 8]", [":WithDefault4", ":WithDefault8"], id="one with a default"),
        pytest.param([":WithDefault"], "", [":WithDefault"], id="its default"),
        pytest.param([":Fixed", ":ByName"], "[4]", [":Fixed", ":ByName4"], id="set by a partial"),
    ],
)
def test_a_space_has_each_gate_in_one_spelling(tmp_path, modules, ratios, choices):
    space = load_space(space_with(tmp_path, modules, ratios=ratios))
    assert [str(choice).replace(HERE, "") for choice in space.choices[0]] == choices


@pytest.mark.parametrize(
    ("modules", "ratios", "rule"),
    [
        pytest.param([":Plain"], "[4]", "ratios: none of .*Plain has a reduction ratio; leave ratios out", id="no use"),
        pytest.param([":ByName"], "", "ratios: is missing; .*ByName needs reduction ratios", id="missing"),
        pytest.param(["none", ":Grouped"], "", r"4:27: choices.modules\[2\]: .*Grouped needs groups", id="more"),
        pytest.param([":Absent"], "", r"modules\[1\]: attention module .* has no 'Absent'", id="not there"),
        pytest.param([":built"], "", r"modules\[1\]: .*built is a Plain, not a class", id="a module, not its class"),
    ],
)
def test_what_a_space_cannot_build_is_a_located_error(tmp_path, modules, ratios, rule):
    with pytest.raises(InvalidStudy, match=rule):
        load_space(space_with(tmp_path, modules, ratios=ratios))
