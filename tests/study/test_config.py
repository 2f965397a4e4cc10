import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seplace.attention import ATTENTION
from seplace.backbones.sites import Site, Stage
from seplace.errors import CorruptResults, DataError, InputError, InvalidStudy, UnknownName
from seplace.study.config import StudyConfig, load_results_study, load_study
from seplace.study.differences import differences
from seplace.study.space_record import space_record
from tests.study_texts import STUDY, TINY_SPACE, problems_of, replaced, write


def test_what_is_read_is_frozen(tmp_path: Path) -> None:
    config = load_study(write(tmp_path, STUDY))
    with pytest.raises(ValueError, match="frozen"):
        config.training.epochs = 4  # type: ignore[misc]
    with pytest.raises(AttributeError):
        config.name = "b"  # type: ignore[misc]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"a: [", b"a: &a [*a]", b"schema: !!python/name:os.system x"])
def test_a_hostile_study_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    assert problems_of(path)


def test_a_study_needs_a_valid_name(tmp_path: Path) -> None:
    assert problems_of(write(tmp_path, STUDY, "my study.yaml")) == [
        "my study.yaml: the name of a study is that of its file: letters, digits, _, . and - (got 'my study')"
    ]


def test_an_unknown_shipped_study() -> None:
    with pytest.raises(UnknownName, match="unknown study 'no-such-study'"):
        load_study("no-such-study")


def test_problems_of_both_files_are_reported_at_once(tmp_path: Path) -> None:
    write(tmp_path, TINY_SPACE.replace("[8]", "[128]").replace("[none, eca]", "[none, eva]"), "tiny.yaml")
    text = replaced("digits-resnet8", "./tiny.yaml").replace("epochs: 3", "epochs: 0")
    assert problems_of(write(tmp_path, text)) == [
        "a.yaml:7:11: training.epochs: must be at least 1 (got 0)",
        f"tiny.yaml:4:27: stages[1].modules[2]: unknown attention module; known: {', '.join(ATTENTION)} "
        "(got 'eva'). "
        "Did you mean 'eca'?",
        "tiny.yaml:4:84: stages[3].ratios[1]: stage 3: se128 leaves no hidden unit (C = 64 channels, r = 128)",
    ]


def test_eight_mistakes_are_eight_problems_and_torch_stays_out(tmp_path: Path) -> None:
    text = STUDY
    for old, new in [
        ("digits-resnet8", "digits-resnet9"),
        ("name: digits", "name: digts"),
        ("validation_images: 400", "validation_images: '400'"),
        ("epochs: 3", "epochs: 3\n  epochs: 4"),
        ("batch_size: 64", "batch_size: 64\n  nesterof: true"),
        ("0.1", ".nan"),
        ("cost: flops", "cost: flop"),
        ("trainings: 60", "trainings: 60\n  hours: 2"),
    ]:
        assert text.count(old) == 1
        text = text.replace(old, new)
    path = write(tmp_path, text)
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from seplace.study.config import load_study\n"
        "from seplace.errors import InvalidStudy\n"
        "try:\n"
        "    load_study(Path(sys.argv[1]))\n"
        "except InvalidStudy as error:\n"
        "    print(error)\n"
        "heavy = {'torch', 'lightning', 'pytorch_lightning', 'optuna', 'fvcore', 'pandas', 'matplotlib'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    lines = [line.removeprefix(f"{path}:") for line in done.stdout.splitlines()]
    assert [line.split()[:2] for line in lines] == [
        ["2:8:", "space:"],
        ["4:9:", "data.name:"],
        ["5:22:", "data.validation_images:"],
        ["8:3:", "training.epochs:"],
        ["10:3:", "training.nesterof:"],
        ["11:18:", "training.learning_rate:"],
        ["16:9:", "objective.cost:"],
        ["20:3:", "search.hours:"],
    ]


def fingerprint_of(folder: Path, *changes: tuple[str, str]) -> dict[str, Any]:
    text = STUDY
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    return load_study(write(folder, text)).fingerprint()


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        pytest.param("epochs: 3", "epochs: 5", ["training.epochs: 3 -> 5"], id="recipe"),
        pytest.param("  seed: 0", "  seed: 1", ["search.seed: 0 -> 1"], id="seed"),
        pytest.param("nsga2", "random", ['search.sampler: "nsga2" -> "random"'], id="sampler"),
        pytest.param("  sampler: nsga2\n", "", ['search.sampler: "nsga2" -> "effects"'], id="the default sampler"),
        pytest.param("  seed: 0", "  seed: 0\n  proxies: [naswot]", ['search.proxies: [] -> ["naswot"]'], id="proxies"),
        pytest.param("name: digits", "name: digits\n  noise: 0.5", ["data.noise: 0.0 -> 0.5"], id="data"),
        pytest.param(
            "cost: flops",
            "cost: flops\n  limits: {macs: 3}",
            ["objective.limits.macs: absent -> 3.0"],
            id="a limit",
        ),
        pytest.param("name: digits", "name: digits\n  noise: 0", [], id="a default written out"),
        pytest.param("  seed: 0", "  seed: 0\n  rungs: []", [], id="no rungs written out"),
        pytest.param("  seed: 0", "  seed: 0\n  rungs: [1, 2]", ["search.rungs: [] -> [1, 2]"], id="rungs"),
        pytest.param(
            "objective:",
            "evaluator: {name: tabular, folder: a}\nobjective:",
            ['evaluator.folder: null -> "a"', 'evaluator.name: "stand_alone" -> "tabular"'],
            id="evaluator",
        ),
        pytest.param("objective:", "evaluator: {name: stand_alone}\nobjective:", [], id="the usual evaluator"),
        pytest.param("trainings: 60", "trainings: 90", [], id="a larger budget"),
        pytest.param("trainings: 60", "hours: 1", [], id="a budget of time"),
        pytest.param("name: digits", "name: digits\n  root: elsewhere", [], id="data moved"),
        pytest.param("  seed: 0", "  seed: 0\nconfirm: {seeds: 3, trainings: 2}", [], id="confirmation"),
        pytest.param("  seed: 0", "  seed: 0\nrun: {workers: 2}", [], id="another place to run"),
        pytest.param("schema: 1", "# a note\nschema: 1", [], id="a comment"),
    ],
)
def test_the_fingerprint_follows_the_meaning(old: str, new: str, lines: list[str], tmp_path: Path) -> None:
    before = json.loads(json.dumps(fingerprint_of(tmp_path), allow_nan=False))
    assert differences(before, fingerprint_of(tmp_path, (old, new))) == lines


def test_an_option_that_came_later_is_no_difference_at_its_default(tmp_path: Path) -> None:
    new = fingerprint_of(tmp_path)
    later = ("training.freeze", "search.stop", "search.proxies", "search.proxy_placements")
    old = {key: value for key, value in new.items() if key not in later}
    assert len(old) == len(new) - len(later)
    assert differences(old, new) == []


def test_another_space_is_another_meaning(tmp_path: Path) -> None:
    changed = differences(fingerprint_of(tmp_path), fingerprint_of(tmp_path, ("digits-resnet8", "cifar-resnet8")))
    assert 'space.backbone: "cifar_resnet8[width=0.5]" -> "cifar_resnet8"' in changed
    assert all(line.startswith("space.") for line in changed)


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        (
            "[none, se], ratios: [8]",
            "[none, cbam], ratios: [4, 8]",
            ["space.choices[3]: added cbam4, cbam8; removed se8"],
        ),
        ("[none, eca]", "[eca, none]", ["space.choices[1]: the same choices in another order"]),
        ("init: paper", "init: identity", ['space.gate.init: "paper" -> "identity"']),
        ("schema: 1", "schema: 1\nvariants: [cifar_resnet14]", ['space.variants: [] -> ["cifar_resnet14"]']),
    ],
)
def test_a_changed_space_says_which_choice_changed(old: str, new: str, lines: list[str], tmp_path: Path) -> None:
    def fingerprint(space: str) -> dict[str, Any]:
        write(tmp_path, space, "tiny.yaml")
        study = write(tmp_path, replaced("digits-resnet8", "./tiny.yaml").replace("trainings: 60", "trainings: 9"))
        meaning: dict[str, Any] = json.loads(json.dumps(load_study(study).fingerprint()))
        return meaning

    assert TINY_SPACE.count(old) == 1
    before, after = fingerprint(TINY_SPACE), fingerprint(TINY_SPACE.replace(old, new))
    assert differences(before, after) == lines
    # Until version 0.10 a fingerprint said no more of a space than its digest.
    details = ("space.choices", "space.gate", "space.granularity", "space.variants")
    digest_only = {key: value for key, value in before.items() if not key.startswith(details)}
    assert differences(digest_only, before) == []
    assert differences(digest_only, after) == ["space: has other choices, blocks or gates than before"]


def test_a_table_lies_beside_the_study_or_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside, here = tmp_path / "studies", tmp_path / "here"
    (here / "one").mkdir(parents=True)
    beside.mkdir()
    monkeypatch.chdir(here)
    config = load_study(write(beside, replaced("objective:", "evaluator: {name: tabular, folder: one}\nobjective:")))
    assert config.evaluator_folder == here / "one"
    (beside / "one").mkdir()
    assert config.evaluator_folder == beside / "one"
    assert load_study(write(beside, STUDY)).evaluator_folder is None


def copy_to_results(config: StudyConfig, folder: Path) -> None:
    folder.mkdir()
    write(folder, config.source_text, "study.yaml")
    write(folder, config.space_text, "space.yaml")


def facts_of(config: StudyConfig, **others: object) -> dict[str, object]:
    """What the ledger of version 0.10 says, and others."""
    return {"study_folder": str(config.folder), "name": None, "space": None, **others}


def test_a_study_is_read_back_from_its_results(tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    write(tmp_path / "studies", TINY_SPACE, "tiny.yaml")
    text = replaced("digits-resnet8", "./tiny.yaml").replace("name: digits", "name: digits\n  root: ../images")
    config = load_study(write(tmp_path / "studies", text.replace("trainings: 60", "trainings: 8"), "first.yaml"))
    copy_to_results(config, tmp_path / "first")
    again = load_results_study(tmp_path / "first", facts_of(config))
    assert again.path == tmp_path / "first" / "study.yaml"
    assert (again.name, again.folder, again.file) == (config.name, config.folder, config.file)
    assert again.search_space == config.search_space
    assert again.data_root == config.data_root
    assert again.fingerprint() == config.fingerprint()


def test_results_without_their_copies_are_refused(tmp_path: Path) -> None:
    config = load_study(write(tmp_path, STUDY))
    copy_to_results(config, tmp_path / "first")
    (tmp_path / "first" / "space.yaml").unlink()
    with pytest.raises(InvalidStudy, match=r"space\.yaml: cannot be read: No such file"):
        load_results_study(tmp_path / "first", facts_of(config))
    with pytest.raises(InvalidStudy, match=r"study\.yaml: cannot be read: No such file"):
        load_results_study(tmp_path / "second", facts_of(config))


@pytest.mark.parametrize(
    ("folder", "name"),
    [("cifar10 (2)", "cifar10-2-"), ("été", "t-"), ("x" * 70, "x" * 64), ("--", "study"), ("a.b_c-1", "a.b_c-1")],
)
def test_results_of_version_0_10_are_named_like_their_folder(tmp_path: Path, folder: str, name: str) -> None:
    config = load_study(write(tmp_path, STUDY))
    copy_to_results(config, tmp_path / folder)
    assert load_results_study(tmp_path / folder, facts_of(config)).name == name
    assert load_results_study(tmp_path / folder, facts_of(config, name="tiny")).name == "tiny"


OWN_NETWORK = """\
from torch import nn
from tests.foreign.residual import basic_resnet

class Gate(nn.Identity):
    def __init__(self, channels):
        super().__init__()

def build():
    return basic_resnet()
"""


def test_results_of_an_own_network_are_read_without_its_code(tmp_path: Path) -> None:
    (tmp_path / "seplace_config_nets.py").write_text(OWN_NETWORK)
    space = "schema: 1\nbackbone: seplace_config_nets:build[image_size=32]\ngate: {init: paper}\n"
    choices = "choices: {modules: [none, eca, seplace_config_nets:Gate], attachments: [serial, parallel]}\n"
    write(tmp_path, f"{space}variants: ['cifar_resnet14[width=0.5]']\n{choices}", "own.yaml")
    config = load_study(write(tmp_path, replaced("digits-resnet8", "./own.yaml")))
    copy_to_results(config, tmp_path / "out")
    kept = json.loads(json.dumps(space_record(config.search_space)))
    del sys.modules["seplace_config_nets"]
    (tmp_path / "seplace_config_nets.py").unlink()

    again = load_results_study(tmp_path / "out", facts_of(config, space=kept))
    assert again.fingerprint() == config.fingerprint()
    assert again.cost_key() == config.cost_key()
    assert again.search_space.baselines == config.search_space.baselines
    assert again.search_space.backbone.units == tuple(
        Stage(sites=tuple(Site(**{name: getattr(site, name) for name in _KEPT}) for site in unit.sites))
        for unit in config.search_space.backbone.units
    )
    with pytest.raises(InputError, match="builds nothing"):
        again.search_space.backbone.build(num_classes=5)
    with pytest.raises(DataError, match=r"out: these results are of seplace 0\.10, which .* seplace run STUDY"):
        load_results_study(tmp_path / "out", facts_of(config))


_KEPT = ("path", "widths", "in_channels", "channels", "has_native_gate")


def test_what_is_no_space_is_named(tmp_path: Path) -> None:
    config = load_study(write(tmp_path, STUDY))
    copy_to_results(config, tmp_path / "first")
    kept = space_record(config.search_space)
    for damaged in ([], {}, kept | {"choices": [["none"]]}, kept | {"backbone": {}}, kept | {"gate": {"init": 1}}):
        with pytest.raises(CorruptResults, match="the space in the ledger cannot be read"):
            load_results_study(tmp_path / "first", facts_of(config, space=damaged))


def test_a_study_before_rungs_goes_on(tmp_path: Path) -> None:
    today = json.loads(json.dumps(fingerprint_of(tmp_path)))
    earlier = {key: value for key, value in today.items() if key != "search.rungs"}
    assert differences(earlier, today) == []
    assert differences(earlier, today | {"search.rungs": [1]}) == ["search.rungs: absent -> [1]"]


def test_rungs_are_scored_beside_the_epochs_of_the_recipe(tmp_path: Path) -> None:
    text = replaced("epochs: 3", "epochs: 9").replace("  seed: 0", "  seed: 0\n  rungs: [2, 3]")
    assert load_study(write(tmp_path, text)).scored_epochs == (2, 3, 6, 9)


@pytest.mark.parametrize("name", ["study.yaml", "space.yaml"])
def test_a_results_folder_with_a_fifo_for_a_study_is_refused(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match=f"{name}: is not a regular file"):
        load_results_study(tmp_path, {})
