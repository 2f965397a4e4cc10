"""The scores of single samples that a module offers: read in any form, and refused where they are something else."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from seplace.errors import UserCodeError
from seplace.metric import Metric
from seplace.training.own_samples import read_sample_scores

METRIC = Metric(name="val_miou", goal="maximize", scale=100, unit="%", label="mIoU", test_name="test_miou")
NUMBERS = [0.25, 0.75, 0.5]


def read(offered, *, reported: float = 0.5, num_devices: int = 1):
    trainer, module = SimpleNamespace(num_devices=num_devices), SimpleNamespace(sample_scores=offered)
    return read_sample_scores(trainer, module, metric=METRIC, name="val_miou", reported=reported)


@pytest.mark.parametrize(
    "offered",
    [
        NUMBERS,
        torch.tensor(NUMBERS),
        torch.tensor(NUMBERS, dtype=torch.bfloat16, requires_grad=True),
        np.array(NUMBERS, dtype=np.float32),
        [torch.tensor(NUMBERS[:2]), torch.tensor(NUMBERS[2])],
        lambda: torch.tensor(NUMBERS),
    ],
)
def test_scores_are_read_in_the_unit_of_the_metric(offered):
    found = read(offered)
    assert found is not None
    assert found.unpacked().tolist() == [25.0, 75.0, 50.0]


@pytest.mark.parametrize("offered", [None, [], torch.zeros(0), lambda: None])
def test_a_module_may_say_that_they_are_not_known(offered):
    assert read(offered) is None


def test_a_module_may_offer_none():
    trainer, module = SimpleNamespace(num_devices=1), SimpleNamespace()
    assert read_sample_scores(trainer, module, metric=METRIC, name="val_miou", reported=0.5) is None


def test_each_of_several_devices_has_some_of_the_samples_only():
    assert read(NUMBERS, num_devices=2) is None


@pytest.mark.parametrize(
    ("offered", "message"),
    [
        (
            [*NUMBERS, *NUMBERS, 0.9],
            r"sample_scores has 7 numbers with a mean of 0.557143, and val_miou is 0.5: it needs",
        ),
        ([0.5, float("nan")], r"a score is a finite number \(sample 1 of 2 has nan\)"),
        (torch.zeros(2, 3), r"is a 1-D tensor or a list of numbers \(got the shape \(2, 3\)\)"),
        ("abc", r"is a 1-D tensor or a list of numbers \(got a str\)"),
        (lambda: 1 / 0, r"sample_scores fails: ZeroDivisionError"),
    ],
)
def test_what_is_something_else_is_refused_as_the_users_own(offered, message):
    with pytest.raises(UserCodeError, match=message):
        read(offered)
