from pathlib import Path
from typing import get_args

import pytest
import yaml

from seplace.files.schema import Section
from seplace.study.config import load_study
from seplace.study.space_file import SpaceFile
from seplace.study.study_file import StudyFile
from tests.study_texts import STUDY, TINY_SPACE, problems_of, replaced, write


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
        "decode_threads": None,
        "accelerator": "auto",
        "address": None,
        "gpus": None,
        "loggers": (),
        "max_retries": 2,
        "stop_after_failures": 5,
        "timeout_minutes": None,
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
            "evaluator: {name: tabula}\nobjective:",
            "13:19: evaluator.name: unknown evaluator; known: stand_alone, lightning, tabular (got 'tabula'). "
            "Did you mean 'tabular'?",
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
            "epochs: 3",
            "epochs: 3\n  accumulate: 7",
            "8:15: training.accumulate: must divide the 64 images of a batch into equal parts (got 7)",
            id="unequal parts of a batch",
        ),
        pytest.param(
            "momentum: 0.9",
            "momentum: 0\n  nesterov: true",
            "11:13: training.nesterov: needs a momentum greater than 0 (got true)",
            id="no momentum",
        ),
        pytest.param(
            "objective:",
            "evaluator: {name: tabular}\nobjective:",
            "13:12: evaluator.folder: is missing: the results folder that tabular answers from",
            id="a table without a folder",
        ),
        pytest.param(
            "objective:",
            "evaluator: {name: stand_alone, folder: a}\nobjective:",
            "13:32: evaluator.folder: stand_alone answers from no folder; leave `folder` out",
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
            "17:3: search.rungs: stop trainings, and `sampler: exhaustive` completes all of them",
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
            "17:14: search.trainings: must be at least 7, the number of baselines, which are trained first (got 6)",
            id="a budget that the baselines exceed",
        ),
        pytest.param(
            "trainings: 60",
            "trainings: 1034",
            "17:14: search.trainings: is more than the space can use: space digits-resnet8 has 343 candidates, "
            "which with at most 3 seeds each and one of each of 4 baselines beside it allows 1,033 trainings "
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


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("name: digits", "name: 'my_data:load'", "4:9: data.name: data set 'my_data:load': no module named 'my_data'"),
        ("name: digits", "name: 'json:lode'", "'json' has no 'lode'. Did you mean 'load'?"),
        ("name: digits", "name: 'string:digits'", "data set 'string:digits': is a str, not a function or class"),
        ("sampler: nsga2", "sampler: 'tests.broken:make'", "search.sampler: sampler 'tests.broken:make': no module"),
        ("cost: flops", "cost: 'my_costs:BYTES'", "objective.cost: cost 'my_costs:BYTES': no module named 'my_costs'"),
    ],
)
def test_an_import_path_that_cannot_be_had_is_refused_when_a_study_is_read(tmp_path, old, new, problem):
    (found,) = problems_of(write(tmp_path, replaced(old, new)))
    assert problem in found


def test_only_a_set_with_a_validation_split_of_its_own_needs_no_validation_images(tmp_path: Path) -> None:
    without = replaced("  validation_images: 400\n", "")
    assert problems_of(write(tmp_path, without)) == [
        "a.yaml:4:3: data.validation_images: is missing and required: digits has no validation split of its own"
    ]
    for name in ("image_folder", "image_parquet"):
        config = load_study(write(tmp_path, without.replace("name: digits", f"name: {name}")))
        assert (config.data.validation_images, config.data.skip_damaged) == (None, False)


@pytest.mark.parametrize("section", [StudyFile, SpaceFile], ids=lambda section: section.__name__)
def test_every_key_is_described_in_a_sentence(section):
    waiting, seen = [section], set()
    while waiting:
        one = waiting.pop()
        seen.add(one)
        for key, field in one.model_fields.items():
            assert field.description, f"{one.__name__}.{key}"
            assert field.description.endswith(".")
            inside = [*get_args(field.annotation), field.annotation]
            waiting += [
                each for each in inside if isinstance(each, type) and issubclass(each, Section) and each not in seen
            ]
    assert len(seen) > 2


def test_a_small_space_may_have_fewer_trainings_than_names_of_baselines(tmp_path: Path, monkeypatch) -> None:
    """A network of one stage has some baselines under two names."""
    two = TINY_SPACE.replace("[none, eca]", "[none]").replace("[8]", "[16]")
    write(tmp_path, two, "space.yaml")
    text = STUDY.replace("space: digits-resnet8", "space: ./space.yaml")
    space = load_study(write(tmp_path, text), settings=("search.trainings=8", "search.seeds=2")).search_space
    own = list(space.baselines.values())
    monkeypatch.setattr(type(space), "baselines", {str(name): own[name // 2] for name in range(7)})
    config = load_study(write(tmp_path, text), settings=("search.trainings=5", "search.seeds=1"))
    assert (len(space), config.search.trainings) == (2, 5)
