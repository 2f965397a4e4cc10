import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from seplace.attention import ATTENTION
from seplace.config import StudyConfig, differences, load_results_study, load_study
from seplace.errors import InvalidStudy, UnknownName

STUDY = """\
schema: 1
space: digits-resnet8
data:
  name: digits
  validation_images: 400
training:
  epochs: 3
  batch_size: 64
  learning_rate: 0.1
  momentum: 0.9
  weight_decay: 5.0e-4
  schedule: cosine
objective:
  cost: flops
search:
  sampler: nsga2
  trainings: 60
  seeds: 3
  seed: 0
"""

TINY_SPACE = """\
schema: 1
backbone: cifar_resnet8
gate: {init: paper}
stages: [{modules: [none, eca]}, {modules: [none]}, {modules: [none, se], ratios: [8]}]
"""


def write(folder: Path, text: str, name: str = "a.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def replaced(old: str, new: str) -> str:
    assert STUDY.count(old) == 1
    return STUDY.replace(old, new)


def problems_of(path: Path) -> list[str]:
    with pytest.raises(InvalidStudy) as caught:
        load_study(path)
    assert caught.value.exit_code == 2
    return str(caught.value).replace(f"{path.parent}{os.sep}", "").splitlines()


def test_a_short_study_has_its_defaults(tmp_path: Path) -> None:
    path = write(tmp_path, STUDY)
    config = load_study(path)
    assert (config.name, config.path, config.folder) == ("a", path, tmp_path.resolve())
    assert (config.schema_version, config.source_text) == (1, STUDY)
    assert config.search_space.name == "digits-resnet8"
    assert "backbone: cifar_resnet8" in config.space_text
    assert (config.data.noise, config.data.seed, config.data_root) == (0.0, 0, None)
    assert (config.training.precision, config.training.ema_decay, config.training.warmup_epochs) == (
        "fp32",
        None,
        0,
    )
    assert (config.objective.limits, config.search.hours, config.confirm) == ({}, None, None)
    assert (config.search.proxies, config.search.proxy_placements) == ((), 64)
    assert config.run.model_dump() == {
        "executor": "inline",
        "workers": 1,
        "threads": 1,
        "accelerator": "auto",
        "max_retries": 2,
        "stop_after_failures": 5,
    }


def test_a_long_study_keeps_what_it_says(tmp_path: Path) -> None:
    long = yaml.safe_load(STUDY)
    long["data"] |= {"root": "../images", "image_size": 8, "train_images": 800, "noise": 0.1, "seed": 4}
    long["training"] |= {
        "schedule": "one_cycle",
        "nesterov": True,
        "warmup_epochs": 0.5,
        "label_smoothing": 0.1,
        "ema_decay": 0.99,
        "precision": "bf16",
        "channels_last": True,
        "compile": True,
        "crop_padding": 2,
        "flip": True,
        "cutout": 4,
    }
    long["objective"] = {"cost": "params", "limits": {"flops": 12000000, "latency_ms": 2.5}}
    long["search"] = {"sampler": "gp", "hours": 1.5, "seeds": 2, "seed": 7}
    long["confirm"] = {"seeds": 3, "trainings": 24}
    long["run"] = {"executor": "processes", "workers": 2, "threads": 2, "accelerator": "gpu"}
    config = load_study(write(tmp_path, yaml.safe_dump(long)))
    for block in ("data", "training", "objective", "search", "confirm", "run"):
        assert getattr(config, block).model_dump() == getattr(config, block).model_dump() | long[block]
    assert config.data_root == tmp_path.resolve() / "../images"


def test_what_is_read_is_frozen(tmp_path: Path) -> None:
    config = load_study(write(tmp_path, STUDY))
    with pytest.raises(ValueError, match="frozen"):
        config.training.epochs = 4  # type: ignore[misc]
    with pytest.raises(AttributeError):
        config.name = "b"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        # File
        pytest.param(
            "schema: 1",
            "schema: 2",
            "1:9: schema: is newer than this version of seplace, which reads schema 1; upgrade seplace (got 2)",
            id="newer schema",
        ),
        pytest.param(
            "  seed: 0",
            "\tseed: 0",
            "19:1: not valid YAML: a tab cannot stand here; indent with spaces",
            id="a tab",
        ),
        pytest.param(
            "  seed: 0",
            "  seed: 0\n  seed: 1",
            "20:3: search.seed: duplicate key, first written on line 19",
            id="duplicate key",
        ),
        pytest.param(
            "  seeds: 3",
            "  seeds: 3\n  trials: 3",
            "19:3: search.trials: unknown key. Did you mean 'trainings'?",
            id="unknown key",
        ),
        pytest.param("  epochs: 3\n", "", "7:3: training.epochs: is missing and required", id="missing key"),
        pytest.param("objective:\n  cost: flops\n", "", "1:1: objective: is missing and required", id="missing block"),
        # Types
        pytest.param(
            "epochs: 3",
            "epochs: '3'",
            "7:11: training.epochs: must be a whole number, without quotes (got '3')",
            id="a number in quotes",
        ),
        pytest.param(
            "epochs: 3",
            "epochs: true",
            "7:11: training.epochs: must be a whole number (got true)",
            id="a boolean as an integer",
        ),
        pytest.param("epochs: 3", "epochs: 0", "7:11: training.epochs: must be at least 1 (got 0)", id="no epochs"),
        pytest.param(
            "epochs: 3",
            "epochs: -3",
            "7:11: training.epochs: must be at least 1 (got -3)",
            id="negative epochs",
        ),
        pytest.param(
            "batch_size: 64",
            "batch_size: 0",
            "8:15: training.batch_size: must be at least 1 (got 0)",
            id="an empty batch",
        ),
        pytest.param(
            "trainings: 60",
            "trainings: 0",
            "17:14: search.trainings: must be at least 1 (got 0)",
            id="no budget",
        ),
        pytest.param(
            "trainings: 60",
            "hours: -1",
            "17:10: search.hours: must be greater than 0 (got -1)",
            id="a negative budget",
        ),
        pytest.param(
            "trainings: 60",
            "hours: .inf",
            "17:10: search.hours: must be a finite number (got .inf)",
            id="an endless budget",
        ),
        pytest.param("0.1", ".nan", "9:18: training.learning_rate: must be a finite number (got .nan)", id="NaN"),
        pytest.param(
            "momentum: 0.9",
            "momentum: 1",
            "10:13: training.momentum: must be less than 1 (got 1)",
            id="momentum 1",
        ),
        pytest.param("seeds: 3", "seeds: 0", "18:10: search.seeds: must be at least 1 (got 0)", id="no seeds"),
        pytest.param("  seed: 0", "  seed: -1", "19:9: search.seed: must be at least 0 (got -1)", id="negative seed"),
        pytest.param(
            "schedule: cosine",
            "schedule: []",
            "12:13: training.schedule: must be one of cosine, one_cycle (got an empty list)",
            id="an empty list",
        ),
        pytest.param(
            "  seed: 0",
            "  seed: 0\nconfirm: {seeds: 0, trainings: 1}",
            "20:18: confirm.seeds: must be at least 1 (got 0)",
            id="confirm no seeds",
        ),
        pytest.param(
            "  seed: 0",
            "  seed: 0\nrun: {workers: 0}",
            "20:16: run.workers: must be at least 1 (got 0)",
            id="no workers",
        ),
        pytest.param(
            "cost: flops",
            "cost: flops\n  limits: {flops: 0}",
            "15:19: objective.limits.flops: must be greater than 0 (got 0)",
            id="a limit of nothing",
        ),
        # Names
        pytest.param("name: digits", "name: digit", "4:9: data.name: unknown data set; known: ", id="data set"),
        pytest.param(
            "cost: flops",
            "cost: flop",
            "14:9: objective.cost: unknown cost; known: flops, macs, params, "
            "latency_ms (got 'flop'). Did you mean 'flops'?",
            id="cost",
        ),
        pytest.param(
            "cost: flops",
            "cost: flops\n  limits: {param: 3}",
            "15:12: objective.limits.param: unknown cost; "
            "known: flops, macs, params, latency_ms (got 'param'). Did you mean 'params'?",
            id="limit",
        ),
        pytest.param(
            "nsga2",
            "nsga",
            "16:12: search.sampler: unknown sampler; known: effects, random, nsga2, tpe, tpe_factors, tpe_ordered, gp, "
            "exhaustive (got 'nsga'). Did you mean 'nsga2'?",
            id="sampler",
        ),
        pytest.param(
            "  seed: 0",
            "  seed: 0\n  proxies: [naswot, sinflow]",
            "20:21: search.proxies[2]: unknown proxy; known: synflow, naswot, jacobian_covariance, gradient_norm, "
            "short_training, supernet (got 'sinflow'). Did you mean 'synflow'?",
            id="proxy",
        ),
        pytest.param(
            "  seed: 0",
            "  seed: 0\n  proxies: [naswot, synflow, naswot]",
            "20:30: search.proxies[3]: is listed before (got 'naswot')",
            id="proxy twice",
        ),
        pytest.param(
            "  seed: 0",
            "  seed: 0\n  proxies: naswot",
            "20:12: search.proxies: must be a list (got 'naswot')",
            id="no list",
        ),
        pytest.param(
            "  seed: 0",
            "  seed: 0\n  proxy_placements: 0",
            "20:21: search.proxy_placements: must be at least 1 (got 0)",
            id="no placements",
        ),
        pytest.param(
            "objective:",
            "evaluator: {name: tables}\nobjective:",
            "13:19: evaluator.name: unknown evaluator; known: stand_alone, table (got 'tables'). Did you mean 'table'?",
            id="evaluator",
        ),
        pytest.param(
            "objective:",
            "evaluator: {folder: a}\nobjective:",
            "13:12: evaluator.name: is missing and required",
            id="evaluator without a name",
        ),
        pytest.param("digits-resnet8", "digits-resnet", "2:8: space: unknown search space; known: ", id="space"),
        pytest.param("digits-resnet8", "no/such.yaml", "2:8: space: no search space file at ", id="space file"),
        pytest.param("digits-resnet8", "a b", "2:8: space: search space 'a b': a name has up to 64", id="space name"),
        # Rules between values
        pytest.param(
            "epochs: 3",
            "epochs: 3\n  warmup_epochs: 3.0",
            "8:18: training.warmup_epochs: must be less than the 3 epochs of the training (got 3.0)",
            id="only warm-up",
        ),
        pytest.param(
            "momentum: 0.9",
            "momentum: 0\n  nesterov: true",
            "11:13: training.nesterov: needs a momentum greater than 0 (got true)",
            id="no momentum",
        ),
        pytest.param(
            "objective:",
            "evaluator: {name: table}\nobjective:",
            "13:12: evaluator.folder: is missing: the results folder that table answers from",
            id="a table without a folder",
        ),
        pytest.param(
            "objective:",
            "evaluator: {name: stand_alone, folder: a}\nobjective:",
            "13:32: evaluator.folder: stand_alone answers from no folder; leave it out",
            id="a folder for trainings",
        ),
        pytest.param(
            "validation_images: 400",
            "validation_images: 400\n  train_images: 63",
            "9:15: training.batch_size: must be at most the 63 training images (got 64)",
            id="a batch larger than the set",
        ),
        pytest.param(
            "validation_images: 400",
            "validation_images: 400\n  image_size: 3",
            "6:15: data.image_size: must be at least 4, or the strides of cifar_resnet8[width=0.5] leave "
            "nothing (got 3)",
            id="an image too small for the strides",
        ),
        pytest.param(
            "  seed: 0",
            "  seed: 0\n  rungs: [2, 1]",
            "20:14: search.rungs[2]: must be more than 2: rungs rise (got 1)",
            id="rungs that fall",
        ),
        pytest.param(
            "  seed: 0",
            "  seed: 0\n  rungs: [1, 3]",
            "20:14: search.rungs[2]: must be less than the 3 epochs of the training (got 3)",
            id="a rung at the end",
        ),
        pytest.param(
            "  seed: 0",
            "  seed: 0\n  rungs: [0, 2]",
            "20:11: search.rungs[1]: must be at least 1 (got 0)",
            id="a rung at the start",
        ),
        pytest.param(
            "sampler: nsga2",
            "sampler: exhaustive\n  rungs: [1]",
            "17:3: search.rungs: stop trainings, which `sampler: exhaustive` is to complete",
            id="rungs in a table",
        ),
        pytest.param(
            "  trainings: 60",
            "  rungs: [1]\n  hours: 1",
            "17:3: search.rungs: need a budget of trainings",
            id="rungs by the clock",
        ),
        pytest.param(
            "trainings: 60",
            "trainings: 60\n  hours: 1",
            "18:3: search.hours: the budget is either trainings or hours, not both",
            id="two budgets",
        ),
        pytest.param(
            "  trainings: 60\n",
            "",
            "16:3: search.trainings: is missing; the budget is either trainings or hours",
            id="no budget at all",
        ),
        pytest.param(
            "trainings: 60",
            "trainings: 6",
            "17:14: search.trainings: must be at least 7: so many yardsticks are trained first (got 6)",
            id="a budget that the yardsticks exceed",
        ),
        pytest.param(
            "trainings: 60",
            "trainings: 1034",
            "17:14: search.trainings: is more than the space can use: space digits-resnet8 has 343 members, "
            "which with at most 3 seeds each and one of each of 4 yardsticks beside it allows 1,033 trainings "
            "(got 1034)",
            id="a budget larger than the space",
        ),
    ],
)
def test_one_mistake_is_one_located_problem(old: str, new: str, expected: str, tmp_path: Path) -> None:
    problems = problems_of(write(tmp_path, replaced(old, new)))
    assert len(problems) == 1
    assert problems[0].startswith(f"a.yaml:{expected}")


def test_the_whole_space_may_be_the_budget(tmp_path: Path) -> None:
    write(tmp_path, TINY_SPACE, "tiny.yaml")
    text = replaced("digits-resnet8", "tiny.yaml").replace("trainings: 60", "trainings: 12")
    assert len(load_study(write(tmp_path, text)).search_space) * 3 == 12


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"a: [", b"a: &a [*a]", b"schema: !!python/name:os.system x"])
def test_a_hostile_study_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    assert problems_of(path)


def test_a_study_needs_a_valid_name(tmp_path: Path) -> None:
    assert problems_of(write(tmp_path, STUDY, "my study.yaml")) == [
        "my study.yaml: a study needs a valid name (got 'my study')"
    ]


def test_an_unknown_shipped_study() -> None:
    with pytest.raises(UnknownName, match="unknown study 'no-such-study'"):
        load_study("no-such-study")


def test_problems_of_both_files_are_told_at_once(tmp_path: Path) -> None:
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
        "from seplace.config import load_study\n"
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
            "evaluator: {name: table, folder: a}\nobjective:",
            ['evaluator.folder: null -> "a"', 'evaluator.name: "stand_alone" -> "table"'],
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
    assert [line.split(":")[0] for line in changed] == ["space", "space.backbone"]
    assert changed[1] == 'space.backbone: "cifar_resnet8[width=0.5]" -> "cifar_resnet8"'


def test_a_table_lies_beside_the_study_or_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside, here = tmp_path / "studies", tmp_path / "here"
    (here / "one").mkdir(parents=True)
    beside.mkdir()
    monkeypatch.chdir(here)
    config = load_study(write(beside, replaced("objective:", "evaluator: {name: table, folder: one}\nobjective:")))
    assert config.evaluator_folder == here / "one"
    (beside / "one").mkdir()
    assert config.evaluator_folder == beside / "one"
    assert load_study(write(beside, STUDY)).evaluator_folder is None


def copy_to_results(config: StudyConfig, folder: Path) -> None:
    folder.mkdir()
    write(folder, config.source_text, "study.yaml")
    write(folder, config.space_text, "space.yaml")


def test_a_study_is_read_back_from_its_results(tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    write(tmp_path / "studies", TINY_SPACE, "tiny.yaml")
    text = replaced("digits-resnet8", "./tiny.yaml").replace("name: digits", "name: digits\n  root: ../images")
    config = load_study(write(tmp_path / "studies", text.replace("trainings: 60", "trainings: 8"), "first.yaml"))
    copy_to_results(config, tmp_path / "first")
    again = load_results_study(tmp_path / "first", study_folder=config.folder)
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
        load_results_study(tmp_path / "first", study_folder=tmp_path)
    with pytest.raises(InvalidStudy, match=r"study\.yaml: cannot be read: No such file"):
        load_results_study(tmp_path / "second", study_folder=tmp_path)


def test_a_study_before_rungs_goes_on(tmp_path: Path) -> None:
    today = json.loads(json.dumps(fingerprint_of(tmp_path)))
    earlier = {key: value for key, value in today.items() if key != "search.rungs"}
    assert differences(earlier, today) == []
    assert differences(earlier, today | {"search.rungs": [1]}) == ["search.rungs: absent -> [1]"]


def test_rungs_are_scored_beside_the_epochs_of_the_recipe(tmp_path: Path) -> None:
    text = replaced("epochs: 3", "epochs: 9").replace("  seed: 0", "  seed: 0\n  rungs: [2, 3]")
    assert load_study(write(tmp_path, text)).scored_epochs == (2, 3, 6, 9)
