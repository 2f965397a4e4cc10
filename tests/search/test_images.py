"""What a study knows of each validation image: whether a training classified it right."""

import numpy as np
import pytest

from seplace.api import Results
from seplace.errors import UserCodeError
from seplace.results.ledger import Ledger
from tests.ledgers import make_of_0_12
from tests.search.toy import Stop, ToyEvaluations, go, left_in
from tests.studies import write_small_space, write_study

IMAGES = 64
"""The validation images of the tiny studies."""


def write(folder, *, trainings, **changes):
    return write_study(folder, space=write_small_space(folder), search={"trainings": trainings, "seeds": 2}, **changes)


def bits_in(folder) -> dict:
    with Ledger(folder / "ledger.sqlite", read_only=True) as ledger:
        return {row.key: row.correct for row in ledger.evaluations()}


@pytest.mark.long
def test_an_interrupted_study_knows_the_images_that_an_uninterrupted_one_knows(tmp_path):
    study = write(tmp_path, trainings=8, training={"epochs": 2})
    go(study, tmp_path / "whole")
    calls = iter(range(100))

    def stop(_progress) -> None:
        if next(calls) == 14:
            raise Stop

    with pytest.raises(Stop):
        go(study, tmp_path / "parts", stop)
    begun = len(bits_in(tmp_path / "parts"))
    assert 0 < begun < 8
    go(study, tmp_path / "parts")
    whole = left_in(tmp_path / "whole")
    assert left_in(tmp_path / "parts") == whole
    assert {bits.count for bits in bits_in(tmp_path / "whole").values()} == {IMAGES}
    assert whole["test images"].keys() == whole["tests"].keys() != set()
    for key, (accuracy, _) in whole["tests"].items():
        assert whole["test images"][key].accuracy == pytest.approx(accuracy)
    rights = np.array([bits.unpacked() for bits in bits_in(tmp_path / "whole").values()])
    assert 0 < rights.mean() < 1


def test_a_study_of_0_12_goes_on_and_knows_the_images_of_new_trainings(tmp_path, toy: ToyEvaluations):
    toy.images = IMAGES
    go(write(tmp_path, trainings=11), tmp_path / "straight")
    go(write(tmp_path, trainings=9), tmp_path / "former")
    known = bits_in(tmp_path / "former")
    make_of_0_12(tmp_path / "former" / "ledger.sqlite")
    assert bits_in(tmp_path / "former") == dict.fromkeys(known)
    assert len(Results.load(tmp_path / "former").evaluations) == 9
    go(write(tmp_path, trainings=11), tmp_path / "former")
    found, straight = bits_in(tmp_path / "former"), bits_in(tmp_path / "straight")
    assert list(found) == list(straight)
    assert found == straight | dict.fromkeys(known)


def test_an_evaluator_that_says_it_of_other_images_is_named(tmp_path, toy: ToyEvaluations):
    toy.images = IMAGES - 1
    says = r"none-none-none, seed 0: the evaluator says in correct of 63 images .* there are 64 validation images"
    with pytest.raises(UserCodeError, match=says):
        go(write(tmp_path, trainings=8), tmp_path / "out")
    assert bits_in(tmp_path / "out") == {}
