"""The loggers of Lightning, each for one training. Beside the training itself, this module alone imports Lightning."""

from __future__ import annotations

import hashlib
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from seplace.files.atomic import safe_name

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # deprecations inside Lightning's own imports
    from pytorch_lightning.loggers import CSVLogger, MLFlowLogger, TensorBoardLogger, WandbLogger

if TYPE_CHECKING:
    from pytorch_lightning.loggers import Logger


def csv_logger(*, folder: Path, study: str, placement: str, seed: int) -> Logger:  # noqa: ARG001 - the folder is its own
    """Return a logger that writes `csv/<placement>/seed<N>/metrics.csv`."""
    return CSVLogger(folder / "csv", name=safe_name(placement), version=f"seed{seed}")


def tensorboard_logger(*, folder: Path, study: str, placement: str, seed: int) -> Logger:  # noqa: ARG001
    """Return a logger that writes `tensorboard/<placement>/seed<N>`, for `tensorboard --logdir`."""
    return TensorBoardLogger(
        folder / "tensorboard", name=safe_name(placement), version=f"seed{seed}", default_hp_metric=False
    )


def wandb_logger(*, folder: Path, study: str, placement: str, seed: int) -> Logger:
    """Return a logger to a run of Weights & Biases, in the project of the study and the group of the placement."""
    return WandbLogger(
        name=f"{placement} seed{seed}",
        save_dir=folder,
        id=hashlib.sha256(f"{study} {placement} {seed}".encode()).hexdigest()[:16],
        project=study,
        group=placement,
        resume="allow",
    )


def mlflow_logger(*, folder: Path, study: str, placement: str, seed: int) -> Logger:
    """Return a logger to a run of MLflow; the files are in `mlflow` unless MLFLOW_TRACKING_URI says where."""
    return MLFlowLogger(
        experiment_name=study,
        run_name=f"{placement} seed{seed}",
        tracking_uri=os.environ.get("MLFLOW_TRACKING_URI") or (folder / "mlflow").absolute().as_uri(),
        tags={"placement": placement, "seed": str(seed)},
    )
