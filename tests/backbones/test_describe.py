import sys
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seplace.backbones.backbone import Backbone, canonical_text
from seplace.backbones.describe import describe
from seplace.backbones.sites import residual_stage
from seplace.errors import InputError, UnknownName


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("cifar_resnet8[depth=3]", "unknown option 'depth=3'", id="no such option"),
        pytest.param("cifar_resnet8[depth=3]", r"\(known: shortcut, width\)", id="the options are listed"),
        pytest.param("cifar_resnet8[widht=0.5]", "Did you mean 'width'", id="a misspelt option"),
        pytest.param("resnet18[shortcut=B]", r"unknown option 'shortcut=B'.*\(known: width\)", id="another's"),
        pytest.param("cifar_resnet8[width]", "unknown option 'width'", id="no value"),
        pytest.param("cifar_resnet8[width=]", "option width takes a float .got ''", id="an empty value"),
        pytest.param("cifar_resnet8[width=wide]", "option width takes a float .got 'wide'", id="not a number"),
        pytest.param("cifar_resnet8[width=0]", "over 0 and at most 64, got 0", id="no width"),
        pytest.param("cifar_resnet8[width=-1]", "over 0 and at most 64, got -1", id="a negative width"),
        pytest.param("resnet18[width=65]", "over 0 and at most 64, got 65", id="too wide"),
        pytest.param("resnet18[width=nan]", "over 0 and at most 64, got nan", id="not a width"),
        pytest.param("resnet18[width=inf]", "over 0 and at most 64, got inf", id="an endless width"),
        pytest.param("cifar_resnet8[shortcut=C]", "shortcut is A .* or B .*, got 'C'", id="no such shortcut"),
        pytest.param("cifar_resnet8[shortcut=b]", "shortcut is A .* or B .*, got 'b'", id="case matters"),
        pytest.param("cifar_resnet8 ", "write a name, or a name with options", id="a space"),
        pytest.param("cifar_resnet8[width=0.5", "write a name, or a name with options", id="left open"),
        pytest.param("[width=0.5]", "write a name, or a name with options", id="no name"),
        pytest.param("", "write a name, or a name with options", id="nothing"),
        pytest.param("cifar_resnet8[ width=0.5]", "unknown option ' width=0.5'", id="a space before an option"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        describe(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        pytest.param("cifar_resnet8[width=0.5,shortcut=B]", "cifar_resnet8[shortcut=B,width=0.5]", id="not sorted"),
        pytest.param("cifar_resnet8[shortcut=A]", "cifar_resnet8", id="a default"),
        pytest.param("cifar_resnet8[width=1.0]", "cifar_resnet8", id="a default number"),
        pytest.param("cifar_resnet8[shortcut=B,width=1]", "cifar_resnet8[shortcut=B]", id="a default beside another"),
        pytest.param("cifar_resnet8[]", "cifar_resnet8", id="no options"),
        pytest.param("cifar_resnet8[width=0.5,]", "cifar_resnet8[width=0.5]", id="a comma too many"),
        pytest.param("cifar_resnet8[width=0.50]", "cifar_resnet8[width=0.5]", id="a zero too many"),
        pytest.param("cifar_resnet8[width=.5]", "cifar_resnet8[width=0.5]", id="a zero too few"),
        pytest.param("cifar_resnet8[width= 0.5]", "cifar_resnet8[width=0.5]", id="a space"),
        pytest.param("cifar_resnet8[width=2,width=0.5]", "cifar_resnet8[width=0.5]", id="twice"),
        pytest.param("cifar_resnet8[width=0.5,width=0.5]", "cifar_resnet8[width=0.5]", id="twice the same"),
        pytest.param("resnet18[width=1/1]", None, id="not a literal"),
    ],
)
def test_another_spelling_is_refused_with_the_canonical_one(text: str, canonical: str | None) -> None:
    with pytest.raises(InputError) as caught:
        describe(text)
    if canonical is not None:
        assert str(caught.value) == f"backbone {text!r}: write {canonical!r}"
        assert describe(canonical).text == canonical


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"unknown backbone 'resnet17'. Did you mean 'resnet18'?"):
        describe("resnet17")


@given(st.sampled_from("AB"), st.integers(1, 6400))
def test_text_and_value_are_one(shortcut: str, hundredths: int) -> None:
    options = {"shortcut": shortcut, "width": hundredths / 100}
    from seplace.backbones.cifar_resnet import cifar_resnet8

    backbone = cifar_resnet8(**options)
    assert backbone.text == canonical_text("cifar_resnet8", options, cifar_resnet8)
    assert describe(backbone.text) == backbone


@given(st.sampled_from([("cifar_resnet8", 1), ("resnet18", 1), ("resnet50", 4)]), st.integers(1, 400))
def test_a_width_scales_every_stage(network: tuple[str, int], hundredths: int) -> None:
    name, expansion = network
    plain, scaled = (
        describe(name),
        describe(name if hundredths == 100 else f"{name}[width={hundredths / 100:g}]"),
    )
    for stage, wider in zip(plain.stages, scaled.stages, strict=True):
        exact = stage.channels * hundredths / 100
        assert abs(wider.channels - exact) <= expansion / 2 or exact < wider.channels == expansion
        assert [site.path for site in wider.sites] == [site.path for site in stage.sites]


def test_a_users_own_backbone_needs_no_registration(monkeypatch) -> None:
    def tiny(*, depth: int = 2) -> Backbone:
        return Backbone(
            text=canonical_text("my_networks:tiny", {"depth": depth}, tiny),
            stages=(residual_stage(0, in_channels=4, channels=4, blocks=depth, inner=4),),
            image_size=8,
            num_classes=2,
            min_image_size=1,
            network="seplace.backbones.networks.resnet:CifarResNetA",
            arguments={"stem_channels": 4, "widths": (4,), "blocks": (depth,)},
        )

    module = ModuleType("my_networks")
    module.tiny = tiny
    monkeypatch.setitem(sys.modules, "my_networks", module)
    assert describe("my_networks:tiny").stages[0].sites[1].path == "stages.0.1"
    backbone = describe("my_networks:tiny[depth=3]")
    assert len(backbone.build(num_classes=2).stages[0]) == 3
    with pytest.raises(InputError, match=r"option depth takes a int .got '2\.5'"):
        describe("my_networks:tiny[depth=2.5]")
