"""What is kept of a very long study is what would be made again, and holds for its ledger alone."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from seplace.api import Results
from seplace.effects import estimates
from seplace.results.ledger import Ledger

SHOWN = ("verdict", "advice", "measured", "test_check", "has_test_images", "trained_and_on_front", "count")


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Return results in which not all trained placements have estimates."""
    monkeypatch.setattr(estimates, "MOST", 8)
    path = Path(shutil.copytree("results/pilot-32px", tmp_path / "results"))
    Results.load(path).write(figures=False)
    return path


def test_what_is_kept_is_what_would_be_made(folder) -> None:
    kept = Results.load(folder)
    shown = [getattr(kept, name) for name in SHOWN]
    assert "estimates" not in vars(kept)  # nothing was made
    assert "rows" not in vars(kept)
    path = folder / "views.json"
    content = json.loads(path.read_text())
    path.unlink()
    made = Results.load(folder)
    assert shown == [getattr(made, name) for name in SHOWN]
    pd.testing.assert_frame_equal(kept.front, made.front)
    assert kept.rows == made.rows
    assert kept.failed == made.failed
    others = [
        {"of": "another ledger"},
        {"seplace": "0.0.1"},
        {"verdict": 5},
        {"advice": {}},
        {"front": {"n": ["int64", ["many"]]}},
    ]
    front = content["front"]
    others += [
        {"front": {name: column for name, column in front.items() if name != "placement"}},
        {"front": {name: ["str", ["a"] * len(column[1])] for name, column in front.items()}},
        {"front": front | {"accuracy": ["float64", front["accuracy"][1][:1]]}},
        {"front": {}},
        {"on_front": 10**400},
        {"trained": -5},
    ]
    for other in others:
        path.write_text(json.dumps(content | other))
        assert Results.load(folder).verdict == made.verdict
    path.write_text("no views")
    assert Results.load(folder).verdict == made.verdict


def test_a_ledger_that_has_changed_is_read(folder) -> None:
    with Ledger(folder / "ledger.sqlite") as ledger:
        ledger.set_fact("test_note", "The test split is closed.")
    assert Results.load(folder).verdict.endswith("The test split is closed.")
