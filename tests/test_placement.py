import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seplace import placement
from seplace.attachments import ATTACHMENTS
from seplace.attention import ATTENTION
from seplace.attention.entry import NAME, AttentionEntry
from seplace.errors import InputError, InvalidPlacement
from seplace.placement import Placement, StageChoice, canonical_module


@st.composite
def stage_choices(draw: st.DrawFn) -> StageChoice:
    module = draw(st.sampled_from([*ATTENTION, "my_package.gates:Gate"]))
    if module in ("none", "native"):
        return StageChoice(module)
    entry = ATTENTION.entry(module)
    ratio = draw(st.integers(1, 4096)) if entry.takes_ratio else None
    attachments = entry.attachments or [name for name in ATTACHMENTS if ATTACHMENTS.entry(name).takes_gates]
    options = []
    for key, values in sorted(entry.options.items()):
        value = draw(st.sampled_from(values)) if values else draw(st.integers(1, 99))
        if not values or value != values[0]:
            options.append(f"{key}={value}")
    text = canonical_module(f"{module}[{','.join(options)}]") if options else module
    return StageChoice(text, ratio, draw(st.sampled_from(list(attachments))))


placements = st.lists(stage_choices(), min_size=1, max_size=6).map(lambda choices: Placement(tuple(choices)))


@given(placements)
def test_text_and_value_are_one(placement: Placement) -> None:
    assert Placement.parse(str(placement)) == placement


@given(placements, placements)
def test_two_placements_have_two_texts(one: Placement, other: Placement) -> None:
    assert (str(one) == str(other)) == (one == other)


@given(st.text(alphabet="nonesecabm.-:_ 0123456789١", max_size=30))
def test_a_text_is_canonical_or_refused(text: str) -> None:
    try:
        placement = Placement.parse(text)
    except InvalidPlacement:
        return
    assert str(placement) == text


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        pytest.param("none-eca16-none", "eca", id="eca has no ratio"),
        pytest.param("none.parallel-none-none", "none", id="nothing cannot be attached"),
        pytest.param("none4-none-none", "none", id="nothing has no ratio"),
        pytest.param("none4.parallel-none-none", "none", id="neither ratio nor attachment"),
        pytest.param("se16.serial-none-none", "se16", id="serial is not written"),
        pytest.param("eca.serial-none-none", "eca", id="serial is not written without a ratio either"),
        pytest.param("se016-none-none", "se16", id="no leading zeros"),
        pytest.param("eca8.parallel-none-none", "eca.parallel", id="the attachment stays"),
        pytest.param("cbam١٦-none-none", "cbam16", id="digits of another script"),
        pytest.param("se[]16-none-none", "se16", id="no options"),
        pytest.param("se[squeeze=avg]16-none-none", "se16", id="an option at its default"),
        pytest.param("se[squeeze=max,bias=yes]16-none-none", r"se\[bias=yes,squeeze=max\]16", id="options are sorted"),
        pytest.param(
            "cbam[kernel=3,order=parallel,pools=avg,spatial=no]16-none-none",
            r"cbam\[pools=avg,spatial=no\]16",
            id="no option of a gate that is left out",
        ),
        pytest.param("gc.parallel-none-none", "gc16", id="what is missing too is in the proposal"),
        pytest.param("gc16.parallel-none-none", "gc16", id="an additive module has one attachment"),
        pytest.param("native.inner-none-none", "native", id="the network knows where"),
    ],
)
def test_another_spelling_is_refused_with_the_canonical_one(text: str, canonical: str) -> None:
    with pytest.raises(InvalidPlacement, match=f"write '{canonical}'$"):
        Placement.parse(text)


@given(stage_choices(), st.randoms(use_true_random=False), st.sampled_from(["", "4", "016"]))
def test_what_is_proposed_is_taken(choice: StageChoice, random: Random, ratio: str) -> None:
    """Also where several things are wrong: options in another order, and a ratio that is missing or too much."""
    options = [f"{key}={value}" for key, value in choice.options.items()]
    random.shuffle(options)
    text = f"{choice.name}[{','.join(options)}]{ratio}.{random.choice(list(ATTACHMENTS))}"
    try:
        StageChoice.parse(text)
    except InvalidPlacement as error:
        proposed = re.search(r"(?:write '(.*)'|such as (.*))$", str(error))
        if proposed is not None:
            StageChoice.parse(proposed[1] or proposed[2])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("", "stage 1: '' is not", id="empty"),
        pytest.param("none--none", "stage 2: '' is not", id="an empty stage"),
        pytest.param("none-", "stage 2: '' is not", id="a trailing line"),
        pytest.param("none-none\n", "stage 2", id="a trailing line feed"),
        pytest.param("NONE", "'NONE' is not", id="capitals"),
        pytest.param("none-se", "stage 2: se: se needs a reduction ratio", id="no ratio"),
        pytest.param("se0", "at least 1", id="ratio 0"),
        pytest.param("se-4", "stage 1: se: se needs", id="a negative ratio is two stages"),
        pytest.param("cba8", "unknown attention module 'cba'. Did you mean 'cbam'", id="unknown module"),
        pytest.param("se8.serie", "unknown attachment 'serie'. Did you mean 'serial'", id="unknown attachment"),
        pytest.param("se8.", "is not a stage's choice", id="an attachment without its name"),
        pytest.param("../../etc/passwd", "is not a stage's choice", id="a path"),
        pytest.param("se[sqeeze=max]4", "unknown option 'sqeeze'. Did you mean 'squeeze'", id="unknown option"),
        pytest.param("sge[squeeze=max]", "unknown option 'squeeze' (known: none)", id="no options at all"),
        pytest.param("se[squeeze=mean]4", "squeeze is one of avg, max, pyramid, none (got 'mean')", id="unknown value"),
        pytest.param("ge[map_size=0]", "map_size is a whole number of at least 1 (got '0')", id="not a number"),
        pytest.param("se[squeeze=max", "is not a stage's choice", id="an open bracket"),
    ],
)
def test_what_is_no_placement_is_refused_with_its_stage(text: str, says: str) -> None:
    with pytest.raises(InvalidPlacement, match=r"stage \d: ") as caught:
        Placement.parse(text)
    assert says in str(caught.value)
    assert repr(text) in str(caught.value)
    assert isinstance(caught.value, InputError)
    assert caught.value.exit_code == 2


def test_illegal_values_cannot_be_built() -> None:
    for arguments in [("se",), ("eca", 4), ("none", None, "parallel"), ("se", 0), ("se", -4), ("sea", 4)]:
        with pytest.raises(InvalidPlacement):
            StageChoice(*arguments)
    with pytest.raises(InvalidPlacement, match="at least one stage"):
        Placement(())


def test_plain_and_uniform() -> None:
    plain = Placement.uniform(StageChoice(), 3)
    assert (str(plain), len(plain), plain.is_plain) == ("none-none-none", 3, True)
    assert not Placement.parse("none-eca-none").is_plain
    assert str(Placement.uniform(StageChoice("se", 16, "cross"), 2)) == "se16.cross-se16.cross"


def test_a_name_may_hold_digits_where_the_text_stays_unambiguous() -> None:
    problem = AttentionEntry.name_problem
    assert [problem(name) for name in ("se", "a2net", "s2_", "x", "_2d")] == [None] * 5
    assert problem("se2") == "a placement reads se2 as se with ratio 2; let the name end in a letter"
    rule = "a name is made of lower-case letters, digits and _, and begins and ends with a letter or _"
    assert {problem(name) for name in ("2se", "Se", "s-e", "s.e", "16", "s:e")} == {rule}


@given(st.from_regex(NAME, fullmatch=True), st.integers(1, 999_999) | st.none())
def test_a_name_and_a_ratio_are_told_apart(name: str, ratio: int | None) -> None:
    match = placement._CHOICE.fullmatch(f"{name}{'' if ratio is None else ratio}")
    assert match is not None
    assert match.group("module", "ratio") == (name, None if ratio is None else str(ratio))
