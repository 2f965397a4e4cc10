"""A run whose study has values of the command line."""

import shlex
import sys
import warnings

import pytest

from seplace import api
from seplace.errors import StudyChanged
from seplace.search.plan import make_plan
from seplace.search.run_study import run_study
from seplace.study.config import load_study
from tests.studies import write_small_space, write_study

SETTINGS = ["training.epochs=5", "search.trainings=7", "data={name: digits, train_images: 96, validation_images: 64}"]


@pytest.mark.usefixtures("toy", "no_optuna_file")
def test_results_hold_the_values_and_another_study_is_refused(tmp_path, monkeypatch) -> None:
    study = write_study(tmp_path, space=write_small_space(tmp_path), search={"sampler": "random"})
    folder = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", ["seplace", "run", "a.yaml", *(f"--set={each}" for each in SETTINGS)])
    run_study(load_study(study, settings=SETTINGS), folder, observer=lambda _: None)
    results = api.load(folder)
    assert {row.epochs for row in results.rows} == {5}
    assert (results.config.training.epochs, results.config.data.train_images) == (5, 96)
    assert "  epochs: 5\n" in (folder / "study.yaml").read_text()
    monkeypatch.setattr(api.Results, "verdict", "")
    monkeypatch.setattr(api.Results, "outlook", "")
    provenance = results.provenance
    assert provenance["settings"] == SETTINGS
    assert provenance["seplace"].endswith("'--set=data={name: digits, train_images: 96, validation_images: 64}'")
    for settings in ([], ["training.epochs=4"]):
        with pytest.raises(StudyChanged) as caught:
            run_study(load_study(study, settings=settings), folder, observer=lambda _: None)
        begun = " ".join(f"--set {shlex.quote(each)}" for each in SETTINGS)
        here = "--set training.epochs=4" if settings else "no --set"
        assert f"(the results there were begun with {begun}, this command has {here})" in str(caught.value)
        assert f"training.epochs: 5 -> {4 if settings else 1}" in str(caught.value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_plan(load_study(study, settings=SETTINGS), folder, with_batch=False)
