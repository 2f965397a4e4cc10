"""The file of repetitions of a comparison, as somebody else, another version or a damaged disk may have left it."""

import json
import shutil
from pathlib import Path

import pytest

from seplace.errors import CorruptResults
from seplace.simulation.comparison import Comparison
from seplace.simulation.replay import Phases
from seplace.version import __version__

FORMER = Path(__file__).parents[1] / "former" / "results_of_0_10" / "simulation-usual-rungs"
PHASES = Phases(trainings=100, seeds=3, rungs=(0.11, 0.33))


@pytest.fixture
def lines(tmp_path: Path) -> list[str]:
    shutil.copy(FORMER / "repetitions.jsonl", tmp_path)
    return (tmp_path / "repetitions.jsonl").read_text().splitlines()[:3]


def write(folder: Path, *lines: str) -> None:
    (folder / "repetitions.jsonl").write_text("".join(f"{line}\n" for line in lines))


def test_a_file_of_0_10_is_read(tmp_path, lines):
    write(tmp_path, *lines)
    assert len(Comparison(tmp_path, PHASES).outcomes) == 2


def test_a_file_says_its_version(tmp_path):
    Comparison(tmp_path, PHASES).run([], workers=1, on_done=lambda _: None)
    head = json.loads((tmp_path / "repetitions.jsonl").read_text())
    assert (head["schema"], head["seplace"]) == (1, __version__)
    assert Comparison(tmp_path, PHASES).outcomes == {}


def test_a_newer_file_is_refused_by_name(tmp_path, lines):
    head = json.dumps({"schema": 3, "seplace": "0.30.1", "phases": []})
    write(tmp_path, head, *lines[1:])
    with pytest.raises(CorruptResults, match=r"a newer seplace, 0\.30\.1 \(schema 3, this one reads 1\)"):
        Comparison(tmp_path, PHASES)


@pytest.mark.parametrize("head", ["", "[]", "7", "{", "[" * 100_000, '{"rungs": 3}', "\x00"])
def test_a_head_that_is_none_is_named(tmp_path, head):
    write(tmp_path, head)
    with pytest.raises(CorruptResults, match=r"repetitions\.jsonl: not a readable file of repetitions"):
        Comparison(tmp_path, PHASES)


@pytest.mark.parametrize("line", ["{", "[" * 100_000, "[]", "[{}, {}, {}]", "null"])
def test_a_line_that_is_no_repetition_is_named_by_its_number(tmp_path, lines, line):
    write(tmp_path, *lines[:2], line)
    with pytest.raises(CorruptResults, match=r"repetitions\.jsonl:3: not a readable repetition"):
        Comparison(tmp_path, PHASES)


@pytest.mark.parametrize(
    ("of_repetition", "of_outcome"),
    [
        ({}, {"curve": [{"hypervolume": [1]}]}),
        ({}, {"curve": "x"}),
        ({}, {"searched": "7"}),
        ({}, {"rungs": []}),
        ({"number": None}, {}),
        ({"problem": 7}, {}),
    ],
)
def test_a_repetition_of_another_shape_is_named_by_its_number(tmp_path, lines, of_repetition, of_outcome):
    repetition, outcome = json.loads(lines[2])
    write(tmp_path, *lines[:2], json.dumps([repetition | of_repetition, outcome | of_outcome]))
    with pytest.raises(CorruptResults, match=r"repetitions\.jsonl:3: not a readable repetition"):
        Comparison(tmp_path, PHASES)
