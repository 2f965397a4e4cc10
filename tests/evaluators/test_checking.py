"""Code of the user's own that does not work is told as theirs: at once where it can be known, else as a training."""

import pytest

from seplace.errors import UserCodeError
from seplace.evaluators.stand_alone import StandAlone
from seplace.executors.executor import evaluate_job
from seplace.placement import Placement
from seplace.results.evaluation import Job
from seplace.study.config import load_study
from tests.studies import write_study

HERE = "tests.evaluators.own_code"
BACKBONE = "cifar_resnet8[width=0.25]"


def evaluator_of(folder, *, gate="Gate", backbone=BACKBONE, data="digits"):
    (folder / "own.yaml").write_text(
        f"schema: 1\nbackbone: '{backbone}'\ngate: {{init: identity}}\n"
        f"choices: {{modules: [none, '{HERE}:{gate}'], attachments: [serial]}}\n"
    )
    study = write_study(folder, space="./own.yaml", data={"name": data})
    return StandAlone(load_study(study), folder, device="cpu")


def own_network(name):
    return f"{HERE}:{name}[image_size=8,in_channels=1]"


@pytest.mark.parametrize(
    ("gate", "stages", "message"),
    [
        ("Raises", "s 1, 2, 3", r"RuntimeError: .*boom.* \(own_code\.py:\d+\)"),
        ("RaisesForWide", "s 2, 3", r"ValueError: too wide \(own_code\.py:\d+\)"),
        ("Leaves", "s 1, 2, 3", r"SystemExit: 0 \(own_code\.py:\d+\)"),
        ("ReturnsNothing", "s 1, 2, 3", "the gate .*:ReturnsNothing returned None, not a tensor"),
        ("ReturnsRows", " 1", r"shape \(1, 4\) for a map of shape \(1, 4, 8, 8\), which does not broadcast"),
        ("ReturnsMore", " 1", r"shape \(1, 1, 4, 1, 1\) for a map of shape .* does not broadcast"),
        ("ReturnsDouble", " 1", r"torch\.float64, which would make torch\.float64 of its torch\.float32"),
        ("not_a_module", None, "returned a int, not a torch module"),
    ],
)
def test_a_gate_that_cannot_stand_in_a_stage_is_refused_before_any_training(tmp_path, gate, stages, message):
    where = "" if stages is None else rf"{HERE}:{gate} cannot stand in stage{stages}: "
    with pytest.raises(UserCodeError, match=f"{where}.*{message}"):
        evaluator_of(tmp_path, gate=gate).cost_table()


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        ("FailsInTraining", "code of your own failed: KeyError: 'later' (own_code.py:"),
        ("LeavesInTraining", "code of your own failed: SystemExit: 0 (own_code.py:"),
        ("ReturnsNothingInTraining", f"the gate {HERE}:ReturnsNothingInTraining returned None, not a tensor"),
    ],
)
def test_one_that_fails_in_training_fails_its_training(tmp_path, gate, message):
    evaluator = evaluator_of(tmp_path, gate=gate)
    evaluator.cost_table()
    job = Job(placement=Placement.parse(f"none-{HERE}:{gate}-none"), seed=3, epochs=1)
    failed = evaluate_job(evaluator, job, on_epoch=lambda _: None)
    assert (failed.state, failed.reason) == ("failed", "error")
    assert failed.message.startswith(message)
    assert not list((tmp_path / "checkpoints").glob("*"))
    plain = Job(placement=Placement.parse("none-none-none"), seed=0, epochs=1)
    assert evaluate_job(evaluator, plain, on_epoch=lambda _: None).state == "complete"


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("strict", r"cannot be built for 10 classes: ValueError: a checkpoint of 7 classes \(own_code\.py:\d+\)"),
        ("forgetful", "cannot be built for 10 classes: it returned a NoneType, not a torch module"),
        ("deaf", r"gives \(1, 7\) for 1 image of 10 classes, and not logits \(1, 10\)"),
    ],
)
def test_a_network_that_fails_for_the_studys_classes_is_refused(tmp_path, network, message):
    with pytest.raises(UserCodeError, match=rf"backbone {HERE}:{network}\[.*\] {message}"):
        evaluator_of(tmp_path, backbone=own_network(network)).cost_table()


def test_a_network_that_fails_with_nothing_in_it_ends_the_run(tmp_path):
    evaluator = evaluator_of(tmp_path, backbone=own_network("tired"))
    evaluator.cost_table()
    plain = Job(placement=Placement.parse("none"), seed=0, epochs=1)
    with pytest.raises(UserCodeError, match=r"none, seed 0: code of your own failed: RuntimeError: tired \(own_code"):
        evaluate_job(evaluator, plain, on_epoch=lambda _: None)


def test_a_data_set_that_leaves_the_program_is_refused(tmp_path):
    with pytest.raises(UserCodeError, match=rf"data set {HERE}:read_nothing .*SystemExit \(own_code\.py:\d+\)"):
        evaluator_of(tmp_path, data=f"{HERE}:read_nothing").describe_images()
