"""Networks that were trained after a study by its recipe with other epochs, or on more images.

Each such recipe has a folder of its own in the results folder, `trained/<name>`, with a ledger, weights and
checkpoints. Their figures are no part of the study's estimates: they are means over seeds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from seplace.errors import DataError, InputError, UnknownName
from seplace.files.atomic import is_file
from seplace.results.both_splits import BothSplits
from seplace.results.curves import curves_frame
from seplace.results.evaluation import Evaluation, EvaluationKey, TestValues
from seplace.results.ledger import Ledger
from seplace.results.summaries import mean_and_error, summarize
from seplace.results.tables import evaluations_frame, paired_gain, stage_columns
from seplace.sample_scores import Samples

if TYPE_CHECKING:
    import pandas as pd

    from seplace.metric import Metric
    from seplace.placement import Placement
    from seplace.study.config import TrainedOn

FOLDER = "trained"
"""The folder of these networks in a results folder."""

TRAINED_ON = "trained_on"
"""The fact that names the images that the networks of a ledger were trained on; missing where it is `train`."""

_NAME = re.compile(r"epochs\d+(-train-validation)?")


def name_of_recipe(*, epochs: int, trained_on: TrainedOn) -> str:
    """Return the name of a recipe and of its folder, such as `epochs200` or `epochs200-train-validation`."""
    return f"epochs{epochs}" + ("" if trained_on == "train" else "-train-validation")


@dataclass(frozen=True, kw_only=True)
class TrainedSet:
    """The networks that were trained by one recipe."""

    name: str
    folder: Path
    trained_on: TrainedOn
    rows: tuple[Evaluation, ...]
    """In the order of placements and seeds."""
    metric: Metric
    tests: Mapping[EvaluationKey, TestValues]
    """The metric in its unit, and the cross-entropy in nats, on the test split."""
    test_images: Mapping[EvaluationKey, Samples]

    @classmethod
    def read(cls, folder: Path, metric: Metric) -> Self:
        """Read the folder of a recipe, of a study with a metric."""
        with Ledger(folder / "ledger.sqlite", read_only=True) as ledger:
            return cls(
                name=folder.name,
                folder=folder,
                metric=metric,
                trained_on=ledger.fact(TRAINED_ON) or "train",
                rows=tuple(sorted(ledger.evaluations(), key=lambda row: row.key)),
                tests=ledger.tests(),
                test_images=ledger.test_images(),
            )

    @property
    def both_splits(self) -> BothSplits:
        """The trainings that were scored on the test split."""
        return BothSplits(self.rows, metric=self.metric, tests=self.tests, images=self.test_images)

    @property
    def evaluations(self) -> pd.DataFrame:
        """One row for each training, as the table of a study's evaluations, with its test scores.

        Scores of validation images that it was trained on are left out.
        """
        table = evaluations_frame(self.rows, self.metric)
        if not self.has_validation:
            table = self._without_validation(table)
        scores = [self.tests.get(row.key, (math.nan, math.nan)) for row in self.rows]
        names = (self.metric.test_column, *(["test_cross_entropy"] if self.metric.is_accuracy else []))
        for at, name in enumerate(names):
            table[name] = [each[at] for each in scores]
        return table

    @property
    def curves(self) -> pd.DataFrame:
        """One row for each scored epoch of a training; the training loss alone where nothing else is new to it."""
        table = curves_frame(self.rows, metric=self.metric)
        return table if self.has_validation else self._without_validation(table)

    def _without_validation(self, table: pd.DataFrame) -> pd.DataFrame:
        return table.drop(columns=[self.metric.column, *(["cross_entropy"] if self.metric.is_accuracy else [])])

    def first_of(self, placement: Placement) -> Evaluation:
        """Return the training of a placement on its first seed, without scores of images that it was trained on.

        Raises InputError where none is complete.
        """
        row = next((row for row in self.rows if row.placement == placement and row.state == "complete"), None)
        if row is None:
            known = ", ".join(dict.fromkeys(str(each.placement) for each in self.rows)) or "nothing yet"
            raise InputError(f"{placement} was not trained by {self.name} (trained: {known})")
        return (
            row
            if self.has_validation
            else replace(row, value=None, cross_entropy=None, correct=None, sample_scores=None)
        )

    @property
    def has_validation(self) -> bool:
        """Whether the validation split is new to the networks."""
        return self.trained_on == "train"


def trained_sets(folder: Path, metric: Metric) -> dict[str, TrainedSet]:
    """Return the recipes that networks of a study were trained by afterwards, by name."""
    found = sorted((folder / FOLDER).glob("*/ledger.sqlite"))
    return {
        path.parent.name: TrainedSet.read(path.parent, metric)
        for path in found
        if is_file(path) and _NAME.fullmatch(path.parent.name)
    }


def trained_set(folder: Path, name: str, metric: Metric) -> TrainedSet:
    """Return a recipe by its name. Raises UnknownName, or DataError where none was trained by any."""
    sets = trained_sets(folder, metric)
    if not sets:
        raise DataError(f"{folder}: nothing was trained by another recipe than the study's: see seplace train")
    if name not in sets:
        raise UnknownName("trained", name, list(sets))
    return sets[name]


def trained_frame(sets: Sequence[TrainedSet]) -> pd.DataFrame:
    """Return one row for each placement of each recipe, the plain backbone first.

    trained (the name of the recipe), epochs, trained_on (train, or train+validation), placement, stage1…
    n: number of seeds, without failed trainings
    accuracy, or another metric by its name (validation; the mean over seeds), gain (over the plain backbone, paired by
        gain_pairs seeds): each with its standard error over seeds (_se). NaN where validation images were trained on
    test_accuracy, test_gain (over the plain backbone, on the same test_pairs seeds and the same images): means over
        test_n seeds, each with its standard error over seeds and new images (_se)
    every cost; seconds of a training, the mean over seeds
    """
    import pandas as pd

    rows: list[dict[str, object]] = []
    for each in sets:
        summaries = summarize(each.rows, each.metric)
        plain = next((summary for summary in summaries if summary.placement.is_plain), None)
        both_splits = each.both_splits
        for summary in sorted(
            summaries, key=lambda summary: (list(summary.costs.values())[:1], str(summary.placement))
        ):
            score, error = mean_and_error(list(summary.scores.values()))
            value, name = each.metric.value(score), each.metric.column
            gain, gain_se, pairs = paired_gain(summary, plain)
            if not each.has_validation:
                value = error = gain = gain_se = math.nan
                pairs = 0
            test_value, test_gain = both_splits.value(summary.placement), both_splits.gain(summary.placement)
            mine = [row for row in each.rows if row.placement == summary.placement and row.state == "complete"]
            rows.append(
                {
                    "trained": each.name,
                    "epochs": mine[0].epochs,
                    "trained_on": each.trained_on,
                    "placement": str(summary.placement),
                    **stage_columns(summary.placement),
                    "n": summary.n,
                    name: value,
                    f"{name}_se": error,
                    "gain": gain,
                    "gain_se": gain_se,
                    "gain_pairs": pairs,
                    each.metric.test_column: test_value.value,
                    f"{each.metric.test_column}_se": test_value.error,
                    "test_n": test_value.seeds,
                    "test_gain": test_gain.value,
                    "test_gain_se": test_gain.error,
                    "test_pairs": test_gain.seeds,
                    **summary.costs,
                    "seconds": sum(row.seconds for row in mine) / len(mine),
                }
            )
    return pd.DataFrame(rows)
