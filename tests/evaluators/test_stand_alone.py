import importlib.metadata
import importlib.util
import json
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch

from seplace.errors import DeviceUnavailable, MissingPackage, TrainingFailed
from seplace.evaluators.stand_alone import StandAlone, make
from seplace.interval import Interval
from seplace.placement import Placement
from seplace.proxies.untrained import minibatch
from seplace.results.evaluation import Evaluation, Job
from seplace.study.config import load_study
from seplace.study.differences import differences
from tests.studies import write_study

RESULTS_OF_0_1 = Path(__file__).resolve().parents[2] / "results" / "cifar10-resnet8"


def test_a_study_of_version_0_1_means_the_same_today() -> None:
    counted = json.loads((RESULTS_OF_0_1 / "costs.json").read_text())
    config = load_study("cifar10-resnet8")
    assert counted["key"]["space"] == config.search_space.fingerprint()
    today = config.fingerprint()
    earlier = {key: value for key, value in today.items() if key != "training.freeze"}
    assert differences(earlier, today) == []
    assert differences(earlier, today | {"training.freeze": "backbone"}) == ['training.freeze: absent -> "backbone"']


def test_a_training_that_goes_on_from_its_rungs_leaves_what_a_whole_one_leaves(tmp_path: Path) -> None:
    training = {"epochs": 4, "ema_decay": 0.9}
    config = load_study(write_study(tmp_path, training=training, search={"rungs": [1, 3]}))
    placement = Placement.parse("none-eca-se4")
    parts, whole = (StandAlone(config, tmp_path / name, device="cpu") for name in ("parts", "whole"))
    early, later, end = (
        parts.evaluate(Job(placement=placement, seed=2, epochs=epochs), on_epoch=lambda _: None) for epochs in (1, 3, 4)
    )
    straight = whole.evaluate(Job(placement=placement, seed=2, epochs=4), on_epoch=lambda _: None)
    assert (early.epochs, early.value, early.cross_entropy) == (1, *scores_of(straight, 0))
    assert (later.epochs, later.value, later.cross_entropy) == (3, *scores_of(straight, 2))
    assert early.weights is later.weights is None
    assert end.curve == straight.curve
    assert (early.correct, later.correct) == (None, None)
    assert end.correct == straight.correct is not None
    assert [point["epoch"] for point in end.curve] == [1, 2, 3, 4]
    assert end.weights_sha256 == straight.weights_sha256
    assert [path.name for path in (tmp_path / "parts" / "weights").iterdir()] == [end.weights]
    assert list((tmp_path / "parts" / "checkpoints").iterdir()) == []


def scores_of(evaluation: Evaluation, point: int) -> tuple[float | None, float | None]:
    return evaluation.curve[point]["value"], evaluation.curve[point]["cross_entropy"]


def test_a_stopped_training_leaves_a_checkpoint_that_the_full_length_names(tmp_path: Path) -> None:
    config = load_study(write_study(tmp_path, training={"epochs": 3}, search={"rungs": [1]}))
    evaluator = StandAlone(config, tmp_path / "out", device="cpu")
    placement = Placement.parse("none-none-none")
    found = evaluator.evaluate(Job(placement=placement, seed=0, epochs=1), on_epoch=lambda _: None)
    assert (found.state, found.epochs, len(found.curve)) == ("complete", 1, 1)
    assert not (tmp_path / "out" / "weights").exists()
    assert [path.name for path in (tmp_path / "out" / "checkpoints").iterdir()] == ["none-none-none_seed0_epochs3.ckpt"]


def test_a_training_goes_on_from_the_checkpoint_that_version_0_10_left(tmp_path: Path) -> None:
    changes = {"training": {"epochs": 2}, "search": {"rungs": [1]}}
    evaluator = make(load_study(write_study(tmp_path, **changes)), tmp_path, worker=0)
    whole = Job(placement=Placement.parse("none-none-se[squeeze=max]4"), seed=0, epochs=2)
    evaluator.evaluate(replace(whole, epochs=1), on_epoch=lambda _epoch: None)
    (checkpoint,) = (tmp_path / "checkpoints").iterdir()
    assert checkpoint.name == f"{whole.file_name}.ckpt" != "none-none-se[squeeze=max]4_seed0_epochs2.ckpt"
    checkpoint.rename(checkpoint.with_name("none-none-se[squeeze=max]4_seed0_epochs2.ckpt"))
    epochs: list[int] = []
    evaluator.evaluate(whole, on_epoch=epochs.append)
    assert epochs == [2]


def test_a_training_that_fails_on_its_way_leaves_no_checkpoint(tmp_path: Path) -> None:
    config = load_study(write_study(tmp_path, training={"epochs": 3}, search={"rungs": [1]}))
    evaluator = StandAlone(config, tmp_path / "out", device="cpu")
    job = Job(placement=Placement.parse("none-none-none"), seed=0, epochs=1)
    evaluator.evaluate(job, on_epoch=lambda _: None)

    def fail(epoch: int) -> None:
        raise TrainingFailed("diverged", f"the training loss became nan in epoch {epoch}")

    found = evaluator.evaluate(replace(job, epochs=3), on_epoch=fail)
    assert (found.state, found.reason) == ("failed", "diverged")
    assert list((tmp_path / "out" / "checkpoints").iterdir()) == []


def test_a_worker_has_the_device_and_the_threads_of_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    config = load_study(write_study(tmp_path, run={"accelerator": "cpu", "threads": 3}))
    assert make(config, tmp_path, worker=1).networks.device == torch.device("cpu")
    assert threads == [3]


def test_a_network_may_be_trained_on_the_validation_images_too(tmp_path: Path) -> None:
    config = load_study(write_study(tmp_path))
    on_train = make(config, tmp_path, worker=0).networks
    on_both = make(replace(config, trained_on="train+validation"), tmp_path, worker=0).networks
    assert [len(each.training_batches(seed=0)) for each in (on_train, on_both)] == [2, 3]  # 128 and 192 images by 64
    assert on_both.images.mean == on_train.images.mean


@pytest.mark.parametrize(
    ("training", "error", "says"),
    [
        pytest.param(
            {"randaugment": {"layers": 2, "magnitude": 9}},
            MissingPackage,
            r"pip install 'seplace\[augment\]'",
            id="kornia",
        ),
        pytest.param({"precision": "fp16"}, DeviceUnavailable, "fp16 needs a GPU", id="fp16 on a CPU"),
    ],
)
def test_what_a_recipe_needs_is_looked_for_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, training: dict[str, Any], error: type[Exception], says: str
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    config = load_study(write_study(tmp_path, training=training, run={"accelerator": "cpu"}))
    with pytest.raises(error, match=says) as caught:
        make(config, tmp_path, worker=0)
    assert getattr(caught.value, "exit_code", None) == 3


def test_a_recipe_says_how_images_are_augmented_and_mixed(tmp_path: Path) -> None:
    training = {"random_resized_crop": {}, "mixup": {"alpha": 1.0}}
    networks = make(load_study(write_study(tmp_path, training=training)), tmp_path, worker=0).networks
    images, shares = next(iter(networks.training_batches(seed=0)))
    assert shares.shape == (64, 10)
    alone, labels = next(iter(networks.training_batches(seed=0, mixes=False)))
    assert labels.dtype == torch.int64
    by_class = torch.nn.functional.one_hot(labels, 10).float()
    assert not torch.equal(shares, by_class)
    assert not torch.equal(images, alone)
    assert torch.allclose(shares.mean(dim=0), by_class.mean(dim=0))
    assert minibatch(networks, 8, seed=0)[1].dtype == torch.int64


def test_a_training_names_the_version_of_what_augmented_its_images(tmp_path: Path) -> None:
    training = {"randaugment": {"layers": 1, "magnitude": 9}, "optimizer": "adamw", "momentum": None}
    evaluator = make(load_study(write_study(tmp_path, training=training)), tmp_path / "out", worker=0)
    job = Job(placement=Placement.parse("none-none-none"), seed=0, epochs=1)
    found = evaluator.evaluate(job, on_epoch=lambda _: None)
    assert found.state == "complete"
    assert found.versions["kornia"] == importlib.metadata.version("kornia")


def test_the_plain_backbone_takes_nothing_more_than_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_study(write_study(tmp_path))
    milliseconds = (Interval(value=1.5 + at, lower=1.0, upper=9.0) for at in count())  # no two measurements are equal

    def measured(networks: list[torch.nn.Module], _: torch.Tensor) -> list[Interval]:
        return [next(milliseconds) for _ in networks]

    monkeypatch.setattr("seplace.costs.latency.measure_latencies", measured)
    texts = ("none-se4-none", "none-none-none", "none-none-eca")
    found = StandAlone(config, tmp_path / "out", device="cpu").latencies([*map(Placement.parse, texts)])
    assert list(found) == [*texts]
    assert [row["extra_latency_ms"] for row in found.values()] == [1.0, 0.0, 2.0]
    assert [row["latency_ms"] for row in found.values()] == [2.5, 1.5, 3.5]
