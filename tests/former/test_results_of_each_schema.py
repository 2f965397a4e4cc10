"""Results of each ledger schema, from the version that wrote it: read, upgraded with a back-up, gone on with.

The folders in `results_of_each_schema` are those of a tiny study each, which the version of its name ran: 0.1.0 wrote
schema 1 (no rungs, no check sums), 0.11.0 schema 2 (other words), 0.12.0 schema 3, 0.13.0 schema 4 (no metric but
accuracy), 0.16.0 schema 5. Weights, figures and the tables that are not compared are left out.
"""

import csv
import shutil
from pathlib import Path

import optuna
import pytest

import seplace
from seplace.api import Results
from seplace.files.former_words import current_placement
from seplace.results.ledger import Ledger
from seplace.results.ledger_schema import SCHEMA_VERSION

FORMER = Path(__file__).parent / "results_of_each_schema"
SCHEMAS = {"0.1.0": 1, "0.11.0": 2, "0.12.0": 3, "0.13.0": 4, "0.16.0": 5}
"""The schema that each of these versions wrote."""


@pytest.fixture(params=SCHEMAS)
def version(request) -> str:
    return str(request.param)


@pytest.fixture
def folder(tmp_path, version: str) -> Path:
    folder = tmp_path / f"study-v{version}"
    shutil.copytree(FORMER / version, folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def written_then(folder: Path) -> list[tuple[str, int, float]]:
    """The trainings in the table that the former version wrote."""
    with (folder / "evaluations.csv").open() as file:
        rows = list(csv.DictReader(file))
    return sorted((current_placement(row["placement"]), int(row["seed"]), float(row["accuracy"])) for row in rows)


def read_now(results: Results) -> list[tuple[str, int, float]]:
    return sorted((str(row.placement), row.seed, float(f"{row.value:.6g}")) for row in results.rows)


def test_there_is_one_of_each_schema():
    assert sorted(SCHEMAS.values()) == list(range(1, SCHEMA_VERSION + 1))


def test_they_are_read_and_left_as_they_are(folder):
    before = contents(folder)
    results = Results.load(folder)
    assert read_now(results) == written_then(folder)
    assert results.finished
    assert len(results.front) > 0
    assert results.verdict
    assert contents(folder) == before


def test_they_are_upgraded_in_one_step_with_a_back_up(folder, version):
    former = (folder / "ledger.sqlite").read_bytes()
    with Ledger(folder / "ledger.sqlite") as ledger:
        assert ledger.fact("schema_version") == SCHEMA_VERSION
        assert ledger.fact("seplace") == seplace.__version__
        assert all("paper" not in str(placement) for placement in ledger.proposals().values())
    kept = folder / f"ledger.schema{SCHEMAS[version]}.sqlite"
    assert kept.exists() == (SCHEMAS[version] < SCHEMA_VERSION)
    if kept.exists():
        assert kept.read_bytes() == former
    assert read_now(Results.load(folder)) == written_then(folder)


@pytest.mark.long
def test_they_are_gone_on_with(folder, monkeypatch):
    """The study ends as it had: nothing is trained again, and the tables hold what they held."""
    texts = {name: (folder / f"{name}.yaml").read_text() for name in ("study", "space")}
    (folder.parent / f"{folder.name}.yaml").write_text(texts["study"])
    (folder.parent / texts["study"].split("space: ./")[1].split()[0]).write_text(texts["space"])
    monkeypatch.chdir(folder.parent)
    then = written_then(folder)
    has_trials = (folder / "optuna.db").exists()
    results = seplace.run(f"{folder.name}.yaml", folder=folder, observer=lambda _: None)
    assert results.finished
    assert read_now(results) == then
    if has_trials:
        trials = optuna.load_study(study_name=results.config.name, storage=f"sqlite:///{folder / 'optuna.db'}").trials
        assert len(trials) == 3
        assert "paper" not in str([(trial.params, trial.user_attrs) for trial in trials])
    assert (folder / "optuna.former.db").exists() == has_trials
