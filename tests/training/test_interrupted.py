"""Trainings that are interrupted or stop at a rung, and go on from their checkpoints."""

import io
import itertools
import os
import pickle
import warnings
from functools import partial

import pytest
import torch

from seplace.files.atomic import sha256_of
from seplace.training.checkpoints import Checkpoint, resume_point, write_checkpoint
from seplace.training.fit import train
from tests.toy_training import (
    ADAMW,
    CPU,
    EPOCHS,
    MIXED,
    PADDED,
    assert_equal,
    network,
    overflowing,
    recipe,
    trained,
    training_batches,
    validation,
)


class Stop(Exception):
    """What interrupts a training here."""


SGD = [{}, {"ema_decay": 0.8}, {"schedule": "one_cycle", "nesterov": True}]
OTHERS = [
    ADAMW | {"gradient_clip_norm": 0.5},
    {"precision": "fp16"},  # the scale of its loss is part of the training
]


@pytest.mark.parametrize(
    ("changes", "epoch"), [*itertools.product(SGD, range(1, EPOCHS)), *((changes, 2) for changes in OTHERS)]
)
def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path, changes, epoch):
    checkpoint = Checkpoint(path=tmp_path / "a.ckpt", every_seconds=0)
    epochs = []

    def stop(at: int) -> None:
        if at == epoch:
            raise Stop

    start = network if changes.get("precision") != "fp16" else overflowing
    like = partial(trained, recipe(**changes), augmentation=MIXED if "optimizer" in changes else PADDED)
    with pytest.raises(Stop):
        like(checkpoint=checkpoint, on_epoch=stop, start=start())
    resumed, resumed_curve = like(checkpoint=checkpoint, on_epoch=epochs.append, start=start())
    torch.rand(1)  # another state of the global generator
    whole, whole_curve = like(start=start())
    assert epochs == list(range(epoch + 1, EPOCHS + 1))
    assert_equal(resumed, whole)
    assert resumed_curve == whole_curve
    assert resumed_curve[-1].correct is not None
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
    epochs = []
    with pytest.warns(UserWarning, match=r"se4\.parallel_seed0\.damaged: the checkpoint is damaged"):
        again, curve = trained(recipe(), checkpoint=checkpoint, on_epoch=epochs.append)
    whole, whole_curve = trained(recipe())
    assert epochs == [1, 2, 3, 4]
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


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(
            lambda content: content | {"seplace_schema": 2, "seplace": "0.20.0"}, "version.*0.20.0", id="newer"
        ),
        pytest.param(lambda content: content | {"seplace_schema": "1"}, "another version", id="no version"),
        pytest.param(lambda content: content | {"epoch": "1"}, "damaged", id="no epoch"),
        pytest.param(lambda content: {"epoch": content["epoch"]}, "damaged", id="nothing but an epoch"),
        pytest.param(lambda content: [content], "damaged", id="a list"),
        pytest.param(lambda content: content["state_dict"]["weight"], "damaged", id="a tensor"),
    ],
)
def test_what_is_no_checkpoint_of_this_version_is_put_aside(tmp_path, change, says):
    checkpoint = Checkpoint(path=tmp_path / "a.ckpt")
    entries = ("global_step", "optimizer_states", "lr_schedulers", "loops", "curve")
    honest = {"epoch": 1, "state_dict": {"weight": torch.ones(3)}, **dict.fromkeys(entries)}
    write_checkpoint(honest, checkpoint.path)
    assert resume_point(checkpoint) == (checkpoint.path, 2)
    buffer = io.BytesIO()
    torch.save(change(honest), buffer)
    checkpoint.path.write_bytes(sha256_of(buffer.getvalue()).encode() + buffer.getvalue())
    with pytest.warns(UserWarning, match=rf"a\.damaged: the checkpoint is .*{says}.*; its training starts again"):
        assert resume_point(checkpoint) == (None, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["a.damaged"]


def test_a_checkpoint_that_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.ckpt")
    with pytest.warns(UserWarning, match="the checkpoint is no file"):
        assert resume_point(Checkpoint(path=tmp_path / "a.ckpt")) == (None, 0)


def test_a_checkpoint_holds_plain_types_only(tmp_path):
    data = interrupted(Checkpoint(path=tmp_path / "a.ckpt", every_seconds=0))
    content = torch.load(io.BytesIO(data[64:]), weights_only=True)
    assert content["epoch"] == 1
    assert [point["epoch"] for point in content["curve"]] == [2]


def test_checkpoints_are_written_no_more_often_than_set(tmp_path):
    files = []
    trained(
        recipe(),
        checkpoint=Checkpoint(path=tmp_path / "a.ckpt", every_seconds=1e6),
        on_epoch=lambda _: files.extend(tmp_path.iterdir()),
    )
    assert files == []


def read_early(tmp_path, changes, *stretches, scored=(1, 2, 3, EPOCHS)):
    """Train in stretches, each in a call of its own; return what the last one gave, and the epochs of each."""
    checkpoint, epochs = Checkpoint(path=tmp_path / "a.ckpt"), []
    for until in stretches:
        epochs.append([])
        net, curve = train(
            network(),
            recipe=recipe(**changes),
            batches=training_batches(),
            validation=validation(),
            device=CPU,
            checkpoint=checkpoint,
            on_epoch=epochs[-1].append,
            until=until,
            scored=scored,
        )
        assert curve[-1].epoch == until
        assert checkpoint.path.exists() == (until < EPOCHS)
    return net, curve, epochs


@pytest.mark.parametrize(
    "changes",
    [{}, {"ema_decay": 0.8}, {"schedule": "one_cycle", "warmup_epochs": 1}, {"precision": "bf16", "nesterov": True}],
    ids=["cosine", "averaged", "one cycle", "bf16"],
)
@pytest.mark.parametrize("stretches", [(1, EPOCHS), (1, 2, EPOCHS), (3, EPOCHS)])
def test_a_training_that_stopped_at_rungs_goes_on_to_the_numbers_of_one_that_did_not(tmp_path, changes, stretches):
    net, curve, epochs = read_early(tmp_path, changes, *stretches)
    whole, whole_curve, _ = read_early(tmp_path, changes, EPOCHS)
    assert_equal(net, whole)
    assert curve == whole_curve
    assert [epoch for part in epochs for epoch in part] == [1, 2, 3, 4]


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
    _, again, epochs = read_early(tmp_path, {}, 2)
    assert again == at_two
    assert epochs == [[]]
    read_early(tmp_path, {}, 3)
    _, again, epochs = read_early(tmp_path, {}, 2)
    assert again == at_two
    assert epochs == [[]]
