import pytest

from seplace.api import Results
from seplace.errors import CorruptResults, DataError, MissingTestSplit
from seplace.placement import Placement
from tests.search.toy import go, read_on_test_split
from tests.studies import write_study


def raising(toy, errors):
    """Let the evaluator raise for the placement of a text, or for all where it is empty."""
    test = toy.test

    def spoiled(evaluation):
        for text, error in errors.items():
            if text in ("", str(evaluation.placement)):
                raise error
        return test(evaluation)

    toy.test = spoiled


@pytest.mark.usefixtures("no_optuna_file")
def test_a_study_without_a_test_split_ends_without_test_figures_and_says_so(tmp_path, toy):
    raising(toy, {"": MissingTestSplit("there is none")})
    go(write_study(tmp_path), tmp_path / "out")
    found = Results.load(tmp_path / "out")
    assert found.finished
    assert found.verdict.endswith(" The data set has no test split: there are no test figures.")
    assert found.front["test_accuracy"].isna().all()
    assert not found.untested


@pytest.mark.usefixtures("no_optuna_file")
def test_damaged_weights_are_named_and_the_others_are_read(tmp_path, toy):
    se, eca = "se8-se16-se16", "eca-eca-eca"
    raising(toy, {se: CorruptResults("se.safetensors: SHA-256 differs"), eca: CorruptResults("eca.safetensors: cut")})
    with pytest.warns(UserWarning, match=r"(?s)(se|eca)\.safetensors: .*\n.*\.safetensors: "):
        go(write_study(tmp_path), tmp_path / "out")
    found = Results.load(tmp_path / "out")
    assert found.finished
    marks = {str(placement) for placement in found.config.search_space.baselines.values()}
    assert marks - read_on_test_split(tmp_path / "out") == {se, eca}


@pytest.mark.usefixtures("no_optuna_file")
@pytest.mark.parametrize(
    ("error", "message"),
    [
        (DataError("val/a/1.png: not a readable image"), "val/a/1.png: not a readable image"),
        (RuntimeError("out of memory"), "RuntimeError: out of memory"),
    ],
)
def test_an_error_of_the_test_phase_leaves_the_results_and_is_repeated(tmp_path, toy, error, message):
    raising(toy, {"none-none-none": error})
    go(write_study(tmp_path), tmp_path / "out")
    found = Results.load(tmp_path / "out")
    assert not found.finished
    assert found.untested.startswith(message)
    found.write()
    assert len(found.front)
    assert found.verdict.startswith("No verdict yet: ")
    toy.test = type(toy).test.__get__(toy)
    go(write_study(tmp_path), tmp_path / "out")
    again = Results.load(tmp_path / "out")
    assert (again.finished, again.untested) == (True, "")
    assert len(toy.trained) == 10
    assert Placement.parse("none-none-none") in {row.placement for row in again.rows}
