"""What every evaluator must do, whether it trains or not."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from seplace.costs import COSTS
from seplace.errors import MissingWeights
from seplace.evaluators import EVALUATORS
from seplace.evaluators.evaluator import Evaluator
from seplace.executors.executor import EvaluatorMaker
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation, Job
from seplace.results.ledger import Ledger
from seplace.search.run_study import run_study
from seplace.study.config import load_study
from tests.networks import shaped_network_of
from tests.studies import write_small_space, write_study

each_evaluator = pytest.mark.parametrize("name", EVALUATORS)
BACKBONE = "cifar_resnet8[width=0.25]"
MARK = Placement.parse("cbam4-cbam8-cbam16")
MEMBER = Placement.parse("eca-none-eca")


@pytest.fixture(scope="module")
def study_of(tmp_path_factory: pytest.TempPathFactory, trained_table: Path) -> Callable[[str], Path]:
    """A function that writes the same study for each evaluator; those that answer from a folder get a table."""
    folder = tmp_path_factory.mktemp("evaluators")

    def write(name: str) -> Path:
        block = {"name": name}
        if EVALUATORS.entry(name).takes_folder:
            block["folder"] = str(trained_table)
        return write_study(
            folder,
            name=name,
            space=write_small_space(folder),
            training={"epochs": 2},
            evaluator=block,
            search={"trainings": 9},
            run={"accelerator": "cpu"},
        )

    return write


@pytest.fixture(scope="module")
def evaluator_of(study_of: Callable[[str], Path]) -> Callable[[str], Evaluator]:
    """A function that makes each evaluator once."""
    made: dict[str, Evaluator] = {}

    def make(name: str) -> Evaluator:
        if name not in made:
            study = study_of(name)
            made[name] = EvaluatorMaker(load_study(study), study.parent / f"{name} by itself").make(0)
        return made[name]

    return make


def answer(evaluator: Evaluator, placement: Placement, seed: int) -> Evaluation:
    return evaluator.evaluate(Job(placement=placement, seed=seed, epochs=2), on_epoch=lambda _: None)


def scores(evaluation: Evaluation) -> tuple[object, ...]:
    return evaluation.accuracy, evaluation.cross_entropy, evaluation.curve


@each_evaluator
@pytest.mark.parametrize("placement", [MARK, MEMBER], ids=str)
def test_a_job_is_answered_by_its_evaluation(name: str, evaluator_of, placement: Placement) -> None:
    evaluation = answer(evaluator_of(name), placement, 1)
    assert evaluation.key == (str(placement), 1, 2)
    assert evaluation.state == "complete"
    assert 0 <= evaluation.accuracy <= 100
    assert evaluation.cross_entropy > 0
    last = evaluation.curve[-1]
    assert (last["epoch"], last["accuracy"], last["cross_entropy"]) == (
        2,
        evaluation.accuracy,
        evaluation.cross_entropy,
    )
    assert evaluation.seconds >= 0
    assert pickle.loads(pickle.dumps(evaluation)) == evaluation
    assert Evaluation.from_record(json.loads(json.dumps(evaluation.to_record()))) == evaluation


@each_evaluator
def test_the_same_job_has_the_same_answer_and_another_seed_another(name: str, evaluator_of) -> None:
    evaluator = evaluator_of(name)
    first = scores(answer(evaluator, MEMBER, 0))
    assert scores(answer(evaluator, MEMBER, 0)) == first
    assert scores(answer(evaluator, MEMBER, 1)) != first


@each_evaluator
def test_prices_are_those_of_the_networks(name: str, evaluator_of) -> None:
    cost_table = evaluator_of(name).cost_table()
    for placement in (MARK, MEMBER, Placement.parse("none-none-none")):
        network = shaped_network_of(BACKBONE, str(placement), in_channels=1)
        assert cost_table.costs_of(placement)["params"] == COSTS["params"].measure(network, None)


@each_evaluator
def test_evaluators_price_the_same_choices(name: str, evaluator_of) -> None:
    assert evaluator_of(name).cost_table() == evaluator_of("stand_alone").cost_table()


@each_evaluator
def test_latencies_are_of_what_was_asked(name: str, evaluator_of) -> None:
    latencies = evaluator_of(name).latencies([MARK, MEMBER])
    assert latencies.keys() <= {str(MARK), str(MEMBER)}
    assert all(record["latency_ms"] > 0 for record in latencies.values())
    assert json.loads(json.dumps(latencies)) == latencies


@each_evaluator
def test_the_data_are_described(name: str, evaluator_of) -> None:
    images = evaluator_of(name).describe_images()
    assert json.loads(json.dumps(images)) == images
    assert len(images["classes"]) == 10
    assert len(images["mean"]) == len(images["std"]) == images["channels"] == 1
    assert (images["image_size"], images["training_images"], images["validation_images"]) == (8, 128, 64)


@each_evaluator
def test_a_test_score_is_had_or_said_to_be_missing(name: str, evaluator_of) -> None:
    evaluator = evaluator_of(name)
    score = evaluator.test(answer(evaluator, MEMBER, 0))
    assert 0 <= score.accuracy <= 100
    assert score.cross_entropy > 0
    unknown = Evaluation(placement=MEMBER, seed=7, epochs=2, state="complete", weights="gone", weights_sha256="0")
    with pytest.raises(MissingWeights):
        evaluator.test(unknown)


@each_evaluator
def test_the_time_of_a_training_is_estimated(name: str, evaluator_of) -> None:
    assert 0 <= evaluator_of(name).estimate_seconds(MARK) < 60


@each_evaluator
@pytest.mark.filterwarnings("ignore:.*the test split is not read for it")
def test_a_study_runs_to_its_end(name: str, study_of, evaluator_of, tmp_path: Path) -> None:
    run_study(load_study(study_of(name)), tmp_path, observer=lambda _: None)
    with Ledger(tmp_path / "ledger.sqlite", read_only=True) as ledger:
        rows = ledger.evaluations()
        assert ledger.fact("finished")
        assert ledger.tests().keys() <= {row.key for row in rows}
    assert len(rows) == 9
    for row in rows[::3]:
        assert scores(row) == scores(answer(evaluator_of(name), row.placement, row.seed))
