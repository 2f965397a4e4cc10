"""Trainings of a user's own: any optimisation, to the same numbers after an interruption, with failures by name."""

import os
import random
from dataclasses import replace
from pathlib import Path

import lightning.pytorch
import numpy as np
import pytest
import torch
from torch import nn

from seplace.errors import InputError, MissingPackage, TrainingFailed, UserCodeError
from seplace.metric import Metric
from seplace.study.own_training import OwnTraining
from seplace.training import door, own_fit
from seplace.training.checkpoints import Checkpoint
from seplace.training.own_fit import fit_own, validation_inputs
from tests.own_task import CLASSES

HERE = "tests.own_task"
OF_LIGHTNING = {"module": "tests.own_lightning_task:Classifier", "data": "tests.own_lightning_task:Data"}
CPU = torch.device("cpu")
MIOU = Metric(name="val_accuracy", goal="maximize", scale=100, unit="%", label="accuracy", test_name="test_accuracy")
ERROR = Metric(name="val/loss", goal="minimize", label="loss", test_name="test/loss")


def training(module: str = "Classifier", *, epochs: int = 3, **changes) -> OwnTraining:
    values = {
        "module": module if ":" in module else f"{HERE}:{module}",
        "data": f"{HERE}:Data",
        "trainer": {"max_epochs": epochs},
    }
    return OwnTraining.model_validate(values | changes)


def network(channels: int = 4) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, channels, 3),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(channels, CLASSES),
        )


def fit(given: OwnTraining, *, metric: Metric = MIOU, seed: int = 0, start: nn.Module | None = None, **more):
    more = {"checkpoint": None, "on_epoch": lambda _: None} | more
    net = start or network()
    return net, fit_own(net, training=given, metric=metric, seed=seed, device=CPU, **more)


class Killed(Exception):
    pass


@pytest.mark.parametrize(("module", "metric"), [("Classifier", MIOU), ("TwoOptimizers", ERROR)])
def test_a_training_that_goes_on_ends_with_the_same_numbers(module, metric, tmp_path):
    def killed(epoch: int) -> None:
        if epoch == 3:
            raise Killed

    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    given = training(module, epochs=4)
    epochs = []
    whole, one = fit(given, metric=metric, on_epoch=epochs.append)
    assert epochs == [point.epoch for point in one.curve] == [1, 2, 3, 4]
    assert random.getstate() == before[0]
    assert np.random.get_state()[1].tolist() == before[1]
    assert torch.equal(torch.get_rng_state(), before[2])

    checkpoint = Checkpoint(path=tmp_path / "a.ckpt", every_seconds=0)
    _, rung = fit(given, metric=metric, checkpoint=checkpoint, until=1)
    assert rung.curve == one.curve[:1]
    with pytest.raises((Killed, UserCodeError)):
        fit(given, metric=metric, checkpoint=checkpoint, on_epoch=killed)
    resumed, other = fit(given, metric=metric, checkpoint=checkpoint)
    assert other.curve == one.curve
    assert other.batches == one.batches
    assert not checkpoint.path.exists()
    for mine, theirs in ((whole.state_dict(), resumed.state_dict()), (one.beside, other.beside)):
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    assert bool(one.beside) == (module == "TwoOptimizers")


def test_a_training_of_either_package_gives_the_same_numbers_and_goes_on(tmp_path, caplog):
    given = training(epochs=2, **OF_LIGHTNING)
    net, fitted = fit(given)
    other, of_other = fit(training(epochs=2))
    assert fitted.curve == of_other.curve
    assert all(torch.equal(*both) for both in zip(net.state_dict().values(), other.state_dict().values(), strict=True))
    assert (fitted.versions, of_other.versions) == ({"lightning": lightning.pytorch.__version__}, {})
    of = {"metric": MIOU, "seed": 0, "device": CPU}
    tests = [
        own_fit.test_own(each, trained.beside, training=by, **of).value
        for each, trained, by in ((net, fitted, given), (other, of_other, training()))
    ]
    assert tests[0] == tests[1] > 0

    with_state = training(epochs=2, **OF_LIGHTNING, callbacks=("tests.own_lightning_task:Decays",))
    checkpoint = Checkpoint(path=tmp_path / "a.ckpt", every_seconds=0)
    whole = fit(with_state)[1]
    fit(with_state, checkpoint=checkpoint, until=1)
    assert fit(with_state, checkpoint=checkpoint)[1].curve == whole.curve != fitted.curve
    assert not caplog.records, "Lightning's advice is left out"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"module": OF_LIGHTNING["module"]},
            "module tests.own_lightning_task:Classifier is of lightning.pytorch, and training data tests.own_task:Data "
            "of pytorch_lightning",
        ),
        (
            {"data": OF_LIGHTNING["data"]},
            "module tests.own_task:Classifier is of pytorch_lightning, and training data tests.own_lightning_task:Data "
            "of lightning.pytorch",
        ),
        (
            {"callbacks": ("tests.own_lightning_task:Decays",)},
            "is of pytorch_lightning, and callback tests.own_lightning_task:Decays of lightning.pytorch",
        ),
        (OF_LIGHTNING | {"callbacks": ("tests.own_lightning_task:Stops",)}, "Stops stops a training early"),
    ],
)
def test_the_parts_of_a_training_are_of_one_package(changes, said):
    with pytest.raises(InputError, match=said):
        fit(training(**changes))


def test_a_package_that_is_too_old_is_told_with_what_to_install(monkeypatch):
    monkeypatch.setattr(lightning.pytorch, "__version__", "2.5.1")
    door.prepare.cache_clear()
    with pytest.raises(MissingPackage, match=r"lightning.pytorch 2.5.1 is too old: .*pip install 'lightning>=2.6'"):
        fit(training(**OF_LIGHTNING))


@pytest.mark.parametrize("hook", ["setup", "configure_model"])
def test_what_is_made_in_a_hook_is_tested_with_its_trained_state(hook):
    given = training("Lazy", epochs=1, options={"hook": hook})
    metric = Metric(name="val_weights", goal="maximize", label="weights", test_name="test_weights")
    net, trained = fit(given, metric=metric)
    assert set(trained.beside) == {"head.weight", "head.bias"}
    of = {"training": given, "seed": 0, "device": CPU}
    assert own_fit.test_own(net, trained.beside, metric=metric, **of).value == trained.curve[-1].value
    start = net[0].weight.clone()
    assert validation_inputs(net, trained.beside, most=20, **of).shape == (20, 3, 8, 8)
    assert torch.equal(net[0].weight, start)


def test_a_training_leaves_the_process_as_it_was(monkeypatch):
    monkeypatch.setenv("SEPLACE_TEST_OTHER", "kept")

    def state() -> tuple:
        of_torch = torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()
        return Path.cwd(), dict(os.environ), *of_torch, torch.are_deterministic_algorithms_enabled()

    before = state()
    given = training("Leaves", epochs=1, trainer={"max_epochs": 1, "deterministic": True})
    first, second = (fit(given)[1] for _ in range(2))
    assert state() == before
    assert first.curve == second.curve


def test_networks_of_one_seed_see_the_same_batches_and_another_seed_others():
    given = training(epochs=1)
    digests = [fit(given, seed=seed, start=network(channels))[1].batches for seed, channels in ((0, 4), (0, 6), (1, 4))]
    assert digests[0] == digests[1] != digests[2]
    validated_on_others = training(epochs=1, data=f"{HERE}:OtherValidation")
    assert fit(validated_on_others)[1].batches != digests[0]


@pytest.mark.parametrize(
    ("changes", "metric", "said"),
    [
        pytest.param(
            {},
            replace(MIOU, name="val_acuracy"),
            r"no 'val_acuracy' in validation. Did you mean 'val_accuracy'\? "
            r"\(logged: train_loss, val_accuracy, val_loss\)",
            id="a metric that is not logged",
        ),
        pytest.param(
            {"options": {"how": "forgets"}},
            replace(MIOU, name="val_at_first"),
            r"no 'val_at_first' in the validation of epoch 2.*\(logged: train_loss, val_accuracy",
            id="a metric of an earlier validation",
        ),
        pytest.param(
            {"options": {"how": "forgets"}},
            replace(MIOU, name="val_of_training"),
            r"no 'val_of_training' in validation.*\(logged: train_loss, ",
            id="a metric of the training steps",
        ),
        pytest.param(
            {"options": {"how": "refuses"}},
            MIOU,
            r"made of the network Sequential, which its first parameter `network` gets: "
            r"ValueError: the network has no decoder \(own_task.py:\d+\)",
            id="refused",
        ),
        pytest.param({"options": {"how": "copies"}}, MIOU, "would not be trained: keep it", id="another network"),
        pytest.param(
            {"module": "Unchanged"},
            MIOU,
            r"hold the network.*: it must take the network as its first parameter \(it has optimizer, weight_decay\); ",
            id="no network taken",
        ),
        pytest.param(
            {"options": {"how": "stops"}},
            MIOU,
            "stopped after 2 of its 3 epochs: a callback or the module set",
            id="stops",
        ),
        pytest.param(
            {"options": {"how": "returns nothing"}},
            MIOU,
            "Broken was not trained: its training_step returned None in every step; return the loss",
            id="no loss",
            marks=pytest.mark.filterwarnings("ignore:.training_step. returned .None.:UserWarning"),
        ),
        pytest.param({"module": "no_module"}, MIOU, "returns a Sequential, not a LightningModule", id="no module"),
        pytest.param(
            {"data": f"{HERE}:WithoutValidation"},
            MIOU,
            "has no val_dataloader: there is nothing to compare",
            id="no validation",
        ),
        pytest.param(
            {"callbacks": (f"{HERE}:Stops",)},
            MIOU,
            "training.callbacks: .*Stops stops a training early",
            id="early stopping",
        ),
        pytest.param(
            {"callbacks": (f"{HERE}:Longer",)}, MIOU, "goes on after its 3 epochs: a callback", id="a longer training"
        ),
        pytest.param(
            {"callbacks": ({"path": f"{HERE}:Averages", "options": {"swa_lrs": 0.1}},)},
            MIOU,
            "Averages trains an epoch more, or changes the weights after the last validation",
            id="stochastic weight averaging",
        ),
        pytest.param(
            {"trainer": {"max_epochs": 3, "gradient_clip_val": 1.0, "detect_anomaly": True, "val_check_interval": 9}},
            MIOU,
            "val_check_interval",
            id="refused by Lightning",
        ),
    ],
)
def test_what_cannot_be_trained_is_named(changes, metric, said):
    given = {"module": "Broken"} | changes if "options" in changes else changes
    with pytest.raises(InputError, match=said):
        fit(training(**given), metric=metric)


@pytest.mark.parametrize(
    ("how", "metric", "reason", "said"),
    [
        ("loss", MIOU, "diverged", "the training loss became nan in epoch 1"),
        ("value", replace(MIOU, name="val_accuracy_of_none"), "diverged", "val_accuracy_of_none became nan in epoch 1"),
        ("memory", MIOU, "oom", "memory ran out: CUDA out of memory"),
    ],
)
def test_a_failed_training_has_its_name(how, metric, reason, said):
    with pytest.raises(TrainingFailed, match=said) as caught:
        fit(training("Broken", options={"how": how}), metric=metric)
    assert caught.value.reason == reason
