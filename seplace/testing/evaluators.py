"""What every evaluator must do, whether it trains or not."""

from __future__ import annotations

import json
import pickle
import warnings
from functools import cached_property
from pathlib import Path

from seplace.costs import COSTS
from seplace.errors import MissingWeights
from seplace.evaluators import EVALUATORS
from seplace.evaluators.evaluator import Evaluator
from seplace.executors.executor import EvaluatorMaker
from seplace.models import create_model
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation, Job
from seplace.results.ledger import Ledger
from seplace.search.run_study import run_study
from seplace.study.config import StudyConfig, load_study
from seplace.testing.expectations import expect, expect_error
from seplace.testing.studies import SMALL_BACKBONE, write_small_space, write_study

BASELINE = Placement.parse("cbam4-cbam8-cbam16")
CANDIDATE = Placement.parse("eca-none-eca")
EPOCHS = 2
_VALIDATION_IMAGES = 64


class Case:
    """An evaluator in a tiny study; one that answers from a folder is given `results`, a folder of that study."""

    def __init__(self, name: str, folder: Path, *, results: Path | None = None) -> None:
        self.name = name
        self.folder = folder
        block = {"name": name}
        if results is not None and EVALUATORS.entry(name).takes_folder:
            block["folder"] = str(results)
        changes = {
            "space": write_small_space(folder),
            "training": {"epochs": EPOCHS},
            "evaluator": block,
            "search": {"trainings": 9},
            "run": {"accelerator": "cpu"},
        }
        self.study = write_study(folder, changes, name="case")

    @property
    def config(self) -> StudyConfig:
        """The study."""
        return load_study(self.study)

    @cached_property
    def evaluator(self) -> Evaluator:
        """The evaluator, made once."""
        return EvaluatorMaker(self.config, self.folder / "by itself").make(0)

    def answer(self, placement: Placement, seed: int) -> Evaluation:
        """Return the evaluation of a job."""
        job = Job(placement=placement, seed=seed, epochs=EPOCHS)
        return self.evaluator.evaluate(job, on_epoch=lambda _: None)


def scores_of(evaluation: Evaluation) -> tuple[object, ...]:
    """Return what must be the same for the same job."""
    return evaluation.value, evaluation.cross_entropy, evaluation.curve, evaluation.samples


def answers_a_job(case: Case) -> None:
    """Check that a job gives its evaluation, complete, with scores in their ranges, which can be stored and sent."""
    for placement in (BASELINE, CANDIDATE):
        evaluation = case.answer(placement, 1)
        where = f"evaluator {case.name}: {placement}"
        expect(evaluation.key == (str(placement), 1, EPOCHS), f"{where} is answered by {evaluation.key}")
        expect(evaluation.state == "complete", f"{where} is {evaluation.state}: {evaluation.message}")
        assert evaluation.value is not None
        assert evaluation.cross_entropy is not None
        expect(0 <= evaluation.value <= 100, f"{where} has the accuracy {evaluation.value}, wanted: percent")
        expect(evaluation.cross_entropy > 0, f"{where} has the cross-entropy {evaluation.cross_entropy}")
        last = evaluation.curve[-1]
        found = (last["epoch"], last["value"], last["cross_entropy"])
        wanted = (EPOCHS, evaluation.value, evaluation.cross_entropy)
        expect(found == wanted, f"{where}: its curve ends with {found}, wanted: {wanted}")
        images = None if evaluation.samples is None else evaluation.samples.count
        is_right = images in (None, _VALIDATION_IMAGES)
        expect(is_right, f"{where} says of {images} images which are correct, wanted: {_VALIDATION_IMAGES}")
        expect(pickle.loads(pickle.dumps(evaluation)) == evaluation, f"{where} cannot be sent to another process")
        stored = Evaluation.from_record(json.loads(json.dumps(evaluation.to_record())))
        expect(stored == evaluation, f"{where} cannot be stored")


def answers_again_the_same(case: Case) -> None:
    """Check that the same job has the same answer, and another seed another."""
    first = scores_of(case.answer(CANDIDATE, 0))
    expect(scores_of(case.answer(CANDIDATE, 0)) == first, f"evaluator {case.name}: one job has two answers")
    is_other = scores_of(case.answer(CANDIDATE, 1)) != first
    expect(is_other, f"evaluator {case.name}: another seed has the same answer")


def knows_the_costs(case: Case) -> None:
    """Check that the cost table has the parameters of the networks."""
    cost_table = case.evaluator.cost_table()
    for placement in (BASELINE, CANDIDATE, Placement.parse("none-none-none")):
        network = create_model(SMALL_BACKBONE, placement, in_channels=1)
        found, wanted = cost_table.costs_of(placement)["params"], COSTS["params"].measure(network, None)
        expect(found == wanted, f"evaluator {case.name}: {placement} has {found} parameters, wanted: {wanted}")


def measures_latencies(case: Case) -> None:
    """Check that latencies are positive, of the placements asked for, and plain JSON."""
    latencies = case.evaluator.latencies([BASELINE, CANDIDATE])
    expect(latencies.keys() <= {str(BASELINE), str(CANDIDATE)}, f"evaluator {case.name}: latencies of others")
    for text, record in latencies.items():
        expect(record["latency_ms"] > 0, f"evaluator {case.name}: {text} has the latency {record['latency_ms']}")
    expect(json.loads(json.dumps(latencies)) == latencies, f"evaluator {case.name}: latencies are not plain JSON")


def describes_the_images(case: Case) -> None:
    """Check that the data are described as plain JSON."""
    images = case.evaluator.describe_images()
    expect(json.loads(json.dumps(images)) == images, f"evaluator {case.name}: the images are not plain JSON")
    expect(len(images["classes"]) == 10, f"evaluator {case.name}: the digits have {len(images['classes'])} classes")
    is_right = len(images["mean"]) == len(images["std"]) == images["channels"] == 1
    expect(is_right, f"evaluator {case.name}: the digits have one channel, with a mean and a deviation")
    found = (images["image_size"], images["training_images"], images["validation_images"])
    is_right = found == (8, 128, _VALIDATION_IMAGES)
    expect(is_right, f"evaluator {case.name}: image size, training, validation images are {found}")


def tests_or_says_that_weights_are_missing(case: Case) -> None:
    """Check that a trained network has a test score, and that lost weights raise MissingWeights."""
    tested = case.evaluator.test(case.answer(CANDIDATE, 0))
    is_right = 0 <= tested.value <= 100 and tested.cross_entropy is not None and tested.cross_entropy > 0
    expect(is_right, f"evaluator {case.name}: test accuracy {tested.value}, cross-entropy {tested.cross_entropy}")
    unknown = Evaluation(placement=CANDIDATE, seed=7, epochs=2, state="complete", weights="gone", weights_sha256="0")
    with expect_error(MissingWeights, f"evaluator {case.name}: the test of a network without weights"):
        case.evaluator.test(unknown)


def estimates_the_time(case: Case) -> None:
    """Check that the time of a training is estimated."""
    seconds = case.evaluator.estimate_seconds(BASELINE)
    expect(0 <= seconds < 60, f"evaluator {case.name}: a tiny training is estimated to take {seconds} s")


def runs_a_study(case: Case) -> None:
    """Check that a study runs to its end, and that its rows are what the evaluator answers by itself."""
    results = case.folder / "results"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*the test split is not read for it")
        run_study(case.config, results, observer=lambda _: None)
    with Ledger(results / "ledger.sqlite", read_only=True) as ledger:
        rows = ledger.evaluations()
        expect(ledger.fact("finished"), f"evaluator {case.name}: the study does not finish")
        tested = ledger.tests().keys()
        expect(tested <= {row.key for row in rows}, f"evaluator {case.name}: a test of what was not evaluated")
    expect(len(rows) == 9, f"evaluator {case.name}: a study of 9 trainings has {len(rows)}")
    for row in rows[::3]:
        is_same = scores_of(row) == scores_of(case.answer(row.placement, row.seed))
        expect(is_same, f"evaluator {case.name}: {row.placement}, seed {row.seed} has two answers")


CHECKS = (
    answers_a_job,
    answers_again_the_same,
    knows_the_costs,
    measures_latencies,
    describes_the_images,
    tests_or_says_that_weights_are_missing,
    estimates_the_time,
    runs_a_study,
)
