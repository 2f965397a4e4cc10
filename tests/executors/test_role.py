"""The behavior of every executor, wherever it runs its jobs."""

import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from multiprocessing import Pipe
from pathlib import Path

import pytest

from seplace.errors import DeviceFailed, UserCodeError
from seplace.executors import EXECUTORS
from seplace.executors.executor import EvaluatorMaker
from seplace.executors.retries import WorkerError
from seplace.files.atomic import DiskFull
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation, Job
from seplace.study.config import load_study
from seplace.testing import executors
from tests.clusters import local_cluster
from tests.executors.toy import BUG, DIES, DIES_ONCE, GPU_STOPS, SLEEPS, SPINS, Toy
from tests.studies import write_study

ROOT = Path(__file__).parents[2]
each_executor = pytest.mark.parametrize("name", EXECUTORS)


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """A function that opens an executor of toy evaluators; all are closed at the end."""
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])  # workers import the toy by its name
    opened_ones = []

    def open_executor(name: str, *, workers: int = 2, max_retries: int = 1, timeout_minutes: float | None = None):
        study = write_toy_study(tmp_path, run={"timeout_minutes": timeout_minutes})
        maker = EvaluatorMaker(load_study(study), tmp_path)
        progress = []
        executor = EXECUTORS[name](
            maker, workers=workers, max_retries=max_retries, on_progress=lambda: progress.append(executor.epochs_done)
        )
        executor.progress = progress
        opened_ones.append(executor)
        return executor

    yield open_executor
    for executor in opened_ones:
        executor.close()


def write_toy_study(folder: Path, **changes) -> Path:
    return write_study(folder, evaluator={"name": "tests.executors.toy:Toy"}, **changes)


def job(seed: int) -> Job:
    return Job(placement=Placement.parse("none-se4-eca"), seed=seed, epochs=3)


def all_of(executor, *, seconds: float = 90):
    finished, until = [], time.monotonic() + seconds
    while executor.running:
        assert time.monotonic() < until, "the executor does not get on"
        finished += executor.wait()
    return finished


@pytest.fixture(scope="session")
def one_cluster():
    with local_cluster(cpus=4):
        yield


@each_executor
@pytest.mark.parametrize("check", executors.CHECKS, ids=lambda check: check.__name__)
def test_an_entry_does_what_its_shelf_asks(request, name, check):
    if name == "ray":
        request.getfixturevalue("one_cluster")
    check(name)


def test_an_error_keeps_the_results_of_other_workers(opened):
    executor = opened("processes")
    executor.workers = [Answers(DiskFull("a.ckpt: cannot write")), Answers(Evaluation(**vars(job(1)), state="failed"))]
    for seed in (0, 1, 2):
        executor.submit(job(seed))
    assert [each.seed for each in executor.wait()] == [1]
    with pytest.raises(DiskFull):
        executor.wait()


class Answers:
    """A worker whose answer is there at once."""

    def __init__(self, message: object) -> None:
        self.number, self.is_alive = 0, True
        self.message = message
        self.attempt = None
        self.connection, _ = Pipe()

    def start(self, attempt, *, sharing: int) -> None:
        assert sharing == 2
        self.attempt = attempt

    def receive(self) -> tuple[list[object], bool]:
        return [self.message], False

    def kill(self) -> None:
        self.connection.close()


@each_executor
def test_an_error_of_the_users_evaluator_fails_one_training(opened, name):
    executor = opened(name, workers=1)
    executor.submit(job(BUG))
    executor.submit(job(1))
    first, second = all_of(executor)
    assert (first.state, first.reason, second.state) == ("failed", "error", "complete")
    message = r"evaluator tests\.executors\.toy:Toy fails in evaluate: ZeroDivisionError: a bug \(toy\.py:\d+\)"
    assert re.fullmatch(message, first.message)


def test_it_ends_the_run_where_the_plain_backbone_fails_first(opened):
    executor = opened("inline")
    executor.submit(replace(job(0), placement=Placement.parse("none-none-none")))
    with pytest.raises(UserCodeError, match=r"none-none-none, seed 0: .*SystemExit: 0 \(toy\.py:\d+\)"):
        all_of(executor)


def test_a_gpu_that_has_stopped_fails_nothing_else(opened):
    executor = opened("inline")
    executor.submit(job(GPU_STOPS))
    with pytest.raises(DeviceFailed, match=r"seed 108: the GPU has stopped \(CUDA error: an illegal memory access was"):
        all_of(executor)
    executor = opened("processes", workers=1, max_retries=1)
    for seed in (GPU_STOPS, 1):
        executor.submit(job(seed))
    finished = {each.seed: (each.reason, each.attempts) for each in all_of(executor)}
    assert finished == {GPU_STOPS: ("crashed", 2), 1: ("", 1)}


class OfOurs:
    """Makes evaluators whose errors are not attributed to the user."""

    def make(self, worker: int) -> Toy:
        return Toy(None, Path(), worker=worker)


def test_a_bug_in_this_process_is_raised_unchanged(opened):
    executor = opened("inline")
    executor.maker = OfOurs()
    executor.submit(job(BUG))
    with pytest.raises(ZeroDivisionError):
        all_of(executor)


def test_a_bug_in_a_worker_comes_with_its_traceback(opened):
    executor = opened("processes", workers=1)
    executor.workers[0].maker = OfOurs()
    executor.submit(job(BUG))
    with pytest.raises(WorkerError, match=r"Traceback[\s\S]*in evaluate[\s\S]*ZeroDivisionError: a bug"):
        all_of(executor)


@pytest.mark.slow
def test_a_dead_worker_takes_only_its_own_job_with_it(opened):
    executor = opened("processes", max_retries=1)
    for seed in (DIES, 1, DIES_ONCE, 2):
        executor.submit(job(seed))
    finished = {each.seed: each for each in all_of(executor)}
    assert {seed: each.state for seed, each in finished.items()} == {
        DIES: "failed",
        1: "complete",
        DIES_ONCE: "complete",
        2: "complete",
    }
    assert finished[DIES].reason == "crashed"
    assert finished[DIES].attempts == 2
    assert finished[DIES].message == "its worker process died 2 times, last with exit code -9"
    assert finished[1].attempts == 1


def test_a_job_that_takes_too_long_fails_and_the_others_go_on(opened):
    executor = opened("processes", timeout_minutes=0.5 / 60)
    for seed in (SPINS, 1, SLEEPS, 2):
        executor.submit(job(seed))
    finished = {each.seed: each for each in all_of(executor)}
    assert {seed for seed, each in finished.items() if each.state == "complete"} == {1, 2}
    for seed in (SPINS, SLEEPS):
        assert (finished[seed].reason, finished[seed].attempts) == ("timeout", 1)
        assert 0.5 < finished[seed].seconds < 30
        assert "longer than the 0.00833333 minutes" in finished[seed].message


def test_closing_kills_running_jobs(opened, tmp_path):
    executor = opened("processes", workers=1)
    executor.submit(job(SLEEPS))
    worker = wait_for_pid(tmp_path / "sleeping")
    executor.close()
    assert not lives(worker)


@pytest.mark.slow
def test_workers_end_with_their_parent(tmp_path):
    program = (
        "import sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from pathlib import Path\n"
        "from seplace.study.config import load_study\n"
        "from seplace.executors import EXECUTORS\n"
        "from seplace.executors.executor import EvaluatorMaker\n"
        "from tests.executors.test_role import job\n"
        "from tests.executors.toy import SLEEPS\n"
        "folder = Path(sys.argv[1])\n"
        "maker = EvaluatorMaker(load_study(Path(sys.argv[2])), folder)\n"
        "executor = EXECUTORS['processes'](maker, workers=1, max_retries=0, on_progress=lambda: None)\n"
        "executor.submit(job(SLEEPS))\n"
        "while True: executor.wait()\n"
    )
    study = write_toy_study(tmp_path)
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(study)]) as parent:
        try:
            worker = wait_for_pid(tmp_path / "sleeping")
            assert lives(worker)
        finally:
            parent.kill()
    until = time.monotonic() + 10
    while lives(worker):
        assert time.monotonic() < until, "the worker outlives its parent"
        time.sleep(0.05)


SCRIPT = """\
import pathlib
import sys

from seplace.study.config import load_study
from seplace.testing import executors
from seplace.executors import EXECUTORS
from seplace.executors.executor import EvaluatorMaker
from seplace.placement import Placement
from seplace.results.evaluation import Job

folder = pathlib.Path(sys.argv[2])
with (folder / "times").open("a") as file:
    file.write("run ")
sys.path.append(sys.argv[1])
maker = EvaluatorMaker(load_study(folder / "tiny.yaml"), folder)
executor = EXECUTORS["processes"](maker, workers=2, max_retries=0, on_progress=lambda: None)
for seed in (1, 2):
    executor.submit(Job(placement=Placement.parse("none-none-none"), seed=seed, epochs=1))
while executor.running:
    for row in executor.wait():
        print(row.state)
executor.close()
"""


@pytest.mark.parametrize("given", ["a file", "a standard input"])
def test_a_main_module_is_not_run_again_in_its_workers(tmp_path, given):
    write_toy_study(tmp_path)
    (tmp_path / "plain_script.py").write_text(SCRIPT)
    program = str(tmp_path / "plain_script.py") if given == "a file" else "-"
    done = subprocess.run(
        [sys.executable, program, str(ROOT), str(tmp_path)],
        cwd=tmp_path,
        input=SCRIPT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "complete\ncomplete\n", "")
    assert (tmp_path / "times").read_text() == "run "


def wait_for_pid(path: Path) -> int:
    until = time.monotonic() + 90
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < until, "no worker has started"
        time.sleep(0.05)
    return int(path.read_text())


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
