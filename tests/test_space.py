import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from seplace.attachments import ATTACHMENTS
from seplace.attention.applied import Scaled
from seplace.attention.options import GateOptions, Init
from seplace.backbones.backbone import Backbone
from seplace.backbones.describe import describe
from seplace.backbones.sites import residual_stage
from seplace.errors import InvalidPlacement, InvalidSpace
from seplace.models import build
from seplace.placement import Placement, StageChoice
from seplace.space import SearchSpace, check_placement, choice_problem
from tests.spaces import parse

PAPER = GateOptions(init="paper")
TAKEN = [name for name in describe("cifar_resnet8").units[0].widths if ATTACHMENTS.entry(name).takes_gates]
CHOICES = [
    StageChoice(),
    *(StageChoice("eca", None, attachment) for attachment in TAKEN),
    *(
        StageChoice(module, ratio, attachment)
        for module, ratio, attachment in itertools.product(("se", "cbam"), (2, 4), TAKEN)
    ),
]


def space_with(*choices: tuple[StageChoice, ...], backbone: str = "cifar_resnet8") -> SearchSpace:
    return SearchSpace(name="a", backbone=describe(backbone), choices=choices, gate=PAPER)


@st.composite
def spaces(draw: st.DrawFn) -> SearchSpace:
    backbone = describe(draw(st.sampled_from(["cifar_resnet8", "resnet50"])))
    choices = st.lists(st.sampled_from(CHOICES), min_size=1, max_size=5, unique=True).map(tuple)
    stages = draw(st.lists(choices, min_size=len(backbone.stages), max_size=len(backbone.stages)))
    if all(choice.module == "none" for choice in itertools.chain(*stages)):
        stages[0] = (StageChoice("eca"),)
    return SearchSpace(name="a", backbone=backbone, choices=tuple(stages), gate=PAPER)


@given(spaces())
def test_iteration_length_and_index_agree(space: SearchSpace) -> None:
    candidates = list(space)
    assert len(candidates) == len(set(candidates)) == len(space)
    assert [space.placement_at(index) for index in range(len(space))] == candidates
    assert [space.index(candidate) for candidate in candidates] == list(range(len(space)))
    assert all(candidate in space for candidate in candidates)
    assert [space.indices(candidate) for candidate in candidates] == sorted(
        space.indices(candidate) for candidate in candidates
    )


@given(spaces(), st.data())
def test_neighbours_differ_in_one_stage(space: SearchSpace, data: st.DataObject) -> None:
    placement = space.placement_at(data.draw(st.integers(0, len(space) - 1)))
    neighbors = space.neighbors(placement)
    by_definition = [
        other
        for other in space
        if sum(one != two for one, two in zip(other.choices, placement.choices, strict=True)) == 1
    ]
    assert set(neighbors) == set(by_definition)
    assert len(neighbors) == len(by_definition) == sum(len(choices) - 1 for choices in space.choices)


def test_the_order_is_lexicographic_and_lazy() -> None:
    space = space_with(parse("none", "eca"), parse("se4", "none"), parse("none"))
    assert [str(each) for each in space] == [
        "none-se4-none",
        "none-none-none",
        "eca-se4-none",
        "eca-none-none",
    ]
    stage = tuple(StageChoice("se", ratio) for ratio in range(1, 65))
    huge = space_with(stage, stage, stage, stage, backbone="resnet50")
    assert len(huge) == 64**4
    assert str(next(iter(huge))) == "se1-se1-se1-se1"
    assert huge.index(huge.placement_at(64**4 - 1)) == 64**4 - 1


@pytest.mark.parametrize("index", [-1, 4, 10**30])
def test_an_index_outside_the_space(index: int) -> None:
    space = space_with(parse("none", "eca"), parse("se4", "none"), parse("none"))
    with pytest.raises(IndexError, match="space a has 4 candidates"):
        space.placement_at(index)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("none-none", "has 3 stages", id="too few stages"),
        pytest.param("none-none-none-none", "has 3 stages", id="too many stages"),
        pytest.param("eca-se4-eca", "stage 3 has no eca (only none)", id="a choice of another stage"),
        pytest.param("se32-none-none", "stage 1: se32 leaves no hidden unit", id="a dead reduction"),
    ],
)
def test_a_stranger_is_refused(text: str, says: str) -> None:
    space = space_with(parse("none", "eca"), parse("se4", "none"), parse("none"))
    stranger = Placement.parse(text)
    assert stranger not in space
    for ask in (space.index, space.indices, space.neighbors):
        with pytest.raises(InvalidPlacement) as caught:
            ask(stranger)
        assert says in str(caught.value)
    assert "none-none-none" not in space


@pytest.mark.parametrize(
    ("backbone", "choices", "says"),
    [
        pytest.param(
            "cifar_resnet8",
            [("none", "eca")] * 2,
            "backbone cifar_resnet8 has 3 stages (got 2)",
            id="two stages",
        ),
        pytest.param("cifar_resnet8", [("none", "eca"), (), ("eca",)], "stage 2 has no choice", id="an empty stage"),
        pytest.param("cifar_resnet8", [("none", "se4", "se4")] * 3, "stage 1 lists se4 twice", id="a repeat"),
        pytest.param("cifar_resnet8", [("none",)] * 3, "the only candidate of the space is the plain", id="only plain"),
        pytest.param(
            "cifar_resnet8[width=0.5]",
            [("none", "se16")] * 3,
            "stage 1: se16 leaves no hidden unit (C = 8 channels, r = 16)",
            id="no hidden unit",
        ),
        pytest.param(
            "cifar_resnet8",
            [("none",), ("none", "cbam32.pre"), ("none",)],
            "stage 2: cbam32.pre leaves no hidden unit (C = 16 channels, r = 32)",
            id="no hidden unit on the narrower input of a stage",
        ),
    ],
)
def test_an_invalid_space_cannot_be_built(backbone: str, choices: list[tuple[str, ...]], says: str) -> None:
    with pytest.raises(InvalidSpace) as caught:
        space_with(*(parse(*stage) for stage in choices), backbone=backbone)
    assert says in str(caught.value)


def test_a_space_that_cannot_be_counted_is_refused() -> None:
    stage = residual_stage(0, in_channels=64, channels=64, blocks=1)
    deep = Backbone(
        text="deep",
        stages=(stage,) * 40,
        image_size=8,
        num_classes=10,
        min_image_size=1,
        network="no:network",
        arguments={},
    )
    with pytest.raises(InvalidSpace, match="at most"):
        SearchSpace(name="a", backbone=deep, choices=(parse("none", "eca", "se4"),) * 40, gate=PAPER)


@given(st.sampled_from([choice for choice in CHOICES if choice.ratio]), st.integers(1, 3), st.integers(1, 100))
def test_a_module_has_hidden_units_or_is_refused(choice: StageChoice, stage: int, ratio: int) -> None:
    backbone = describe("cifar_resnet8")
    choice = StageChoice(choice.module, ratio, choice.attachment)
    width = (16, 16, 32, 64)[stage - 1 if choice.attachment == "pre" else stage]
    problem = choice_problem(backbone, choice, stage=stage, init="paper")
    assert (problem is None) == (math.floor(width / ratio) >= 1)


def test_a_placement_given_by_hand_meets_the_same_rule() -> None:
    backbone = describe("cifar_resnet8")
    check_placement(backbone, Placement.parse("se16-se32.parallel-cbam32.pre"), init="paper")
    with pytest.raises(InvalidPlacement, match=r"stage 3: cbam64.pre leaves no hidden unit \(C = 32 channels, r = 64"):
        check_placement(backbone, Placement.parse("none-none-cbam64.pre"), init="paper")
    with pytest.raises(InvalidPlacement, match=r"stage 2: se\[reduced_from=input\]32 leaves no .* \(C = 16 channels"):
        check_placement(backbone, Placement.parse("none-se[reduced_from=input]32-none"), init="paper")
    with pytest.raises(InvalidPlacement, match=r"backbone cifar_resnet8 has 3 stages \(got 4\)"):
        check_placement(backbone, Placement.parse("none-none-none-eca"), init="paper")


def test_the_fingerprint_follows_the_meaning() -> None:
    stages = (parse("none", "eca"),) * 3
    one = space_with(*stages)
    assert one.fingerprint() == SearchSpace(name="b", backbone=one.backbone, choices=stages, gate=PAPER).fingerprint()
    others = [
        space_with(*stages, backbone="cifar_resnet20"),
        space_with(*stages[:2], parse("eca", "none")),
        SearchSpace(name="a", backbone=one.backbone, choices=stages, gate=GateOptions(init="identity")),
        SearchSpace(name="a", backbone=one.backbone, choices=stages, gate=GateOptions(init="paper", min_hidden=8)),
    ]
    assert len({each.fingerprint() for each in [one, *others]}) == 5


def with_variants(*variants: str, backbone: str = "cifar_resnet8") -> SearchSpace:
    choices = (parse("none", "se4"), parse("none", "eca", "se16"), parse("none"))
    others = tuple(map(describe, variants))
    return SearchSpace(name="a", backbone=describe(backbone), choices=choices, gate=PAPER, variants=others)


def test_other_backbones_multiply_the_space() -> None:
    wider, deeper = "cifar_resnet8[width=1.5]", "cifar_resnet20"
    space = with_variants(wider, deeper)
    candidates = list(space)
    assert len(space) == len(set(candidates)) == 3 * 2 * 3
    assert [space.index(candidate) for candidate in candidates] == list(range(len(space)))
    assert [space.placement_at(at) for at in range(len(space))] == candidates
    assert [str(candidate) for candidate in candidates[5:8]] == [
        "se4-se16-none",
        f"none-none-none@{wider}",
        f"none-eca-none@{wider}",
    ]
    assert {space.backbone_of(candidate).text for candidate in candidates} == {"cifar_resnet8", wider, deeper}
    one = Placement.parse(f"se4-none-none@{deeper}")
    assert {str(each) for each in space.neighbors(one)} == {
        "se4-none-none",
        f"se4-none-none@{wider}",
        f"none-none-none@{deeper}",
        f"se4-eca-none@{deeper}",
        f"se4-se16-none@{deeper}",
    }
    assert space.fingerprint() != with_variants(deeper, wider).fingerprint() != with_variants(deeper).fingerprint()
    assert list(space.baselines)[-2:] == [f"plain on {wider}", f"plain on {deeper}"]
    with pytest.raises(InvalidPlacement, match="has no such backbone"):
        space.index(Placement.parse("se4-none-none@cifar_resnet32"))


def test_a_wider_network_may_be_the_only_thing_to_search_for() -> None:
    plain = (parse("none"),) * 3
    variants = (describe("cifar_resnet8[width=1.5]"),)
    space = SearchSpace(name="a", backbone=describe("cifar_resnet8"), choices=plain, gate=PAPER, variants=variants)
    assert [str(candidate) for candidate in space] == ["none-none-none", "none-none-none@cifar_resnet8[width=1.5]"]


def test_granularity_makes_a_choice_a_block() -> None:
    backbone = replace(describe("resnet50"), granularity="block")
    bits = SearchSpace(name="a", backbone=backbone, choices=(parse("none", "se16"),) * 16, gate=PAPER)
    assert len(bits) == 2**16
    placement = bits.placement_at(1)
    assert str(placement) == "-".join(["none"] * 15 + ["se16"])
    assert [unit.sites[0].path for unit in backbone.units][:4] == [
        "stages.0.0",
        "stages.0.1",
        "stages.0.2",
        "stages.1.0",
    ]
    network = build(backbone, placement, gate=PAPER, num_classes=10, in_channels=3, seed=0)
    gated = [unit.sites[0].path for unit in backbone.units if has_gate(network.get_submodule(unit.sites[0].path))]
    assert gated == ["stages.3.2"]
    assert [str(mark).count("eca") for name, mark in bits.baselines.items() if name.startswith("ECA")] == [16, 3]
    with pytest.raises(InvalidPlacement, match=r"backbone resnet50 has 16 blocks \(got 4\)"):
        bits.index(Placement.parse("none-none-none-se16"))
    with pytest.raises(InvalidSpace, match=r"block 1: the blocks of resnet50 do not take exit .*several blocks"):
        SearchSpace(name="a", backbone=backbone, choices=(parse("none", "se4.exit"),) * 16, gate=PAPER)


def has_gate(block: nn.Module) -> bool:
    return any(isinstance(module, Scaled) for module in block.modules())


@pytest.mark.parametrize(
    ("backbone", "choice", "init", "says"),
    [
        pytest.param(
            "vgg11_bn",
            "se16.cross",
            "paper",
            "stage 1: the blocks of vgg11_bn do not take cross (they take serial, parallel",
            id="no shortcut",
        ),
        pytest.param("vgg11_bn", "se16.parallel", "identity", "parallel doubles the output of a block", id="doubled"),
        pytest.param(
            "mobilenet_v2", "eca.parallel", "paper", "do not take parallel (they take serial, pre, inner", id="half"
        ),
        pytest.param("bn_inception", "eca.pre", "paper", "do not take pre (they take serial, parallel", id="inception"),
        pytest.param("resnet18", "native", "paper", "resnet18 has no native attention there", id="no native attention"),
        pytest.param("densenet_bc100_12", "sk16.kernel", "paper", "do not take kernel", id="no single 3x3"),
    ],
)
def test_what_a_backbone_cannot_take_is_refused_by_name_with_what_it_can(
    backbone: str, choice: str, init: Init, says: str
) -> None:
    described = describe(backbone)
    placement = Placement.uniform(StageChoice.parse(choice), len(described.units))
    with pytest.raises(InvalidPlacement) as caught:
        check_placement(described, placement, init=init)
    assert says in str(caught.value)


def test_a_space_is_made_from_texts() -> None:
    stages = [["none", "se4"], ["none"], ["none", "eca.parallel"]]
    made = SearchSpace.from_choices("cifar_resnet8", stages, init="identity", min_hidden=8)
    assert [str(placement) for placement in made] == [
        "none-none-none",
        "none-none-eca.parallel",
        "se4-none-none",
        "se4-none-eca.parallel",
    ]
    assert made.gate == GateOptions(init="identity", min_hidden=8)
    everywhere = SearchSpace.from_choices(describe("cifar_resnet8"), ["none", "eca"], init="paper")
    assert everywhere.choices == (parse("none", "eca"),) * 3


@pytest.mark.parametrize(
    ("choices", "kind", "message"),
    [
        (["none", "se"], InvalidPlacement, "se needs a reduction ratio"),
        ([["none"], ["eca"]], InvalidSpace, r"has 3 stages \(got 2\)"),
        ([], InvalidSpace, r"has 3 stages \(got 0\)"),
        (["none", ["eca"]], InvalidSpace, "choices are texts, the same for every stage, or one sequence"),
        (["none", "se64"], InvalidSpace, "se64 leaves no hidden unit"),
    ],
)
def test_texts_that_make_no_space_are_refused(choices, kind, message) -> None:
    with pytest.raises(kind, match=message):
        SearchSpace.from_choices("cifar_resnet8", choices, init="paper")
