"""A tabular benchmark: the results folder of a study, from which trainings are looked up."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from seplace.costs.stored import cost_table_of_results
from seplace.results.evaluation import Job
from seplace.results.ledger import ledger_of_results
from seplace.study.config import STUDY_FACTS, load_results_study

if TYPE_CHECKING:
    from seplace.costs.table import CostTable
    from seplace.placement import Placement
    from seplace.results.evaluation import Evaluation, EvaluationKey, TestValues
    from seplace.sample_scores import Samples
    from seplace.study.config import StudyConfig


@dataclass(frozen=True, kw_only=True)
class TabularBenchmark:
    """The results of a study, by placement and seed."""

    folder: Path
    config: StudyConfig
    """The study that trained it."""
    rows: Mapping[EvaluationKey, Evaluation]
    """Every training, failed ones included."""
    tests: Mapping[EvaluationKey, TestValues]
    """The metric in its unit and the cross-entropy in nats on the test split, where it was read."""
    test_images: Mapping[EvaluationKey, Samples]
    """Which images of the test split were right, where it is known."""
    test_top5: Mapping[EvaluationKey, float]
    """Top-5 accuracy in percent on the test split, where it is known."""
    images: Mapping[str, Any]
    """The description of the data, as plain JSON types."""
    latencies: Mapping[str, Mapping[str, Any]]
    """By the text of the placement, where it was timed."""
    cost_table: CostTable

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a results folder. Raises DataError where it is not one, or has no costs."""
        with ledger_of_results(folder) as ledger:
            config = load_results_study(folder, {name: ledger.fact(name) for name in STUDY_FACTS})
            rows = ledger.evaluations()
            return cls(
                folder=folder,
                config=config,
                rows={row.key: row for row in rows},
                tests=ledger.tests(),
                test_images=ledger.test_images(),
                test_top5=ledger.test_top5(),
                images=ledger.fact("images") or {},
                latencies=ledger.fact("latencies") or {},
                cost_table=cost_table_of_results(folder, key=config.cost_key(), space=config.search_space, rows=rows),
            )

    def row(self, placement: Placement, seed: int) -> Evaluation | None:
        """Return the full training of a placement on a seed, or None."""
        return self.rows.get(Job(placement=placement, seed=seed, epochs=self.config.training.epochs).key)

    def seeds_of(self, placement: Placement) -> int:
        """Return the number of consecutive seeds from 0 that a placement was trained on."""
        return next(seed for seed in itertools.count() if self.row(placement, seed) is None)
