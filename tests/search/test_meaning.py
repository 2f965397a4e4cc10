"""A results folder and a study that has changed since it began there."""

import pytest

from seplace.errors import StudyChanged, TooManyFailures
from seplace.results.ledger import Ledger
from seplace.study.config import load_study
from tests.search.toy import Stop, go, left_in
from tests.studies import write_study


@pytest.mark.usefixtures("no_optuna_file")
@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"training": {"learning_rate": 0.2}}, "training.learning_rate: 0.1 -> 0.2"),
        ({"search": {"seed": 1}}, "search.seed: 0 -> 1"),
        ({"data": {"noise": 0.5}}, "data.noise: 0.0 -> 0.5"),
        ({"search": {"sampler": "tpe"}}, 'search.sampler: "random" -> "tpe"'),
        ({"objective": {"limits": {"flops": 300_000}}}, "objective.limits.flops: absent -> 300000.0"),
    ],
)
def test_a_changed_study_is_refused_key_by_key(tmp_path, toy, changes, line):
    go(write_study(tmp_path), tmp_path / "out")
    before = (tmp_path / "out" / "study.yaml").read_text()
    with pytest.raises(StudyChanged) as caught:
        go(write_study(tmp_path, **changes), tmp_path / "out")
    assert str(caught.value).splitlines()[1:] == [f"  {line}"]
    assert (tmp_path / "out" / "study.yaml").read_text() == before
    assert len(toy.trained) == 10


def test_a_folder_without_a_complete_training_takes_the_changed_study(tmp_path, toy):
    """As after an error in the user's own code, which is mended then."""
    study = write_study(tmp_path)
    toy.failing = {str(placement): "error" for placement in load_study(study).search_space.baselines.values()}
    with pytest.raises(TooManyFailures):
        go(study, tmp_path / "out")
    toy.failing = {}
    changed = write_study(tmp_path, training={"learning_rate": 0.2})
    with pytest.warns(UserWarning, match=r"begins anew with what has changed: training\.learning_rate: 0\.1 -> 0\.2$"):
        go(changed, tmp_path / "out")
    go(changed, tmp_path / "fresh")
    assert left_in(tmp_path / "out") == left_in(tmp_path / "fresh")
    with Ledger(tmp_path / "out" / "ledger.sqlite", read_only=True) as ledger:
        assert {row.state for row in ledger.evaluations()} == {"complete"}
    with pytest.raises(StudyChanged):
        go(write_study(tmp_path), tmp_path / "out")


def test_a_checkpoint_is_kept_from_a_changed_study(tmp_path, toy):
    toy.stop_after = 0
    with pytest.raises(Stop):
        go(write_study(tmp_path), tmp_path / "out")
    (tmp_path / "out" / "checkpoints").mkdir()
    (tmp_path / "out" / "checkpoints" / "a.ckpt").write_bytes(b"an epoch")
    with pytest.raises(StudyChanged):
        go(write_study(tmp_path, training={"learning_rate": 0.2}), tmp_path / "out")


@pytest.mark.usefixtures("no_optuna_file")
def test_where_it_runs_may_change(tmp_path, toy):
    go(write_study(tmp_path), tmp_path / "out")
    go(write_study(tmp_path, run={"workers": 2, "stop_after_failures": 9}), tmp_path / "out")
    assert len(toy.trained) == 10
