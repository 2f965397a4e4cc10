"""The evaluator that trains nothing: it reads evaluations from the results folder of another study."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seplace.arrays import ImageBits
from seplace.errors import DataError, MissingTestSplit, MissingWeights
from seplace.evaluators.study_costs import counted_choices
from seplace.evaluators.tabular_benchmark import TabularBenchmark
from seplace.files.yaml_reader import Document, Problem, read_document, refuse, spelled
from seplace.results.evaluation import Tested
from seplace.sample_scores import SampleScores
from seplace.study.config import StudyConfig
from seplace.study.differences import differences

if TYPE_CHECKING:
    from seplace.costs.table import CostTable
    from seplace.placement import Placement
    from seplace.results.evaluation import Evaluation, Job


class TabularEvaluator:
    """Looks up every training of a study in a tabular benchmark, by placement and seed; needs no torch and no data.

    Raises InvalidStudy, with the position in the study file, where the folder is not a tabular benchmark, was trained
    by another recipe or on other data, or lacks an entry that the study may need.
    """

    def __init__(self, config: StudyConfig, folder: Path, *, worker: int) -> None:
        """Open the tabular benchmark that the study names; `folder` and `worker` change nothing."""
        del folder, worker
        self.config = config
        self.table = _table_of(config)

    def evaluate(self, job: Job, *, on_epoch: Callable[[int], None]) -> Evaluation:  # noqa: ARG002 - no time passes
        """Return the evaluation of a job, with the seconds and the device of its training; it may be a failure.

        It says which validation images were right where the benchmark knows it. A job with fewer epochs is read from
        the learning curve, which does not.
        """
        whole = self.table.row(job.placement, job.seed)
        assert whole is not None, "the study was checked against the tabular benchmark"
        row = replace(whole, weights=None, weights_sha256=None)
        if job.epochs == row.epochs:
            return row
        curve = tuple(point for point in row.curve if (point["epoch"] or 0) <= job.epochs)
        seconds = row.seconds * job.epochs / row.epochs
        early = replace(
            row,
            epochs=job.epochs,
            curve=curve,
            seconds=seconds,
            correct=None,
            sample_scores=None,
            top5_accuracy=None,
        )
        if row.state == "failed":
            return early
        return replace(early, value=curve[-1]["value"], cross_entropy=curve[-1]["cross_entropy"])

    def test(self, evaluation: Evaluation) -> Tested:
        """Return the stored test score. Raises MissingWeights or MissingTestSplit if none is stored."""
        uses = self.table.images.get("uses")
        if uses is not None and "test" not in uses:
            raise MissingTestSplit(f"{self.table.folder}: its data set has no test split")
        if evaluation.key not in self.table.tests:
            raise MissingWeights(
                f"{self.table.folder}: no test score of {evaluation.placement}, seed {evaluation.seed}"
            )
        value, cross_entropy = self.table.tests[evaluation.key]
        samples = self.table.test_images.get(evaluation.key)
        return Tested(
            value=value,
            cross_entropy=cross_entropy,
            correct=samples if isinstance(samples, ImageBits) else None,
            sample_scores=samples if isinstance(samples, SampleScores) else None,
            top5_accuracy=self.table.test_top5.get(evaluation.key),
        )

    def cost_table(self) -> CostTable:
        """Return the stored costs of the study's space and the baselines."""
        space = self.config.search_space
        return self.table.cost_table.only({variant: counted_choices(space, variant) for variant in space.backbones})

    def latencies(self, placements: Sequence[Placement]) -> dict[str, dict[str, Any]]:
        """Return the stored latencies."""
        known = self.table.latencies
        return {text: dict(known[text]) for text in map(str, placements) if text in known}

    def describe_images(self) -> dict[str, Any]:
        """Return the stored description of the data."""
        return dict(self.table.images)

    def estimate_seconds(self, placement: Placement) -> float:  # noqa: ARG002 - all rows are alike
        """Return 0: a look-up takes no time."""
        return 0.0


def _table_of(config: StudyConfig) -> TabularBenchmark:
    """Open the tabular benchmark that a study names, and check that it has all that the study may need."""
    folder = config.evaluator_folder
    assert folder is not None
    document, problems = read_document(config.path)
    if document is None:
        refuse(problems)
    try:
        table = TabularBenchmark.load(folder)
    except DataError as error:
        rule = f"is not a tabular benchmark: {error}"
        refuse([document.problem(("evaluator", "folder"), rule, got=spelled(config.evaluator.folder))])
    others = list(_other_meanings(config, table, document))
    problems = others or [
        *_lacking_rows(config, table, document),
        *_lacking_points(config, table, document),
        *_lacking_costs(config, table, document),
    ]
    if problems:
        refuse(problems)
    return table


def _meaning(config: StudyConfig) -> dict[str, Any]:
    """Return the settings of a training beside placement and seed, as a flat dict."""
    space = config.search_space
    meaning = {f"space.gate.{name}": value for name, value in asdict(space.gate).items()}
    meaning["space.granularity"] = space.backbone.granularity
    blocks = ("data.", "training.", "objective.metric", "space.backbone")
    return meaning | {key: value for key, value in config.fingerprint().items() if key.startswith(blocks)}


def _other_meanings(config: StudyConfig, table: TabularBenchmark, document: Document) -> Iterator[Problem]:
    for change in differences(_meaning(table.config), _meaning(config)):
        key, _, values = change.partition(": ")
        yield document.problem(tuple(key.split(".")), f"must be as in the tabular benchmark {table.folder} ({values})")


def _lacking_rows(config: StudyConfig, table: TabularBenchmark, document: Document) -> Iterator[Problem]:
    """Find trainings that the study may need and the benchmark lacks; one placement stands for all alike."""
    space, baselines = config.search_space, list(config.search_space.baselines.values())
    missing = next((each for each in itertools.chain(baselines, space) if table.seeds_of(each) == 0), None)
    if missing is not None:
        whole = "every placement of the space and every baseline must be in it"
        yield document.problem(
            ("space",), f"the tabular benchmark {table.folder} has no training of {missing}; {whole}"
        )
        return
    needed = [(("search", "seeds"), config.search.seeds, list(space))]
    if config.confirm is not None:
        needed.append((("confirm", "seeds"), config.confirm.seeds, [*baselines, *space]))
    for keys, seeds, placements in needed:
        fewest = min(placements, key=table.seeds_of)
        if table.seeds_of(fewest) < seeds:
            has = f"the seeds that the tabular benchmark {table.folder} has of {fewest}"
            rule = f"must be at most {table.seeds_of(fewest)}, {has}"
            yield document.problem(keys, rule, got=str(seeds))


def _lacking_points(config: StudyConfig, table: TabularBenchmark, document: Document) -> Iterator[Problem]:
    """Find rungs at which the benchmark's trainings were not scored."""
    for at, rung in enumerate(config.search.rungs):
        lacking = next((row for row in table.rows.values() if _is_without(row, rung)), None)
        if lacking is not None:
            scored = " and ".join(f"{point['epoch']:.0f}" for point in lacking.curve)
            rule = f"the tabular benchmark {table.folder} has the scores of {lacking.placement} after {scored} epochs"
            yield document.problem(("search", "rungs", at), rule, got=str(rung))


def _is_without(row: Evaluation, rung: int) -> bool:
    return row.state == "complete" and row.value_after(rung) is None


def _lacking_costs(config: StudyConfig, table: TabularBenchmark, document: Document) -> Iterator[Problem]:
    """Find measured costs that the benchmark does not have for every placement."""
    objective, space = config.objective, config.search_space
    named = [
        (objective.cost, ("objective", "cost")),
        *((name, ("objective", "limits", name)) for name in objective.limits),
    ]
    for name, keys in named:
        if name in table.cost_table.names:
            continue
        placements = itertools.chain(space.baselines.values(), space)
        lacking = next((each for each in placements if name not in table.latencies.get(str(each), {})), None)
        if lacking is not None:
            known = ", ".join(table.cost_table.names)
            rule = f"the tabular benchmark {table.folder} has no {name} of {lacking}; it has {known}"
            yield document.problem(keys, rule)
