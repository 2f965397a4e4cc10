"""Studies with a training of the user's own: what they may say, and the place of each problem."""

import inspect

import pytest

from seplace.errors import InvalidStudy
from seplace.report.json_schema import schema_of
from seplace.study.config import load_study
from seplace.study.own_training import OwnTraining, TrainerSection
from seplace.study.parameters import Parameters, routed
from tests.foreign import bottleneck_resnet
from tests.study_texts import STUDY, TINY_SPACE, write


def resnet():
    return bottleneck_resnet()


OWN = """\
schema: 1
space: space.yaml
training:
  module: tests.own_task:Classifier
  data: tests.own_task:Data
  options: {lr: 0.1, batch_size: 8}
  trainer: {max_epochs: 6, precision: 32-true, gradient_clip_val: 1}
objective:
  metric: {name: val_accuracy, goal: maximize, scale: 100, unit: "%"}
  cost: flops
search: {sampler: exhaustive, trainings: 8, seeds: 1, seed: 0}
"""


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, TINY_SPACE, "space.yaml")
    return tmp_path


def test_a_study_with_a_training_of_its_own(folder):
    study = load_study(write(folder, OWN), settings=("training.trainer.max_epochs=4", "training.options.lr=0.2"))
    assert isinstance(study.training, OwnTraining)
    assert (study.training.epochs, study.scored_epochs) == (4, (4,))
    assert study.training.options == {"lr": 0.2, "batch_size": 8}
    assert (study.evaluator.name, study.data_name, study.data_root) == ("lightning", "tests.own_task:Data", None)
    assert study.metric.name == "val_accuracy"
    meaning = study.fingerprint()
    given = {key: value for key, value in meaning.items() if key.startswith("training.trainer.")}
    assert given == {
        "training.trainer.max_epochs": 4,
        "training.trainer.precision": "32-true",
        "training.trainer.gradient_clip_val": 1.0,
    }
    assert meaning["training.module"] == "tests.own_task:Classifier"
    assert not any(key.startswith("data.") for key in meaning)
    assert load_study(write(folder, OWN)).fingerprint() != meaning


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(
            "  module: tests.own_task:Classifier\n", "", "4:3: training.module: is missing and required", id="no module"
        ),
        pytest.param(
            "module:", "modul:", "4:3: training.modul: unknown key. Did you mean 'module'?", id="module misspelt"
        ),
        pytest.param(
            "options: {lr",
            "options: {learning: 1, lr",
            "training.options.learning: is a parameter of neither module nor data",
            id="option",
        ),
        pytest.param("options: {lr:", "options: {lrr:", "Did you mean 'lr'?", id="option misspelt"),
        pytest.param("max_epochs: 6, ", "", "training.trainer.max_epochs: is missing and required", id="no length"),
        pytest.param(
            "gradient_clip_val",
            "gradient_clip",
            "unknown key. Did you mean 'gradient_clip_val'?",
            id="argument misspelt",
        ),
        pytest.param(
            "gradient_clip_val: 1",
            "default_root_dir: a",
            "7:48: training.trainer.default_root_dir: the search sets it: files of",
            id="owned",
        ),
        pytest.param(
            "gradient_clip_val: 1",
            "max_time: 1",
            "training.trainer.max_time: is not taken: a training that the clock ends",
            id="clock",
        ),
        pytest.param(
            "gradient_clip_val: 1",
            "logger: false",
            "is left out: there is no logger unless `run` names one",
            id="loggers",
        ),
        pytest.param("32-true", "half", "training.trainer.precision: must be one of 32-true, 16-mixed", id="precision"),
        pytest.param(
            "gradient_clip_val: 1",
            "limit_val_batches: 1.5",
            "must be a whole number of batches of at least 1, or a share",
            id="share",
        ),
        pytest.param(
            "gradient_clip_val: 1",
            "check_val_every_n_epoch: 4",
            "must divide the 6 epochs of the training",
            id="last not validated",
        ),
        pytest.param(
            "objective:",
            "data: {name: digits}\nobjective:",
            "8:1: data: is left out beside a training of your own",
            id="data",
        ),
        pytest.param(
            '  metric: {name: val_accuracy, goal: maximize, scale: 100, unit: "%"}\n',
            "",
            "objective.metric: is missing and required",
            id="no metric",
        ),
        pytest.param(
            "own_task:Data",
            "own_task:Date",
            "module 'tests.own_task' has no 'Date'. Did you mean 'Data'?",
            id="no such data",
        ),
        pytest.param(
            "tests.own_task:Classifier",
            "own_task",
            "must be an import path: package.module:object",
            id="no import path",
        ),
        pytest.param(
            "trainings: 8,",
            "trainings: 8, proxies: [naswot],",
            "search.proxies: score networks by labeled images",
            id="proxies",
        ),
        pytest.param(
            "  trainer:",
            "  epochs: 3\n  trainer:",
            "training.epochs: is `trainer.max_epochs` in a training of your own",
            id="epochs",
        ),
        pytest.param(
            "  trainer:", "  momentum: 3\n  trainer:", "training.momentum: is of the built-in recipe", id="recipe"
        ),
        pytest.param(
            "objective:",
            "evaluator: {name: stand_alone}\nobjective:",
            "evaluator.name: trains by the built-in recipe",
            id="evaluator",
        ),
        pytest.param(
            "  trainer:",
            '  callbacks: ["tests.own_task:Stopped"]\n  trainer:',
            "has no 'Stopped'. Did you mean 'Stops'?",
            id="callback",
        ),
        pytest.param(
            "  trainer:",
            '  callbacks: [{path: "pytorch_lightning.callbacks:LambdaCallback", options: {a: 1}}]\n  trainer:',
            "options.a: is no parameter of the callback",
            id="option of a callback",
        ),
        pytest.param(
            "  trainer:",
            '  callbacks: ["pytorch_lightning.callbacks:EarlyStopping"]\n  trainer:',
            "7:15: training.callbacks[1]: EarlyStopping stops a training early",
            id="early stopping, without what it needs",
        ),
        pytest.param(
            "  trainer:",
            '  callbacks: [{path: "pytorch_lightning.callbacks:ModelCheckpoint", options: {a: 1}}]\n  trainer:',
            "7:22: training.callbacks[1].path: ModelCheckpoint writes checkpoints",
            id="checkpoints",
        ),
        pytest.param(
            "Classifier\n  data: tests.own_task:Data\n  options: {lr: 0.1,",
            "Unchanged\n  data: tests.own_task:Data\n  options: {optimizer: adam,",
            "4:11: training.module: tests.own_task:Unchanged must take the network as its first parameter (it has opti",
            id="an option in place of the network",
        ),
        pytest.param(
            "Classifier\n  data: tests.own_task:Data\n  options: {lr: 0.1,",
            "of_a_rate\n  data: tests.own_task:Data\n  options: {",
            "4:11: training.module: tests.own_task:of_a_rate must take the network as its first parameter (it has lr",
            id="a number in place of the network",
        ),
        pytest.param(
            "own_task:Classifier",
            "own_task:by_name_alone",
            "training.module: tests.own_task:by_name_alone must take the network as its first parameter (it has net",
            id="a network by name alone",
        ),
        pytest.param(
            "options: {lr",
            "options: {network: 1, lr",
            "6:13: training.options.network: is the parameter of the module that gets the network; leave it out",
            id="another network",
        ),
    ],
)
def test_each_problem_has_its_place(folder, old, new, said):
    assert OWN.count(old) == 1
    with pytest.raises(InvalidStudy) as caught:
        load_study(write(folder, OWN.replace(old, new)))
    assert caught.value.exit_code == 2
    assert said in str(caught.value)


def test_the_parameter_of_the_network_may_have_any_name(folder):
    assert (
        load_study(write(folder, OWN.replace("own_task:Classifier", "own_task:by_another_name"))).training is not None
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "input: [1, 32, 64]",
            r"7:11: training\.input\[1\]: must be 3, the channels of .* no parameter in_channels \(got 1\)",
        ),
        ("classes: 4", r"7:12: training\.classes: is left out: .* has no parameter num_classes"),
    ],
)
def test_what_a_network_of_ones_own_cannot_have_otherwise(folder, given, said):
    space = f"schema: 1\nbackbone: {__name__}:resnet[image_size=32]\ngate: {{init: identity}}\n"
    write(folder, space + "choices: {modules: [none, eca]}\n", "space.yaml")
    text = OWN.replace("  trainer:", f"  {given}\n  trainer:")
    with pytest.raises(InvalidStudy, match=said):
        load_study(write(folder, text))
    of_its_own = {"input: [1, 32, 64]": "input: [3, 32, 64]", "classes: 4": "classes: 5"}[given]
    load_study(write(folder, text.replace(given, of_its_own)))


def test_the_built_in_recipe_needs_data(folder):
    text = STUDY.replace("data:\n  name: digits\n  validation_images: 400\n", "")
    with pytest.raises(InvalidStudy, match="data: is missing and required"):
        load_study(write(folder, text))


def test_the_arguments_of_the_trainer_are_those_of_lightning():
    import pytorch_lightning

    known = {*TrainerSection.model_fields, *TrainerSection.refused}
    assert known == set(inspect.signature(pytorch_lightning.Trainer).parameters)


def test_the_schema_for_editors_has_both_trainings():
    made = schema_of("study")
    blocks = [each["$ref"].rpartition("/")[2] for each in made["properties"]["training"]["anyOf"]]
    assert blocks == ["Recipe", "OwnTraining"]
    assert made["$defs"]["TrainerSection"]["required"] == ["max_epochs"]


def test_options_go_to_who_names_them():
    def module(network, lr, *, depth=1, shared=0): ...

    def data(shared=1, **others): ...

    options = {"lr": 0.1, "shared": (1, {"a": (2,)}), "folder": "x"}
    takers = Parameters.of(module, leading=1), Parameters.of(data, leading=0)
    assert takers[0].required == ("lr",)
    assert routed(options, *takers) == (
        {"lr": 0.1, "shared": [1, {"a": [2]}]},
        {"shared": [1, {"a": [2]}], "folder": "x"},
    )
