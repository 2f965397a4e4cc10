"""Loggers: where the learning curves of trainings go, beside the tables. One file and one line add an entry.

An entry is called as `make(*, folder, study, placement, seed)`, once a training, with the folder of the logs, and texts
of the study and the placement. It returns what has the methods of Lightning's Logger: `log_hyperparams(params)`,
`log_metrics(metrics, step)` with the epoch as the step, and `finalize(status)`.
"""

from seplace.loggers.entry import LoggerEntry
from seplace.registry import Registry

_TENSORBOARD = ("tensorboardX", "tensorboard")

LOGGERS = Registry(
    "logger",
    LoggerEntry,
    group="seplace.loggers",
    entries={
        "csv": LoggerEntry("seplace.loggers.lightning:csv_logger"),
        "tensorboard": LoggerEntry(
            "seplace.loggers.lightning:tensorboard_logger", needs=_TENSORBOARD, install="'seplace[tensorboard]'"
        ),
        "wandb": LoggerEntry("seplace.loggers.lightning:wandb_logger", needs=("wandb",), install="wandb"),
        "mlflow": LoggerEntry(
            "seplace.loggers.lightning:mlflow_logger", needs=("mlflow", "mlflow_skinny"), install="mlflow"
        ),
    },
)
