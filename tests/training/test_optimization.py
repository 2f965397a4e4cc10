import math

import pytest
import torch
from torch import nn

from seplace.training.optimization import optimizer_of, take_step
from tests.toy_training import ADAMW, recipe


def parameter(values: list[float], gradient: list[float]) -> nn.Parameter:
    made = nn.Parameter(torch.tensor([values]))
    made.grad = torch.tensor([gradient])
    return made


def test_adamw_is_the_algorithm_of_its_paper():
    """Algorithm 2 of arXiv:1711.05101 with η = the learning rate and α = 1, for two steps; no decay on vectors."""
    rate, decay = 0.01, 0.1
    for decayed in (True, False):
        weight = parameter([2.0], [3.0])
        if not decayed:
            weight = nn.Parameter(torch.tensor([2.0]))
            weight.grad = torch.tensor([3.0])
        made = recipe(**ADAMW | {"betas": (0.8, 0.9), "learning_rate": rate, "weight_decay": decay})
        optimizer = optimizer_of(made, [weight])
        theta, m, v = 2.0, 0.0, 0.0
        for step, gradient in ((1, 3.0), (2, -1.0)):
            weight.grad.fill_(gradient)
            optimizer.step()
            m, v = 0.8 * m + 0.2 * gradient, 0.9 * v + 0.1 * gradient**2
            adapted = (m / (1 - 0.8**step)) / (math.sqrt(v / (1 - 0.9**step)) + 1e-8)
            theta = theta - rate * (adapted + (decay * theta if decayed else 0))
            assert weight.item() == pytest.approx(theta, rel=1e-6)


@pytest.mark.parametrize(("norm", "moved"), [(None, [3.0, 4.0]), (10.0, [3.0, 4.0]), (1.0, [0.6, 0.8])])
@pytest.mark.parametrize("scale", [None, 1024.0])
def test_a_long_gradient_is_shortened_whatever_its_scale(norm, moved, scale):
    scaler = None if scale is None else torch.amp.GradScaler("cpu", init_scale=scale)
    one, other = parameter([0.0], [3.0 * (scale or 1)]), parameter([0.0], [4.0 * (scale or 1)])
    if scaler is not None:
        scaler.scale(torch.ones(()))  # it has no scale before its first loss
    optimizer = torch.optim.SGD([one, other], lr=1.0)
    take_step(optimizer, parameters=[one, other], clip_norm=norm, scaler=scaler)
    assert [-one.item(), -other.item()] == pytest.approx(moved, rel=1e-5)


def test_a_step_that_is_not_finite_is_left_out_in_fp16():
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    scaler.scale(torch.ones(()))
    weight = parameter([1.0], [math.inf])
    optimizer = optimizer_of(recipe(precision="fp16"), [weight])
    take_step(optimizer, parameters=[weight], clip_norm=1.0, scaler=scaler)
    assert weight.item() == 1.0
    assert scaler.get_scale() == 512.0
    assert not optimizer.state
