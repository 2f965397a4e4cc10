"""The command that shows what gates learned, on a study that has run."""

import io
import sys

import pandas as pd
import pytest

import seplace
from seplace.cli import main


def printed(capsys, monkeypatch, *arguments) -> str:
    monkeypatch.setattr(sys, "argv", ["seplace", "gates", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        sys.exit(main())
    captured = capsys.readouterr()
    return captured.err if caught.value.code else captured.out


@pytest.fixture
def gated(finished) -> str:
    """A placement of the study with gates in it, and its weights."""
    results = seplace.load(finished)
    return next(str(row.placement) for row in results.rows if "se" in str(row.placement) and row.state == "complete")


def test_gates_of_results_are_shown_and_concluded(finished, gated, capsys, monkeypatch, tmp_path):
    figure = tmp_path / "gates.png"
    shown = printed(capsys, monkeypatch, finished, "--pick", gated, "--images", 40, "--plot", figure)
    assert figure.stat().st_size
    assert f"gates of {gated} on " in shown
    assert "40 of " in shown
    assert "'s se" in shown
    rows = pd.read_csv(io.StringIO(printed(capsys, monkeypatch, finished, "--pick", gated, "--format", "csv")))
    assert rows[["live", "constant", "open", "closed", "at_start"]].sum(axis=1).tolist() == [100.0] * len(rows)
    text = printed(capsys, monkeypatch, finished, "--pick", gated, "--format", "csv", "--channels")
    table = pd.read_csv(io.StringIO(text))
    assert table.groupby(["site", "part"], dropna=False)["channel"].nunique().tolist() == rows["channels"].tolist()
    assert seplace.load(finished).gates(gated).sites["mean"].tolist() == pytest.approx(rows["mean"].tolist(), abs=1e-5)


def test_a_plain_network_is_said_to_have_none(finished, capsys, monkeypatch):
    shown = printed(capsys, monkeypatch, finished, "--pick", "none-none-none")
    assert "has no attention modules" in shown


def test_folders_without_images_of_their_own_need_them(finished, capsys, monkeypatch, tmp_path):
    assert "--data is for an export" in printed(capsys, monkeypatch, finished, "--data", tmp_path)
    (tmp_path / "config.json").write_text('{"format": "seplace-source-export"}')
    assert "add --data FOLDER" in printed(capsys, monkeypatch, tmp_path)
