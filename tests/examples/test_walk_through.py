"""The page on trainings of one's own, typed and run."""

import re
from pathlib import Path

import pandas as pd
import pytest

from seplace.study.config import load_study
from tests.pages import commands, marked
from tests.test_pages import run

PAGE = "studies/README.md"


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with the files of the page; nothing but their sizes is changed."""
    for name in ("my_task.py", "my-space.yaml", "my-study.yaml"):
        (tmp_path / name).write_text(marked(PAGE, name))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_study_is_sound(typed: Path):
    study = load_study(typed / "my-study.yaml")
    assert len(study.search_space) == 3**5
    assert study.metric.column == "miou"
    code = (typed / "my_task.py").read_text()
    assert "seplace" not in code


@pytest.mark.long
def test_the_commands_lead_to_an_exported_network(typed: Path, monkeypatch: pytest.MonkeyPatch):
    study = (typed / "my-study.yaml").read_text()
    for pattern, value in (
        (r"max_epochs: \d+", "max_epochs: 1, limit_train_batches: 2, limit_val_batches: 1"),
        (r"trainings: 60, seeds: 3", "trainings: 9, seeds: 1"),
        (r"confirm: .*", ""),
    ):
        study = re.sub(pattern, value, study)
    (typed / "my-study.yaml").write_text(study)
    for command in commands(marked(PAGE, "my study")):
        run(command, monkeypatch)
    table = pd.read_csv(typed / "results" / "my-study" / "placements.csv")
    assert len(table) == 9
    assert {"miou", "miou_lower", "stage5"} <= set(table.columns)
    assert list((typed / "results" / "my-study" / "export").iterdir())
