"""The optimizer and the schedule of a recipe."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from seplace.study.recipe import Recipe, cosine_factor


def trainable_parameters(network: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that learn."""
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def optimizer_of(recipe: Recipe, parameters: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    """Return the optimizer of a recipe; weight decay is on matrices and kernels only.

    AdamW takes the decay times the learning rate from the weights themselves (Loshchilov and Hutter, arXiv:1711.05101,
    algorithm 2, with the schedule in the learning rate); SGD adds it to the gradient.
    """
    is_fused = recipe.precision != "fp16"  # fused SGD spoils its momentum in the steps that fp16 leaves out
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=recipe.betas, fused=is_fused)
    assert recipe.momentum is not None
    return torch.optim.SGD(
        groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=recipe.nesterov, fused=is_fused
    )


def schedule_of(recipe: Recipe, optimizer: torch.optim.Optimizer, *, steps_per_epoch: int) -> LRScheduler:
    """Return the schedule of the learning rate, by the step."""
    total = recipe.epochs * steps_per_epoch
    warmup = round(recipe.warmup_epochs * steps_per_epoch)
    if recipe.schedule == "one_cycle":
        return OneCycleLR(
            optimizer,
            max_lr=recipe.learning_rate,
            total_steps=total + 1,
            pct_start=max(warmup, 1) / total,
            cycle_momentum=False,
        )

    def cosine(step: int) -> float:
        return cosine_factor(step, warmup=warmup, total=total)

    return LambdaLR(optimizer, cosine)


def take_step(
    optimizer: torch.optim.Optimizer,
    *,
    parameters: Sequence[nn.Parameter],
    clip_norm: float | None,
    scaler: torch.amp.GradScaler | None,
) -> None:
    """Take a step with the gradients of `parameters`.

    Args:
        optimizer: The optimizer.
        parameters: The parameters that learn.
        clip_norm: The largest norm of all gradients together, or None; longer ones are shortened to it (Pascanu et al.,
            arXiv:1211.5063).
        scaler: What has scaled the loss in fp16; it leaves out a step whose gradients are not finite, and then scales
            less (Micikevicius et al., arXiv:1710.03740). None in other precisions.

    """
    if clip_norm is not None:
        if scaler is not None:
            scaler.unscale_(optimizer)
        clip_grad_norm_(parameters, clip_norm)
    if scaler is None:
        optimizer.step()
    else:
        scaler.step(optimizer)
        scaler.update()
