"""Tables of trainings, written as the results folder of a study would hold them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from seplace.arrays import ImageBits
from seplace.costs.stored import store_cost_table
from seplace.costs.table import CostTable
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation, Job
from seplace.results.ledger import Ledger
from seplace.study.config import StudyConfig, load_study
from tests.studies import write_small_space, write_study


def write_table(
    folder: Path,
    study: Path,
    rows: Iterable[Evaluation],
    *,
    cost_table: CostTable,
    facts: Mapping[str, Any] | None = None,
    tests: Mapping[tuple[str, int, int], float] | None = None,
    test_images: Mapping[tuple[str, int, int], ImageBits] | None = None,
) -> Path:
    """Write what the evaluator `tabular` reads, and return the folder.

    `tests` has accuracies by key, `test_images` which images were right, where it is known.
    """
    config = load_study(study)
    with Ledger(folder / "ledger.sqlite") as ledger:
        ledger.set_fact("study_folder", str(study.parent))
        for name, value in (facts or {}).items():
            ledger.set_fact(name, value)
        for row in rows:
            ledger.add(row)
        for key, accuracy in (tests or {}).items():
            ledger.add_test(key, value=accuracy, cross_entropy=1.5, samples=(test_images or {}).get(key))
    (folder / "study.yaml").write_text(config.source_text)
    (folder / "space.yaml").write_text(config.space_text)
    store_cost_table(folder / "costs.json", cost_table, key=config.cost_key())
    return folder


def placements_of(config: StudyConfig) -> list[Placement]:
    """The space and the baselines beside it."""
    space = config.search_space
    return list(dict.fromkeys([*space.baselines.values(), *space]))


def train_table(folder: Path, *, seeds: int) -> Path:
    """Train the eight placements of the small space, and the baselines, for real; return the results folder."""
    from seplace.evaluators.stand_alone import StandAlone  # a table that is made up needs no torch

    study = write_study(folder, name="trained", space=write_small_space(folder), training={"epochs": 2})
    evaluator = StandAlone(load_study(study), folder / "table", device="cpu")
    rows = [
        evaluator.evaluate(Job(placement=placement, seed=seed, epochs=2), on_epoch=lambda _: None)
        for placement in placements_of(evaluator.config)
        for seed in range(seeds)
    ]
    scores = {row.key: evaluator.test(row) for row in rows if row.seed == 0}
    return write_table(
        folder / "table",
        study,
        rows,
        cost_table=evaluator.cost_table(),
        facts={"images": evaluator.describe_images()},
        tests={key: score.value for key, score in scores.items()},
        test_images={key: score.correct for key, score in scores.items() if score.correct is not None},
    )
