"""Results of a study with a metric of the user's own, made of the published trainings on CIFAR-10 without training.

The values are those accuracies on another scale, so that all that is estimated is known from the published tables.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from seplace.api import Results
from seplace.costs.stored import cost_file, store_cost_table
from seplace.results.evaluation import Evaluation
from seplace.results.ledger import Ledger
from seplace.study.config import STUDY_FACTS

PUBLISHED = Path(__file__).parents[1] / "results" / "cifar10-effects"
KEPT = (*STUDY_FACTS, "finished", "front_of_space", "regret", "latencies", "own_baselines", "search_seconds")
OWN = "training: {module: my_task:Task, data: my_task:Data, trainer: {max_epochs: 8}}\n"

ERROR = "{name: val_depth_error, goal: minimize, unit: mm, label: depth error}"
SHARE = '{name: val/miou, goal: maximize, scale: 100, unit: "%", label: mIoU}'


def millimetres(accuracy: float) -> float:
    """Return an error that falls by 0.02 mm with each point."""
    return 2.0 - 0.02 * accuracy


def with_metric(folder: Path, metric: str, value_of: Callable[[float], float]) -> Results:
    """Return the published trainings as those of a study with a metric, whose values are made of their accuracies."""
    folder.mkdir(parents=True)
    text = (PUBLISHED / "study.yaml").read_text()
    text = re.sub(r"data: .*\ntraining:\n(  .*\n)+", OWN, text)
    text = text.replace("objective: {cost: flops}", f"objective: {{cost: flops, metric: {metric}}}")
    (folder / "study.yaml").write_text(text)
    (folder / "space.yaml").write_text((PUBLISHED / "space.yaml").read_text())
    with Ledger(PUBLISHED / "ledger.sqlite", read_only=True) as source, Ledger(folder / "ledger.sqlite") as ledger:
        for name in KEPT:
            ledger.set_fact(name, source.fact(name))
        for row in source.evaluations():
            ledger.add(_with_value(row, value_of))
        for key, (accuracy, _) in source.tests().items():
            ledger.add_test(key, value=value_of(accuracy), cross_entropy=None)
    results = Results.load(folder)
    store_cost_table(cost_file(folder), Results.load(PUBLISHED).cost_table, key=results.config.cost_key())
    return results


def _with_value(row: Evaluation, value_of: Callable[[float], float]) -> Evaluation:
    curve = tuple(
        {"epoch": point["epoch"], "value": value_of(point["value"]), "train_loss": point["train_loss"]}
        for point in row.curve
        if point["value"] is not None
    )
    value = None if row.value is None else value_of(row.value)
    return replace(row, value=value, cross_entropy=None, correct=None, curve=curve)
