"""The training steps of a module of the user's own, one after the other for as long as they are asked for."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
from torch import nn

from seplace.errors import UserCodeError
from seplace.seeds import derive_seed
from seplace.study.own_training import OwnTraining
from seplace.training.door import fitting, lightning
from seplace.training.fit import naming_out_of_memory
from seplace.training.own_fit import make_trainer, quiet
from seplace.training.own_parts import make_data, make_module, package_of_module
from seplace.training.own_state import own_state
from seplace.user_code import user_errors


class _Enough(Exception):
    """No further step is asked for."""


class _Steps(lightning.Callback):
    def __init__(self, stepped: Callable[[], bool]) -> None:
        self.stepped = stepped
        self.count = 0
        self.is_enough = False

    def on_train_batch_end(self, *_: Any) -> None:
        self.count += 1
        if not self.stepped():
            raise _Enough


@naming_out_of_memory()
def train_own_steps(
    network: nn.Module, *, training: OwnTraining, device: torch.device, stepped: Callable[[], bool]
) -> None:
    """Train until `stepped`, which is called after each step, returns False.

    A batch is validated in each epoch, since a scheduler may wait for a metric. A training that ends before begins
    again. Raises UserCodeError where the user's own code fails, and TrainingFailed (`oom`) where memory runs out.
    """
    with own_state(training, derive_seed(0, "steps")), quiet(), suppress(_Enough):
        while True:
            _train_once(copy.deepcopy(network), training, device=device, stepped=stepped)


def _train_once(
    network: nn.Module, training: OwnTraining, *, device: torch.device, stepped: Callable[[], bool]
) -> None:
    """Train with a module and data that are made for it, as each training of a search is."""
    module = make_module(training, network)
    package = package_of_module(module)
    data = make_data(training, package)
    steps = fitting(_Steps, package.Callback)(stepped)
    trainer = make_trainer(training, package, device=device, first=steps, limit_val_batches=1)
    with user_errors(f"{training.module} fails"):
        try:
            trainer.fit(module, datamodule=data)
        except _Enough:
            steps.is_enough = True
    if steps.is_enough:
        raise _Enough
    if not steps.count:
        raise UserCodeError(f"{training.data} gave no training batches")
