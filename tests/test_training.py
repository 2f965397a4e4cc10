import io
import math
import os
import pickle
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from seplace.datasets.image_set import Split
from seplace.datasets.loader import Augmentation, BatchLoader
from seplace.errors import TrainingFailed
from seplace.files import sha256_of
from seplace.models import freeze_backbone
from seplace.recipe import Recipe
from seplace.training import Checkpoint, Score, measure_score, time_step, train
from tests.networks import network_of

CPU = torch.device("cpu")
EPOCHS, BATCHES = 4, 3


class Stop(Exception):
    """What interrupts a training here."""


def recipe(**changes) -> Recipe:
    values = {
        "epochs": EPOCHS,
        "batch_size": 16,
        "learning_rate": 0.2,
        "momentum": 0.9,
        "weight_decay": 0.01,
        "schedule": "cosine",
    }
    return Recipe(**(values | changes))


def split(count: int = 16 * BATCHES, seed: int = 0) -> Split:
    random = np.random.default_rng(seed)
    return Split(random.integers(0, 256, (count, 1, 8, 8), dtype=np.uint8), random.integers(0, 5, count))


def loader(split: Split, *, shuffle_seed: int | None, channels_last: bool = False) -> BatchLoader:
    return BatchLoader(
        split,
        batch_size=16,
        mean=(0.5,),
        std=(0.25,),
        device=CPU,
        augmentation=None if shuffle_seed is None else Augmentation(crop_padding=1, flip=True, cutout=2),
        shuffle_seed=shuffle_seed,
        memory_format=torch.channels_last if channels_last else torch.contiguous_format,
    )


def training_batches(**changes) -> BatchLoader:
    return loader(split(), shuffle_seed=3, **changes)


def validation(**changes) -> BatchLoader:
    return loader(split(40, seed=1), shuffle_seed=None, **changes)


def network() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1, bias=False),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(24, 5),
        )


def trained(recipe: Recipe, *, checkpoint: Checkpoint | None = None, on_epoch=lambda _: None, start=None):
    layout = {"channels_last": recipe.channels_last}
    return train(
        start or network(),
        recipe=recipe,
        batches=training_batches(**layout),
        validation=validation(**layout),
        device=CPU,
        checkpoint=checkpoint,
        on_epoch=on_epoch,
    )


def trained_by_hand(recipe: Recipe) -> tuple[nn.Module, list[float]]:
    """The same training as a bare loop; returns the network whose score counts, and the mean losses by epoch."""
    net, averaged = network(), None
    kernels = [p for p in net.parameters() if p.ndim > 1]
    others = [p for p in net.parameters() if p.ndim == 1]
    optimizer = torch.optim.SGD(
        [{"params": kernels, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        fused=True,
    )
    batches = training_batches()
    total, warmup = recipe.epochs * len(batches), round(recipe.warmup_epochs * len(batches))
    one_cycle = None
    if recipe.schedule == "one_cycle":
        one_cycle = OneCycleLR(
            optimizer, recipe.learning_rate, total + 1, pct_start=max(1, warmup) / total, cycle_momentum=False
        )
    losses, step = [], 0
    for epoch in range(recipe.epochs):
        batches.set_epoch(epoch)
        epoch_losses = []
        for images, labels in batches:
            if one_cycle is None:
                share = (
                    (step + 1) / (warmup + 1)
                    if step < warmup
                    else (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2
                )
                for group in optimizer.param_groups:
                    group["lr"] = recipe.learning_rate * share
            loss = F.cross_entropy(net(images), labels, label_smoothing=recipe.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if one_cycle is not None:
                one_cycle.step()
            epoch_losses.append(float(loss.detach()))
            step += 1
            if recipe.ema_decay is not None:
                state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
                for name, tensor in (averaged or {}).items():
                    if tensor.is_floating_point():
                        state[name] = tensor.lerp(state[name], 1 - recipe.ema_decay)
                averaged = state
        losses.append(float(np.mean(epoch_losses)))
    if averaged is not None:
        net.load_state_dict(averaged)
    return net.eval(), losses


def assert_equal(one: nn.Module, other: nn.Module, *, leave_out: str = " ") -> None:
    ours, theirs = one.state_dict(), other.state_dict()
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        if leave_out not in name:
            assert torch.equal(tensor, theirs[name]), name


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="cosine"),
        pytest.param({"warmup_epochs": 1.5, "nesterov": True}, id="warm-up that ends inside an epoch"),
        pytest.param({"momentum": 0.0, "weight_decay": 0.0}, id="plain SGD"),
        pytest.param({"schedule": "one_cycle", "warmup_epochs": 1}, id="one cycle"),
        pytest.param({"schedule": "one_cycle"}, id="one cycle without warm-up"),
        pytest.param({"label_smoothing": 0.1}, id="label smoothing"),
        pytest.param({"ema_decay": 0.8}, id="averaged weights"),
        pytest.param({"epochs": 1}, id="a single epoch"),
    ],
)
def test_equals_a_bare_loop_to_the_last_bit(changes):
    wanted = recipe(**changes)
    net, curve = trained(wanted)
    by_hand, losses = trained_by_hand(wanted)
    # How many batches an average has seen is no weight; an average of that count means nothing.
    assert_equal(net, by_hand, leave_out="num_batches_tracked" if wanted.ema_decay else " ")
    assert not net.training
    assert [point.epoch for point in curve] == list(wanted.check_epochs)
    assert [point.train_loss for point in curve] == pytest.approx(
        [losses[n - 1] for n in wanted.check_epochs], rel=1e-6
    )
    last = measure_score(by_hand, validation(), precision="fp32")
    assert Score(accuracy=curve[-1].accuracy, cross_entropy=curve[-1].cross_entropy) == last


def test_the_global_random_state_does_not_matter():
    torch.manual_seed(1)
    one, _ = trained(recipe())
    torch.manual_seed(2)
    other, _ = trained(recipe())
    assert_equal(one, other)


@pytest.mark.parametrize("changes", [{}, {"ema_decay": 0.8}, {"schedule": "one_cycle", "nesterov": True}])
@pytest.mark.parametrize("epoch", range(1, EPOCHS))
def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path, changes, epoch):
    checkpoint = Checkpoint(path=tmp_path / "a.ckpt", every_seconds=0)
    heard = []

    def stop(at: int) -> None:
        if at == epoch:
            raise Stop

    with pytest.raises(Stop):
        trained(recipe(**changes), checkpoint=checkpoint, on_epoch=stop)
    resumed, resumed_curve = trained(recipe(**changes), checkpoint=checkpoint, on_epoch=heard.append)
    whole, whole_curve = trained(recipe(**changes))
    assert heard == list(range(epoch + 1, EPOCHS + 1))
    assert_equal(resumed, whole)
    assert resumed_curve == whole_curve
    assert list(tmp_path.iterdir()) == []


def interrupted(checkpoint: Checkpoint) -> bytes:
    """Train until the end of epoch 2; return the checkpoint."""

    def stop(at: int) -> None:
        if at == 2:
            raise Stop

    with pytest.raises(Stop):
        trained(recipe(), checkpoint=checkpoint, on_epoch=stop)
    return checkpoint.path.read_bytes()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: data[:3000] + bytes([data[3000] ^ 1]) + data[3001:], id="one bit"),
        pytest.param(lambda data: b"0" * 64 + data[64:], id="digest"),
        pytest.param(lambda data: data[: len(data) // 2], id="cut"),
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda _: sha256_of(b"no zip").encode() + b"no zip", id="foreign content"),
    ],
)
def test_a_damaged_checkpoint_is_put_aside_and_the_training_starts_again(tmp_path, damage):
    checkpoint = Checkpoint(path=tmp_path / "se4.parallel_seed0.ckpt", every_seconds=0)
    data = damage(interrupted(checkpoint))
    checkpoint.path.write_bytes(data)
    heard = []
    with pytest.warns(UserWarning, match=r"se4\.parallel_seed0\.damaged: the checkpoint is damaged"):
        again, curve = trained(recipe(), checkpoint=checkpoint, on_epoch=heard.append)
    whole, whole_curve = trained(recipe())
    assert heard == [1, 2, 3, 4]
    assert_equal(again, whole)
    assert curve == whole_curve
    assert [path.name for path in tmp_path.iterdir()] == ["se4.parallel_seed0.damaged"]
    assert (tmp_path / "se4.parallel_seed0.damaged").read_bytes() == data


def test_a_hostile_checkpoint_runs_nothing(tmp_path):
    canary = tmp_path / "canary"

    class Hostile:
        def __reduce__(self):
            return os.system, (f"touch {canary}",)

    buffer = io.BytesIO()
    torch.save({"state_dict": Hostile()}, buffer)
    checkpoint = Checkpoint(path=tmp_path / "a.ckpt")
    for data in (buffer.getvalue(), pickle.dumps(Hostile())):
        checkpoint.path.write_bytes(sha256_of(data).encode() + data)
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            trained(recipe(epochs=1), checkpoint=checkpoint)
        assert not canary.exists()


def test_a_checkpoint_holds_plain_types_only(tmp_path):
    data = interrupted(Checkpoint(path=tmp_path / "a.ckpt", every_seconds=0))
    content = torch.load(io.BytesIO(data[64:]), weights_only=True)
    assert content["epoch"] == 1
    assert [point["epoch"] for point in content["curve"]] == [2]


def test_checkpoints_are_written_no_more_often_than_asked(tmp_path):
    files = []
    trained(
        recipe(),
        checkpoint=Checkpoint(path=tmp_path / "a.ckpt", every_seconds=1e6),
        on_epoch=lambda _: files.extend(tmp_path.iterdir()),
    )
    assert files == []


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_the_training_by_name(value):
    net = network()

    def poison(epoch: int) -> None:
        if epoch == 2:
            with torch.no_grad():
                net[5].weight.fill_(value)

    with pytest.raises(TrainingFailed, match=r"the training loss became (nan|inf) in epoch 3") as caught:
        trained(recipe(), start=net, on_epoch=poison)
    assert caught.value.reason == "diverged"


def test_a_validation_loss_that_is_no_number_ends_the_training_by_name():
    with pytest.raises(TrainingFailed, match=r"the (validation|training) loss became (nan|inf) in epoch 1") as caught:
        trained(recipe(epochs=1, learning_rate=1e30, momentum=0.0, weight_decay=1e9))
    assert caught.value.reason == "diverged"


class Hungry(nn.Module):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 5)
        self.error = error

    def forward(self, _images):
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_memory_that_runs_out_has_a_name(error):
    with pytest.raises(TrainingFailed, match="memory ran out") as caught:
        trained(recipe(), start=Hungry(error))
    assert caught.value.reason == "oom"


def test_another_error_stays_what_it_is():
    with pytest.raises(RuntimeError, match="a bug") as caught:
        trained(recipe(), start=Hungry(RuntimeError("a bug")))
    assert not isinstance(caught.value, TrainingFailed)


@pytest.mark.parametrize("changes", [{"precision": "bf16"}, {"channels_last": True}])
def test_other_precisions_and_layouts_train_too(changes):
    _, curve = trained(recipe(**changes))
    _, plain = trained(recipe())
    assert math.isfinite(curve[-1].cross_entropy)
    assert curve[-1].train_loss == pytest.approx(plain[-1].train_loss, abs=0.1)
    assert next(trained(recipe(**changes))[0].parameters()).dtype == torch.float32


class Sure(nn.Module):
    """Logits that are the images themselves."""

    def forward(self, images):
        assert not self.training
        return images.flatten(1)


@pytest.mark.parametrize("choice", ["se4", "eca.cross", "gc4", "sk4.kernel", "simam.post"])
def test_a_frozen_backbone_lets_only_what_was_inserted_learn(choice):
    start = network_of("cifar_resnet8[width=0.5]", choice, init="identity", in_channels=1, num_classes=5)
    with torch.no_grad():
        for module in start.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_()
    freeze_backbone(start)
    learning = {key for key, parameter in start.named_parameters() if parameter.requires_grad}
    before = {key: tensor.clone() for key, tensor in start.state_dict().items()}
    after, curve = trained(recipe(), start=start)
    moved = {key for key, tensor in after.state_dict().items() if not torch.equal(tensor, before[key])}
    # Of a softmax nothing depends on a bias that all positions share.
    assert moved >= {key for key in learning if not key.endswith("attend.bias")}
    assert all(key in learning or ".kernel.dilated." in key or ".kernel.gate." in key for key in moved)
    assert all("gate" in key or ".kernel.dilated." in key for key in learning)
    assert curve[-1].train_loss is not None


def test_a_frozen_backbone_without_attention_is_scored_as_it_is():
    start = network_of("cifar_resnet8[width=0.5]", in_channels=1, num_classes=5)
    freeze_backbone(start)
    before = {key: tensor.clone() for key, tensor in start.state_dict().items()}
    score = measure_score(start, validation(), precision="fp32")
    heard = []
    after, curve = trained(recipe(), start=start, on_epoch=heard.append)
    assert all(torch.equal(tensor, before[key]) for key, tensor in after.state_dict().items())
    assert {(point.accuracy, point.cross_entropy) for point in curve} == {(score.accuracy, score.cross_entropy)}
    assert {point.train_loss for point in curve} == {None}
    assert heard == [EPOCHS]
    assert time_step(start, training_batches(), recipe=recipe()) == 0


def test_a_score_by_arithmetic():
    # Right, right, wrong: -log softmax is log(1 + e^-1), log 2 (a tie goes to the first class), log(1 + e^2).
    logits = torch.tensor([[1.0, 0.0], [3.0, 3.0], [2.0, 0.0]])
    labels = torch.tensor([0, 0, 1])
    batches = [(logits[:2, None, None], labels[:2]), (logits[2:, None, None], labels[2:])]
    net = Sure()
    score = measure_score(net, batches, precision="fp32")
    assert score.accuracy == pytest.approx(200 / 3)
    expected = (math.log1p(math.exp(-1)) + math.log(2) + math.log1p(math.exp(2))) / 3
    assert score.cross_entropy == pytest.approx(expected, rel=1e-6)
    assert net.training


def test_a_step_takes_time_and_leaves_the_first_batches():
    assert 0 < time_step(network(), training_batches(), recipe=recipe(), steps=2) < 10


def read_early(tmp_path, changes, *stretches, scored=(1, 2, 3, EPOCHS)):
    """Train in stretches, each in a call of its own; return what the last one gave, and the epochs of each."""
    checkpoint, heard = Checkpoint(path=tmp_path / "a.ckpt"), []
    for until in stretches:
        heard.append([])
        net, curve = train(
            network(),
            recipe=recipe(**changes),
            batches=training_batches(),
            validation=validation(),
            device=CPU,
            checkpoint=checkpoint,
            on_epoch=heard[-1].append,
            until=until,
            scored=scored,
        )
        assert curve[-1].epoch == until
        assert checkpoint.path.exists() == (until < EPOCHS)
    return net, curve, heard


@pytest.mark.parametrize(
    "changes",
    [{}, {"ema_decay": 0.8}, {"schedule": "one_cycle", "warmup_epochs": 1}, {"precision": "bf16", "nesterov": True}],
    ids=["cosine", "averaged", "one cycle", "bf16"],
)
@pytest.mark.parametrize("stretches", [(1, EPOCHS), (1, 2, EPOCHS), (3, EPOCHS)])
def test_a_training_that_stopped_at_rungs_goes_on_to_the_numbers_of_one_that_did_not(tmp_path, changes, stretches):
    net, curve, heard = read_early(tmp_path, changes, *stretches)
    whole, whole_curve, _ = read_early(tmp_path, changes, EPOCHS)
    assert_equal(net, whole)
    assert curve == whole_curve
    assert [epoch for part in heard for epoch in part] == [1, 2, 3, 4]


def test_an_early_reading_has_the_schedule_of_the_full_length(tmp_path):
    _, early, _ = read_early(tmp_path, {}, 2)
    (tmp_path / "a.ckpt").unlink()
    _, whole, _ = read_early(tmp_path, {}, EPOCHS)
    assert early == whole[:2]
    _, short = trained(recipe(epochs=2))
    assert short[-1].train_loss != early[-1].train_loss


def test_which_epochs_are_scored_changes_nothing_else(tmp_path):
    often, often_curve, _ = read_early(tmp_path, {"ema_decay": 0.8}, EPOCHS)
    seldom, seldom_curve, _ = read_early(tmp_path, {"ema_decay": 0.8}, EPOCHS, scored=(2, EPOCHS))
    assert_equal(often, seldom)
    assert [often_curve[1], often_curve[3]] == seldom_curve


def test_a_rung_whose_result_was_lost_is_read_from_its_checkpoint(tmp_path):
    """Killed between the checkpoint and the commit; or the checkpoint lies further on."""
    _, at_two, _ = read_early(tmp_path, {}, 2)
    _, again, heard = read_early(tmp_path, {}, 2)
    assert again == at_two
    assert heard == [[]]
    read_early(tmp_path, {}, 3)
    _, again, heard = read_early(tmp_path, {}, 2)
    assert again == at_two
    assert heard == [[]]
