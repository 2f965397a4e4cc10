import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from seplace.errors import TrainingFailed
from seplace.freezing import freeze_backbone
from seplace.study.recipe import Recipe
from seplace.training.score import Score, measure_score
from tests.networks import network_of
from tests.toy_training import (
    ADAMW,
    EPOCHS,
    MIXED,
    assert_equal,
    network,
    overflowing,
    recipe,
    trained,
    training_batches,
    validation,
)


def trained_by_hand(recipe: Recipe) -> tuple[nn.Module, list[float]]:
    """The same training as a bare loop; returns the network whose score counts, and the mean losses by epoch."""
    net, averaged = network(), None
    kernels = [p for p in net.parameters() if p.ndim > 1]
    others = [p for p in net.parameters() if p.ndim == 1]
    groups = [{"params": kernels, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    if recipe.optimizer == "adamw":
        optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=recipe.betas, fused=True)
    else:
        optimizer = torch.optim.SGD(
            groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=recipe.nesterov, fused=True
        )
    batches = training_batches()
    total, warmup = recipe.epochs * len(batches), round(recipe.warmup_epochs * len(batches))
    one_cycle = None
    if recipe.schedule == "one_cycle":
        one_cycle = OneCycleLR(
            optimizer, recipe.learning_rate, total + 1, pct_start=max(1, warmup) / total, cycle_momentum=False
        )
    losses, step, clipped = [], 0, []
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
            if recipe.gradient_clip_norm is not None:
                norm = torch.stack([p.grad.norm() for p in net.parameters()]).norm()
                for parameter in net.parameters():
                    parameter.grad *= (recipe.gradient_clip_norm / (norm + 1e-6)).clamp(max=1)
                clipped.append(float(norm))
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
    if recipe.gradient_clip_norm is not None:
        assert min(clipped) < recipe.gradient_clip_norm < max(clipped)
    return net.eval(), losses


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
        pytest.param(ADAMW, id="AdamW"),
        pytest.param(ADAMW | {"gradient_clip_norm": 0.5}, id="clipped gradients"),
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
    end = curve[-1]
    assert Score(accuracy=end.accuracy, cross_entropy=end.cross_entropy, correct=end.correct) == last
    assert [point.correct for point in curve[:-1]] == [None] * (len(curve) - 1)


def test_a_batch_in_parts_is_the_same_training_but_for_batch_norm():
    def without_norm() -> nn.Module:
        net = network()
        net[1] = nn.Identity()
        return net

    (whole, curve), (parts, in_parts) = (trained(recipe(accumulate=count), start=without_norm()) for count in (1, 4))
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert [point.train_loss for point in curve] == pytest.approx([point.train_loss for point in in_parts], rel=1e-4)
    with_norm, _ = trained(recipe(accumulate=4))
    assert int(with_norm[1].num_batches_tracked) == 4 * EPOCHS * len(training_batches())


@pytest.mark.parametrize("changes", [{}, {"accumulate": 4}, {"label_smoothing": 0.1}])
def test_mixed_labels_weigh_the_cross_entropy_of_each_class(changes):
    """The loss is that of mixup's eq. 1: λ of the one class and 1 - λ of the other."""
    wanted, net = recipe(epochs=1, learning_rate=1e-9, **changes), network()
    _, curve = trained(wanted, start=net, augmentation=MIXED)
    net, batches, losses = network().train(), training_batches(augmentation=MIXED), []
    for images, shares in batches:
        parts = zip(images.chunk(wanted.accumulate), shares.chunk(wanted.accumulate), strict=True)
        for some, theirs in parts:
            log = net(some).log_softmax(1)
            smooth = wanted.label_smoothing
            loss = -((1 - smooth) * (theirs * log).sum(1) + smooth * log.mean(1)).mean()
            losses.append(float(loss.detach()))
    assert any((shares > 0).sum(1).max() == 2 for _, shares in batches)
    assert curve[-1].train_loss == pytest.approx(np.mean(losses), rel=1e-5)


def test_the_global_random_state_does_not_matter():
    torch.manual_seed(1)
    one, _ = trained(recipe())
    torch.manual_seed(2)
    other, _ = trained(recipe())
    assert_equal(one, other)


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
    """Runs out of memory in its first pass, or on its way to the device already."""

    def __init__(self, error: Exception, *, moves: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 5)
        self.error = error
        self.moves = moves

    def to(self, *args, **kwargs):
        if not self.moves:
            raise self.error
        return super().to(*args, **kwargs)

    def forward(self, _images):
        raise self.error


@pytest.mark.parametrize("moves", [True, False])
@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        MemoryError(),
    ],
)
def test_memory_that_runs_out_has_a_name(error, moves):
    with pytest.raises(TrainingFailed, match="memory ran out") as caught:
        trained(recipe(), start=Hungry(error, moves=moves))
    assert caught.value.reason == "oom"


def test_another_error_stays_what_it_is():
    with pytest.raises(RuntimeError, match="a bug") as caught:
        trained(recipe(), start=Hungry(RuntimeError("a bug")))
    assert not isinstance(caught.value, TrainingFailed)


@pytest.mark.parametrize("changes", [{"precision": "bf16"}, {"precision": "fp16"}, {"channels_last": True}])
def test_other_precisions_and_layouts_train_too(changes):
    _, curve = trained(recipe(**changes))
    _, plain = trained(recipe())
    assert math.isfinite(curve[-1].cross_entropy)
    assert curve[-1].train_loss == pytest.approx(plain[-1].train_loss, abs=0.1)
    assert next(trained(recipe(**changes))[0].parameters()).dtype == torch.float32


def test_steps_whose_gradients_overflow_in_fp16_are_left_out():
    (_, half), (_, single) = (
        trained(recipe(precision=precision), start=overflowing()) for precision in ("fp16", "fp32")
    )
    assert half[-1].train_loss == pytest.approx(single[-1].train_loss, rel=0.1)


@pytest.mark.parametrize("choice", ["se2", "eca.cross", "gc2", "sk4.kernel", "simam.post"])
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
    epochs = []
    after, curve = trained(recipe(), start=start, on_epoch=epochs.append)
    assert all(torch.equal(tensor, before[key]) for key, tensor in after.state_dict().items())
    assert {(point.accuracy, point.cross_entropy) for point in curve} == {(score.accuracy, score.cross_entropy)}
    assert {point.train_loss for point in curve} == {None}
    assert [point.correct for point in curve] == [None, None, score.correct]
    assert epochs == [EPOCHS]
