"""Learning curves: the scores of each training at the epochs at which it was scored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from seplace.results.evaluation import Evaluation

if TYPE_CHECKING:
    import pandas as pd

    from seplace.metric import Metric

_TRAINING = ("placement", "seed", "epochs", "epoch")


def curve_points(evaluation: Evaluation) -> tuple[Mapping[str, float | None], ...]:
    """Return the points of a training's learning curve by rising epoch; that of its end where it has no curve."""
    if evaluation.curve:
        return evaluation.curve
    if evaluation.value is None:
        return ()
    end = {"epoch": evaluation.epochs, "value": evaluation.value, "cross_entropy": evaluation.cross_entropy}
    return (end,)


def curve_names(metric: Metric) -> dict[str, str]:
    """Return the names of what is scored along a training, as tables and loggers have it, by the key of a point."""
    of_images = {"cross_entropy": "cross_entropy"} if metric.is_accuracy else {}
    return {"value": metric.column, **of_images, "train_loss": "train_loss"}


def curves_frame(
    evaluations: Iterable[Evaluation], rungs: Iterable[Evaluation] = (), *, metric: Metric
) -> pd.DataFrame:
    """Return one row for each scored epoch of a training, complete trainings before stopped ones.

    placement, seed
    epochs: the epochs of the training that are done
    epoch: the epoch, from 1, after which the networks were scored
    accuracy, or another metric by its name (validation); with accuracy, cross_entropy (validation, nats)
    train_loss: the mean loss of that epoch's steps in nats; NaN where nothing learns or the evaluator does not say
    """
    import pandas as pd

    trainings = {(row.placement, row.seed): row for row in evaluations if row.state == "complete"}
    stopped = {(row.placement, row.seed): row for row in sorted(rungs, key=lambda row: row.epochs)}
    trainings |= {training: row for training, row in stopped.items() if training not in trainings}
    names = curve_names(metric)
    columns: dict[str, list[object]] = {name: [] for name in (*_TRAINING, *names.values())}
    for row in trainings.values():
        text = str(row.placement)
        for point in curve_points(row):
            columns["placement"].append(text)
            columns["seed"].append(row.seed)
            columns["epochs"].append(row.epochs)
            columns["epoch"].append(int(point["epoch"] or 0))
            for key, name in names.items():
                columns[name].append(point.get(key))
    kinds = dict.fromkeys(names.values(), "float64") | dict.fromkeys(("seed", "epochs", "epoch"), "int64")
    return pd.DataFrame(columns).astype(kinds)
