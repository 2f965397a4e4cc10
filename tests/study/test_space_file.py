from pathlib import Path

import pytest

from seplace.attachments import ATTACHMENTS
from seplace.attention import ATTENTION
from seplace.attention.options import GateOptions
from seplace.errors import InvalidStudy
from seplace.files.shipped import shipped
from seplace.placement import Placement, StageChoice
from seplace.study.space_file import load_space
from tests.spaces import parse

MODULES = ", ".join(ATTENTION)
HEAD = "schema: 1\nbackbone: cifar_resnet8\ngate: {init: paper}\n"


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("digits-resnet8", (1 + (1 + 1 + 1) * 2) ** 3),
        ("cifar-resnet8", (1 + (3 + 3 + 1) * 2) ** 3),
        ("cifar-resnet20", (1 + (3 + 3 + 1) * 3) ** 3),
        ("cifar-resnet8-or-wider", 3 * 4**3),
        ("cifar-resnet20-or-wider", 4 * (1 + 4) ** 3),
        ("mobilenet-v3-large", 4**2 * 5**3),
        ("resnet50", (1 + (4 + 4 + 1) * 2) ** 4),
        ("resnet50-blocks", 2**16),
        ("positive-control", 4**3),
        ("negative-control", 4**3),
        ("cifar-resnet8-table", 5**3),
        ("digits-ablation", (1 + 3 + 8) ** 3),
        ("digits-canvas", 4**3),
        ("cifar-ablation", (1 + 4 + 8) ** 3),
    ],
)
def test_shipped_spaces(name: str, size: int) -> None:
    space = load_space(name)
    assert (space.name, len(space)) == (name, size)
    plain = Placement.uniform(StageChoice(), len(space.choices))
    assert plain in space
    assert space.index(plain) == 0
    assert f"{size:,} placements" in shipped("search_spaces")[name].read_text()


def problems_of(folder: Path, text: str) -> list[str]:
    path = folder / "a.yaml"
    path.write_text(text)
    with pytest.raises(InvalidStudy) as caught:
        load_space(path)
    return str(caught.value).replace(f"{path}:", "").splitlines()


def test_choices_are_canonical_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"{HEAD}choices: {{modules: [eca, none, se], ratios: [8, 4], attachments: [cross, serial]}}\n")
    listed = ["eca.cross", "eca", "none", "se8.cross", "se8", "se4.cross", "se4"]
    assert load_space(str(path)).choices == (parse(*listed),) * 3


def test_each_stage_may_have_its_own_choices(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    own = "{modules: [eca, 'seplace.attention.ese:ESE']}"
    stages = f"stages: [{{modules: [none]}}, {{modules: [none, se], ratios: [4]}}, {own}]\n"
    path.write_text(HEAD.replace("paper", "identity, min_hidden: 2") + stages)
    space = load_space(path)
    assert space.choices == (parse("none"), parse("none", "se4"), parse("eca", "seplace.attention.ese:ESE"))
    assert space.gate == GateOptions(init="identity", min_hidden=2)


def test_a_file_may_name_other_backbones_and_a_granularity(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        f"{HEAD}variants: ['cifar_resnet8[width=1.25]', cifar_resnet8]\nchoices: {{modules: [none, eca]}}\n"
    )
    with pytest.raises(InvalidStudy, match=r"4:11: variants: backbone cifar_resnet8 is listed twice"):
        load_space(path)
    path.write_text(f"{HEAD}variants: [resnet18, cifar_resnet9]\nchoices: {{modules: [none, eca]}}\n")
    with pytest.raises(InvalidStudy, match=r"4:22: variants\[2\]: unknown backbone.*Did you mean 'cifar_resnet8'"):
        load_space(path)
    path.write_text(f"{HEAD}variants: [resnet18]\nchoices: {{modules: [none, eca]}}\n")
    with pytest.raises(InvalidStudy, match=r"4:11: variants: backbone resnet18 has 4 stages, cifar_resnet8 3"):
        load_space(path)
    path.write_text(f"{HEAD}variants: ['cifar_resnet8[width=0.5]']\nchoices: {{modules: [none, se], ratios: [16]}}\n")
    with pytest.raises(InvalidStudy, match=r"variants: backbone cifar_resnet8\[width=0.5\]: stage 1: se16 leaves no"):
        load_space(path)
    path.write_text(f"{HEAD}variants: [cifar_resnet14]\ngranularity: block\nchoices: {{modules: [none, eca]}}\n")
    with pytest.raises(InvalidStudy, match=r"variants: backbone cifar_resnet14 has 6 blocks, cifar_resnet8 3"):
        load_space(path)
    path.write_text(f"{HEAD}granularity: block\nchoices: {{modules: [none, eca]}}\n".replace("resnet8", "resnet14"))
    assert len(load_space(path)) == 2**6


def test_modules_of_a_file_may_have_options_and_attachments_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    modules = "[none, 'se[squeeze=max]', gc, sk, eca]"
    path.write_text(f"{HEAD}choices: {{modules: {modules}, ratios: [4], attachments: [inner, post]}}\n")
    listed = ["none", "se[squeeze=max]4.inner", "se[squeeze=max]4.post", "gc4", "sk4.kernel", "eca.inner", "eca.post"]
    assert load_space(path).choices == (parse(*listed),) * 3


def test_the_spelling_that_is_proposed_for_a_module_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"{HEAD}choices: {{modules: [none, 'se[squeeze=max,bias=yes]'], ratios: [4]}}\n")
    with pytest.raises(InvalidStudy, match=r"modules\[2\]: write 'se\[bias=yes,squeeze=max\]' \(got "):
        load_space(path)
    path.write_text(f"{HEAD}choices: {{modules: [none, 'se[bias=yes,squeeze=max]'], ratios: [4]}}\n")
    assert load_space(path).choices[0][1] == StageChoice("se[bias=yes,squeeze=max]", 4)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            "choices: {modules: [none, 'se[sqeeze=max]'], ratios: [4]}\n",
            [
                "4:27: choices.modules[2]: se: unknown option 'sqeeze'. Did you mean 'squeeze'? "
                "(known: squeeze, excitation, bias, activation, "
                "reduced_from) (got 'se[sqeeze=max]')"
            ],
            id="unknown option",
        ),
        pytest.param(
            "choices: {modules: [none, eca], attachments: [serial, exit, kernel]}\n",
            [
                "4:55: choices.attachments[2]: "
                + "; ".join(
                    f"stage {number}: the blocks of cifar_resnet8 do not take exit (they take serial, parallel, cross, "
                    "pre, post, inner, kernel; exit is for stages of several blocks)"
                    for number in (1, 2, 3)
                ),
                "4:61: choices.attachments[3]: comes with its module; list attachments of gates only (got 'kernel')",
            ],
            id="an attachment that the blocks do not take, and one that is no gate's",
        ),
        pytest.param(
            "",
            ["1:1: choices: is missing; write choices, the same for every stage, or stages, one entry a stage"],
            id="neither choices nor stages",
        ),
        pytest.param(
            "choices: {modules: [eca]}\nstages: []\n",
            [
                "5:1: stages: write either choices, the same for every stage, or stages, one entry a stage, not both",
                "5:9: stages: must not be empty (got an empty list)",
            ],
            id="both, one of them empty",
        ),
        pytest.param(
            "stages: [{modules: [eca]}, {modules: [none]}]\n",
            ["4:9: stages: backbone cifar_resnet8 has 3 stages, so write that many entries (got 2)"],
            id="wrong number of stages",
        ),
        pytest.param(
            "choices: {modules: [none, sse, eca], ratios: [4]}\n",
            [f"4:27: choices.modules[2]: unknown attention module; known: {MODULES} (got 'sse'). Did you mean 'se'?"],
            id="unknown module",
        ),
        pytest.param(
            "choices: {modules: [eca], attachments: [serial, paralel]}\n",
            [
                f"4:49: choices.attachments[2]: unknown attachment; known: {', '.join(ATTACHMENTS)} "
                "(got 'paralel'). Did you mean 'parallel'?"
            ],
            id="unknown attachment",
        ),
        pytest.param(
            "choices: {modules: []}\n",
            ["4:20: choices.modules: must not be empty (got an empty list)"],
            id="no module",
        ),
        pytest.param(
            "choices: {modules: [se, eca]}\n",
            ["4:10: choices.ratios: is missing; se needs reduction ratios, such as [4, 8, 16]"],
            id="no ratios",
        ),
        pytest.param(
            "choices: {modules: [none, eca], ratios: [4]}\n",
            ["4:33: choices.ratios: none of none, eca has a reduction ratio; leave ratios out"],
            id="ratios of nothing",
        ),
        pytest.param(
            "choices: {modules: [se], ratios: []}\n",
            ["4:34: choices.ratios: must not be empty (got an empty list)"],
            id="empty ratios",
        ),
        pytest.param(
            "choices: {modules: [se], ratios: [4, 0, true, '8', 4, 2.0]}\n",
            [
                "4:38: choices.ratios[2]: must be at least 1 (got 0)",
                "4:41: choices.ratios[3]: must be a whole number (got true)",
                "4:47: choices.ratios[4]: must be a whole number, without quotes (got '8')",
                "4:52: choices.ratios[5]: is listed twice (got 4)",
                "4:55: choices.ratios[6]: must be a whole number (got 2.0)",
            ],
            id="ratios of every wrong kind",
        ),
        pytest.param(
            "choices: {modules: [eca, eca], attachments: [cross, cross]}\n",
            [
                "4:26: choices.modules[2]: is listed twice (got 'eca')",
                "4:53: choices.attachments[2]: is listed twice (got 'cross')",
            ],
            id="repeats",
        ),
        pytest.param(
            "choices: {modules: [none]}\n",
            ["4:10: choices: the only candidate of the space is the plain backbone; nothing can be searched"],
            id="only the plain backbone",
        ),
        pytest.param(
            "choices: {modules: [none, se, cbam], ratios: [4, 32], attachments: [serial, cross]}\n",
            ["4:50: choices.ratios[2]: stage 1: se32 leaves no hidden unit (C = 16 channels, r = 32)"],
            id="a ratio above the width of one stage, reported once",
        ),
        pytest.param(
            "choices: {modules: [se], ratios: [64], attachments: [pre]}\n",
            [
                "4:35: choices.ratios[1]: stage 1: se64.pre leaves no hidden unit (C = 16 channels, r = 64); "
                "stage 2: se64.pre leaves no hidden unit (C = 16 channels, r = 64); "
                "stage 3: se64.pre leaves no hidden unit (C = 32 channels, r = 64)"
            ],
            id="a ratio above the width of every stage's input",
        ),
        pytest.param(
            "stages:\n- {modules: [se], ratios: [32]}\n- {modules: [see]}\n- {modules: [cbam], ratios: [128]}\n",
            [
                "5:28: stages[1].ratios[1]: stage 1: se32 leaves no hidden unit (C = 16 channels, r = 32)",
                f"6:14: stages[2].modules[1]: unknown attention module; known: {MODULES} "
                "(got 'see'). "
                "Did you mean 'se'?",
                "7:30: stages[3].ratios[1]: stage 3: cbam128 leaves no hidden unit (C = 64 channels, r = 128)",
            ],
            id="mistakes in several stages",
        ),
        pytest.param(
            "choices: {modules: ['my.gates:Gate2']}\n",
            [
                "4:21: choices.modules[1]: this attention module cannot be written in the text of a placement: "
                "let its name end in a letter, since a ratio may follow it (got 'my.gates:Gate2')"
            ],
            id="an import path that ends in what looks like a ratio",
        ),
        pytest.param(
            "choices: {modules: [eca], ratio: [4]}\n",
            ["4:27: choices.ratio: unknown key. Did you mean 'ratios'?"],
            id="unknown key",
        ),
        pytest.param(
            "stages: [{modules: [eca], ratio: [4]}, {modules: [none]}, {}]\n",
            [
                "4:27: stages[1].ratio: unknown key. Did you mean 'ratios'?",
                "4:59: stages[3].modules: is missing and required",
            ],
            id="unknown and missing key of a stage",
        ),
        pytest.param(
            "choices: {modules: [eca]}\nzzz: x\nzzz: y\n",
            ["5:1: zzz: unknown key", "6:1: zzz: duplicate key, first written on line 5"],
            id="an unknown key twice",
        ),
    ],
)
def test_a_bad_file_lists_all_that_is_wrong(body: str, expected: list[str], tmp_path: Path) -> None:
    assert problems_of(tmp_path, HEAD + body) == expected


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        pytest.param(
            "backbone: resnet51\ngate: {init: paper}\n",
            "2:11: backbone: unknown backbone; known: ",
            id="unknown backbone",
        ),
        pytest.param(
            "backbone: cifar_resnet8[with=2]\ngate: {init: paper}\n",
            "2:11: backbone: backbone cifar_resnet8: unknown option 'with=2'. Did you mean 'width'?",
            id="unknown option",
        ),
        pytest.param(
            "backbone: cifar_resnet8[width=1]\ngate: {init: paper}\n",
            "2:11: backbone: backbone 'cifar_resnet8[width=1]': write 'cifar_resnet8'",
            id="not canonical",
        ),
        pytest.param(
            "backbone: no.module:net\ngate: {init: paper}\n",
            "2:11: backbone: backbone 'no.module:net': no module named 'no' can be imported",
            id="a module that is not there",
        ),
        pytest.param("backbone: 8\ngate: {init: paper}\n", "2:11: backbone: must be text (got 8)", id="a number"),
        pytest.param("backbone: cifar_resnet8\ngate: {}\n", "3:7: gate.init: is missing and required", id="no init"),
        pytest.param(
            "backbone: cifar_resnet8\ngate: {init: papers}\n",
            "3:14: gate.init: must be one of paper, identity (got 'papers'). Did you mean 'paper'?",
            id="unknown init",
        ),
        pytest.param(
            "backbone: cifar_resnet8\ngate: {init: paper, min_hidden: 0}\n",
            "3:33: gate.min_hidden: must be at least 1 (got 0)",
            id="no hidden unit at all",
        ),
        pytest.param("gate: {init: paper}\n", "1:1: backbone: is missing and required", id="no backbone"),
    ],
)
def test_a_bad_head_is_located(head: str, expected: str, tmp_path: Path) -> None:
    problems = problems_of(tmp_path, f"schema: 1\n{head}choices: {{modules: [none, eca]}}\n")
    assert len(problems) == 1
    assert problems[0].startswith(expected)


def test_the_file_needs_a_valid_name(tmp_path: Path) -> None:
    path = tmp_path / "a space.yaml"
    path.write_text(f"{HEAD}choices: {{modules: [none, eca]}}\n")
    with pytest.raises(
        InvalidStudy, match=r"a space.yaml: the name of a space is that of its file: .* \(got 'a space'\)"
    ):
        load_space(path)


def test_further_choices_are_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    further = 'further: [se8, "se[squeeze=max]4", se4.pre]'
    path.write_text(f"{HEAD}choices: {{modules: [none, se], ratios: [4], {further}}}\n")
    assert load_space(path).choices == (parse("none", "se4", "se8", "se[squeeze=max]4", "se4.pre"),) * 3


@pytest.mark.parametrize(
    ("further", "problem"),
    [
        ("se4", "is among the choices of modules, ratios and attachments (got 'se4')"),
        ("se", "se: se needs a reduction ratio, such as se16"),
        ("se64", "stage 1: se64 leaves no hidden unit (C = 16 channels, r = 64)"),
        ("se4.kernel", "se4.kernel: se is a gate, and kernel takes none"),
    ],
)
def test_a_further_choice_that_cannot_stand_is_located(tmp_path: Path, further: str, problem: str) -> None:
    (first, *_) = problems_of(tmp_path, f"{HEAD}choices: {{modules: [none, se], ratios: [4], further: [{further}]}}\n")
    assert problem in first
    assert first.startswith("4:55: choices.further[1]: ")
