"""The page on trainings of one's own, typed and run."""

import re
from pathlib import Path

import pandas as pd
import pytest
import torch

import seplace
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
    with (tmp_path / "my_task.py").open("a") as file:
        file.write(f"\n\n{marked(PAGE, 'sample scores')}")
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
        ("my_task:Segmentation", "my_task:Scored"),
    ):
        study = re.sub(pattern, value, study)
    (typed / "my-study.yaml").write_text(study)
    for command in commands(marked(PAGE, "my study")):
        run(command, monkeypatch)
    table = pd.read_csv(typed / "results" / "my-study" / "placements.csv")
    assert len(table) == 9
    assert {"miou", "miou_lower", "stage5"} <= set(table.columns)
    results = seplace.load(typed / "results" / "my-study")
    assert all(row.sample_scores is not None for row in results.rows)
    monkeypatch.syspath_prepend(typed)
    scope = {"__name__": "notebook"}
    exec(compile(marked(PAGE, "my network"), PAGE, "exec", dont_inherit=True), scope)
    program = torch.export.load(typed / "exported" / "model.pt2").module()
    images = torch.rand(2, 1, 48, 48)
    assert torch.equal(scope["network"].eval()(images), program(images))
    assert scope["module"].network is scope["network"]
