"""Values on the command line in place of those of a study file."""

from pathlib import Path

import pytest

from seplace.errors import InputError, InvalidStudy
from seplace.study.config import load_study
from seplace.study.differences import differences
from tests.study_texts import STUDY, write

WITH_COMMENTS = STUDY.replace("  epochs: 3\n", "  epochs: 3  # few\n").replace("schema: 1\n", "# Ours\nschema: 1\n")


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("training.epohcs=5", "training.epohcs: unknown key. Did you mean 'epochs'?"),
        ("trainings.epochs=5", "trainings: unknown key. Did you mean 'training'?"),
        ("training.epochs=0", "training.epochs: must be at least 1 (got 0)"),
        ("training.epochs=", "training.epochs: must be a whole number (got null)"),
        ("training.epochs=true", "training.epochs: must be a whole number (got true)"),
        ('training.epochs="5"', "training.epochs: must be a whole number, without quotes (got '5')"),
        ("training.epochs.more=5", "training.epochs: has no keys below it (it is 3)"),
        ("training.momentum=[0.9", "training.momentum: not valid YAML: "),
        ("training.momentum=!!float 1", "training.momentum: tags are not read; write the plain value"),
        ("training.momentum=*a", "training.momentum: aliases are not read; write the value out"),
        ("search.sampler=nsga3", "search.sampler: unknown sampler; known: effects, "),
        ("objective={cost: flps}", "objective.cost: unknown cost; known: flops, "),
        ("objective.limits.flps=3", "objective.limits.flps: unknown cost; known: flops, "),
        ("confirm.seeds=3", "confirm.trainings: is missing and required"),
        ("training.warmup_epochs=9", "training.warmup_epochs: must be less than the 3 epochs of the training (got 9)"),
        ("space=digits-resnet9", "space: unknown search space; known: "),
        ("training.epochs", "must be KEY=VALUE with a dotted key of the study file, such as training.epochs=5"),
        ("training..epochs=5", "must be KEY=VALUE with a dotted key of the study file, such as training.epochs=5"),
    ],
)
def test_a_problem_names_the_option_that_it_comes_from(tmp_path: Path, setting: str, problem: str) -> None:
    with pytest.raises(InvalidStudy) as caught:
        load_study(write(tmp_path, STUDY), settings=[setting])
    assert str(caught.value).startswith(f"--set {setting}: {problem}")


def test_all_problems_are_told_at_once_each_in_its_place(tmp_path: Path) -> None:
    path = write(tmp_path, STUDY.replace("  seed: 0", "  sead: 0"))
    with pytest.raises(InvalidStudy) as caught:
        load_study(path, settings=["training.epochs=x", "data.nois=1"])
    assert str(caught.value).splitlines() == [
        "--set data.nois=1: data.nois: unknown key. Did you mean 'noise'?",
        "--set training.epochs=x: training.epochs: must be a whole number (got 'x')",
        f"{path}:16:3: search.seed: is missing and required",
        f"{path}:19:3: search.sead: unknown key. Did you mean 'seed'?",
    ]


def test_a_rule_between_two_values_is_told_at_the_one_that_is_in_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, STUDY.replace("  epochs: 3", "  warmup_epochs: 2\n  epochs: 3"))
    with pytest.raises(InvalidStudy, match=r"a\.yaml:7:18: training\.warmup_epochs: must be less than the 2 epochs"):
        load_study(path, settings=["training.epochs=2"])


SETTINGS = [
    "training.epochs=5",
    "training.cutout=2",
    "data={name: digits, validation_images: 300}",
    "objective.limits.params=1e6",
    "search.proxies=[naswot, synflow]",
    "confirm={seeds: 2, trainings: 4}",
    "run.workers=auto",
]


@pytest.mark.parametrize(
    "text", [STUDY, WITH_COMMENTS, STUDY.replace("\n  ", "\n    "), STUDY + "run:\n  threads: 2\n"]
)
def test_the_text_of_the_study_holds_the_values(tmp_path: Path, text: str) -> None:
    config = load_study(write(tmp_path, text), settings=SETTINGS)
    assert (config.training.epochs, config.training.cutout, config.data.validation_images) == (5, 2, 300)
    assert config.file == load_study(write(tmp_path, config.source_text, "b.yaml")).file
    assert config.source_text.startswith("# --set training.epochs=5\n# --set training.cutout=2\n")
    assert ("# few" in config.source_text, "# Ours" in config.source_text) == ("# few" in text, "# Ours" in text)


IN_FLOW = (
    "{schema: 1, space: digits-resnet8, data: {name: digits, validation_images: 4}, training: {epochs: 3, batch_size: "
    "64, learning_rate: 0.1, momentum: 0.9, weight_decay: 0, schedule: cosine}, objective: {cost: flops}, search: "
    "{trainings: 9, seeds: 1, seed: 0}}"
)
IN_LINES = STUDY.replace("  cost: flops\n", "  cost:\n    flops\n  limits:\n    flops: 9.0e+9\n\n# on\n")


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        (IN_FLOW, "data.root='a, b: # c'"),
        (IN_FLOW, "run.workers=2"),
        (IN_LINES, "objective={cost: macs}"),
        (STUDY + "confirm:\n", "confirm={seeds: 2, trainings: 2}"),
        (STUDY, 'data.root="1e-3"'),
    ],
)
def test_odd_layouts_keep_their_meaning(tmp_path: Path, text: str, setting: str) -> None:
    config = load_study(write(tmp_path, text), settings=[setting])
    assert config.file == load_study(write(tmp_path, config.source_text, "b.yaml")).file
    assert config.file != load_study(write(tmp_path, text)).file


def test_the_meaning_follows(tmp_path: Path) -> None:
    path = write(tmp_path, STUDY)
    plain, other = load_study(path), load_study(path, settings=["training.epochs=5"])
    assert differences(plain.fingerprint(), other.fingerprint()) == ["training.epochs: 3 -> 5"]
    more = load_study(path, settings=["search.trainings=80", "run.threads=2"])
    assert plain.fingerprint() == more.fingerprint()


def test_the_last_of_two_values_is_taken(tmp_path: Path) -> None:
    settings = ["training.epochs=5", "confirm={seeds: 2, trainings: 2}", "training.epochs=6", "confirm.seeds=3"]
    config = load_study(write(tmp_path, STUDY), settings=settings)
    assert config.training.epochs == 6
    assert config.confirm is not None
    assert (config.confirm.seeds, config.confirm.trainings) == (3, 2)
    assert load_study(write(tmp_path, config.source_text, "b.yaml")).file == config.file


def test_settings_are_a_list_of_texts(tmp_path: Path) -> None:
    for settings in ("training.epochs=5", [5]):
        with pytest.raises(InputError, match=r"such as 'training\.epochs=5'"):
            load_study(write(tmp_path, STUDY), settings=settings)  # type: ignore[arg-type]
