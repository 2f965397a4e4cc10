"""What every logger must do, wherever it sends learning curves."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from seplace.loggers import LOGGERS
from seplace.testing.expectations import expect

_SCORES = ("accuracy", "cross_entropy", "train_loss", "learning_rate")


def made(name: str, folder: Path, *, seed: int) -> Any:
    """Return the logger of a training."""
    logger = LOGGERS[name](folder=folder, study="role", placement="se4-my_gates:Gate-eca", seed=seed)
    for method in ("log_hyperparams", "log_metrics", "finalize"):
        expect(callable(getattr(logger, method, None)), f"{name} has no {method}")
    return logger


def takes_the_curves_of_several_trainings(name: str, folder: Path) -> None:
    """Check that trainings are sent one after the other, and one again once it has gone on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed, epochs in ((0, 1), (1, 3), (0, 3)):
            logger = made(name, folder, seed=seed)
            logger.log_hyperparams({"placement": "se4-my_gates:Gate-eca", "seed": seed, "epochs": epochs, "flops": 5})
            for epoch in range(1, epochs + 1):
                logger.log_metrics(dict.fromkeys(_SCORES, 1.0 / epoch), step=epoch)
            logger.finalize("success")


CHECKS = (takes_the_curves_of_several_trainings,)
"""The checks, each called as `check(name, folder)`."""
