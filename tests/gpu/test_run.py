"""The script that a machine with a GPU runs, in parts: what a step leaves, whatever becomes of it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from seplace.study.config import load_study
from tests.gpu import __main__ as script
from tests.gpu import images
from tests.gpu.__main__ import STEPS, Outcome, Step, run_all, summary
from tests.gpu.figures import Figure, Setting, figures_in
from tests.gpu.steps import doctor, memory
from tests.gpu.trainings import DEAREST, PLAIN, resnet20
from tests.pages import ROOT

NAMES = [step.name for step in STEPS]


def test_every_step_has_its_file_and_its_time() -> None:
    files = {path.stem for path in (ROOT / "tests/gpu/steps").glob("[a-z]*.py")}
    assert set(NAMES) == files
    assert all(step.gpu < step.cpu for step in STEPS)
    assert sum(step.gpu for step in STEPS[:-1]) < script.SECONDS < 600


def test_a_mean_says_of_how_many_and_how_far_apart() -> None:
    figure = Figure.of("steps", [1.0, 2.0, 6.0], "1/s")
    assert figure.cells == ["steps", "3", "1/s", "3", "5"]


def test_the_images_are_the_same_every_time_and_can_be_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "TRAIN", 1000)
    one, other = images.generated(None), images.generated(None)
    assert np.array_equal(one.train.pixels, other.train.pixels)
    assert one.train.pixels.shape == (1000, 3, 32, 32)
    means = [one.train.pixels[one.train.labels == label].mean(axis=0) for label in range(10)]
    assert np.abs(means[0] - means[1]).max() > 10


@pytest.mark.parametrize("accelerator", ["cpu", "gpu"])
def test_the_studies_of_the_steps_are_sound(tmp_path: Path, accelerator: str) -> None:
    study = resnet20(Setting(folder=tmp_path, accelerator=accelerator), name="any", training={"epochs": 3})
    config = load_study(study)
    assert (config.training.epochs, config.run.executor, config.run.accelerator) == (3, "processes", accelerator)
    assert {PLAIN, DEAREST} <= {config.search_space.placement_at(at) for at in range(len(config.search_space))}


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Steps that end well, badly, and never."""
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from tests.gpu.figures import Figure, Setting\n"
        "setting = Setting(folder=Path(sys.argv[1]), accelerator='cpu')\n"
        "setting.note(Figure(what='begun', value=1))\n"
        "name = sys.argv[3]\n"
        "if name == 'bad': raise ValueError('it | fails')\n"
        "if name == 'long': time.sleep(600)\n"
    )
    (tmp_path / "step.py").write_text(program)
    popen = subprocess.Popen

    def start(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        assert command[1:3] == ["-m", "tests.gpu"]
        options["env"] = os.environ | {"PYTHONPATH": str(ROOT)}
        return popen([sys.executable, tmp_path / "step.py", *command[3:]], **options)

    monkeypatch.setattr(script.subprocess, "Popen", start)
    monkeypatch.setattr(script, "machine_record", lambda _: MACHINE)
    monkeypatch.setattr(script, "_LEAST", 0.0)


MACHINE = {"accelerator": "cpu", "device": "no GPU: a toaster", "python": "3", "versions": {"torch": "2"}}


@pytest.mark.long
@pytest.mark.usefixtures("fakes")
def test_no_step_keeps_the_others_from_it(tmp_path: Path) -> None:
    steps = [Step("long", 1, 3), Step("bad", 1, 60), Step("good", 1, 60)]
    start = time.monotonic()
    assert run_all(steps, tmp_path / "out", accelerator="cpu", data=None, seconds=60) == 1
    assert time.monotonic() - start < 60
    record = json.loads((tmp_path / "out/summary.json").read_text())
    found = [(each["step"], each["state"], len(each["figures"])) for each in record["steps"]]
    assert found == [("long", "out of time", 1), ("bad", "failed", 1), ("good", "ok", 1)]
    page = (tmp_path / "out/summary.md").read_text()
    assert "| **bad** | failed: ValueError: it / fails |" in page
    assert "**No GPU was used: this is the small form on a processor.**" in page
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("bad.log", "good.log", "long.log"),
        *("summary.json", "summary.md"),
    ]


def test_what_has_no_time_left_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "machine_record", lambda _: MACHINE)
    assert run_all([Step("doctor", 9, 9)], tmp_path, accelerator="cpu", data=None, seconds=0) == 1
    assert "| **doctor** | not begun: no time is left |" in (tmp_path / "summary.md").read_text()
    gpu = {**MACHINE, "accelerator": "gpu", "device": "a GPU", "cuda": "13", "driver": "1"}
    assert "CUDA 13, driver 1." in summary(gpu, [Outcome(step="a", state="ok", seconds=1, figures=[])])


def test_steps_leave_their_figures(tmp_path: Path) -> None:
    setting = Setting(folder=tmp_path, accelerator="cpu")
    doctor.run(setting)
    assert {"python", "torch", "processor"} <= {figure.what for figure in figures_in(tmp_path)}


def test_memory_runs_out_and_all_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
    monkeypatch.setattr(memory, "TRAININGS", 3)
    monkeypatch.setattr(memory, "WORKERS", 3)
    memory.run(Setting(folder=tmp_path, accelerator="cpu"))
    known = {figure.what: figure.value for figure in figures_in(tmp_path)}
    assert known["complete"] == 3
