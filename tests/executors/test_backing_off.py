"""Memory that runs out where several trainings share a device: each is tried again with fewer, at last alone."""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from seplace.errors import TrainingFailed
from seplace.executors import processes, worker
from seplace.executors.executor import EvaluatorMaker, evaluate_job
from seplace.executors.processes import Processes
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation, Job
from seplace.study.config import load_study
from tests.executors.test_role import ROOT, all_of
from tests.studies import write_study

ALONE, NEVER, KILLED = 601, 701, 801
"""Seeds of trainings that fit alone, or not at all; the last kind is killed for its memory."""


class Hungry:
    """Needs memory that depends on the seed, of a device that it shares."""

    def __init__(self) -> None:
        self.among = 1

    def share_device(self, *, among: int) -> None:
        self.among = among

    def evaluate(self, job: Job, *, on_epoch: Callable[[int], None]) -> Evaluation:
        on_epoch(1)
        most = {6: 1, 7: 0, 8: 1}.get(job.seed // 100, 99)
        if self.among > most:
            if job.seed == KILLED:
                os.kill(os.getpid(), signal.SIGKILL)
            raise MemoryError("Unable to allocate 9 TiB") if job.seed == NEVER else RuntimeError("CUDA out of memory.")
        return Evaluation(placement=job.placement, seed=job.seed, epochs=job.epochs, state="complete", value=1.0)


class Made:
    """Makes the evaluator without its being a user's own."""

    def __init__(self, config) -> None:
        self.config = config

    def make(self, worker: int) -> Hungry:
        assert worker < 4
        return Hungry()


@pytest.fixture
def train(tmp_path, monkeypatch):
    """A function that trains seeds with some workers at once, and returns their evaluations by seed."""
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
    maker = Made(load_study(write_study(tmp_path, run={"accelerator": "cpu"})))
    opened: list[Processes] = []

    def run(seeds, *, workers: int) -> dict[int, Evaluation]:
        opened.append(Processes(maker, workers=workers, max_retries=0, on_progress=lambda: None))
        for seed in seeds:
            opened[-1].submit(Job(placement=Placement.parse("none-se4-eca"), seed=seed, epochs=3))
        return {each.seed: each for each in all_of(opened[-1])}

    yield run
    for executor in opened:
        executor.close()


def test_a_training_is_tried_with_fewer_until_it_has_room(train):
    done = train([1, ALONE, NEVER, 2], workers=2)
    assert {seed: (each.reason, each.attempts) for seed, each in done.items()} == {
        1: ("", 1),
        ALONE: ("", 2),
        NEVER: ("oom", 2),
        2: ("", 1),
    }
    assert done[NEVER].message == "memory ran out: Unable to allocate 9 TiB"


def test_a_process_that_the_system_kills_for_its_memory_is_one_that_ran_out_of_it(train, monkeypatch):
    counted = iter(range(1000))
    monkeypatch.setattr(processes, "memory_kills", lambda: next(counted))
    done = train([KILLED, 1], workers=2)
    assert {seed: (each.state, each.attempts) for seed, each in done.items()} == {
        KILLED: ("complete", 2),
        1: ("complete", 1),
    }


class Quiet:
    """A worker that runs what it is given for ever."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.attempt = None
        self.is_alive = False
        self.sharing = 1
        self.started: list[tuple[int, int]] = []

    def start(self, attempt, *, sharing: int) -> None:
        self.attempt, self.is_alive, self.sharing = attempt, True, sharing
        self.started.append((attempt.job.seed, sharing))

    def kill(self) -> None:
        self.attempt, self.is_alive = None, False


def back_off(executor: Processes, failing: Quiet) -> None:
    """Let a training run out of memory while all workers are alive, also idle ones."""
    for each in executor.workers:
        each.is_alive = True
    attempt = failing.attempt
    failed = Evaluation(placement=attempt.job.placement, seed=0, epochs=3, state="failed", reason="oom")
    assert executor._back_off(failing, attempt, failed) == []


def test_where_it_happens_often_fewer_run_until_the_end(tmp_path):
    maker = EvaluatorMaker(load_study(write_study(tmp_path, run={"accelerator": "cpu"})), tmp_path)
    executor = Processes(maker, workers=4, max_retries=0, on_progress=lambda: None)
    executor.workers = workers = [Quiet(number) for number in range(4)]
    for seed in range(6):
        executor.submit(Job(placement=Placement.parse("none-se4-eca"), seed=seed, epochs=3))
    back_off(executor, workers[0])
    back_off(executor, workers[1])
    with pytest.warns(UserWarning, match="memory ran out in 3 trainings beside others: from now on at most 2 at once"):
        back_off(executor, workers[2])
    executor._dispatch()
    assert [each.attempt and each.attempt.job.seed for each in workers] == [2, None, None, 3]
    workers[3].attempt = None
    executor._dispatch()
    assert [each.attempt and each.attempt.job.seed for each in workers] == [2, 1, None, None]
    for each in workers:
        each.attempt = None
    executor.submit(Job(placement=Placement.parse("none-se4-eca"), seed=7, epochs=3))
    executor._dispatch()
    assert sum(each.attempt is not None for each in workers) == 2


def test_a_gpu_is_shared_by_those_that_are_on_it_alone(tmp_path):
    maker = EvaluatorMaker(load_study(write_study(tmp_path)), tmp_path)
    executor = Processes(maker, workers=4, max_retries=0, on_progress=lambda: None)
    executor._devices = 2  # workers 0 and 2 on the first GPU, 1 and 3 on the second
    executor.workers = workers = [Quiet(number) for number in range(4)]
    for seed in range(4):
        executor.submit(Job(placement=Placement.parse("none-se4-eca"), seed=seed, epochs=3))
    assert [worker.started for worker in workers] == [[(seed, 2)] for seed in range(4)]
    first = workers[0].attempt
    back_off(executor, workers[0])
    executor._dispatch()
    assert all(len(worker.started) == 1 for worker in workers)  # it waits until it is alone on a GPU
    workers[3].attempt = None
    executor._dispatch()
    assert all(len(worker.started) == 1 for worker in workers)
    workers[1].attempt = None
    executor._dispatch()
    assert workers[1].started[-1] == (0, 1)
    assert not workers[3].is_alive  # what it held is missing too
    executor.submit(replace(first.job, seed=9))
    assert workers[0].started[-1] == (9, 2)
    assert len(workers[3].started) == 1


class Cramped:
    """Makes no evaluator where two share a device: not even that has room."""

    def make(self, worker: int) -> Hungry:
        if worker:
            raise RuntimeError("CUDA error: out of memory\nmore")
        raise RuntimeError("another error")


def test_a_worker_without_memory_to_begin_with_says_so_of_its_jobs():
    made = worker._made(Cramped(), 1, 2)
    job = Job(placement=Placement.parse("none-se4-eca"), seed=0, epochs=1)
    failed = evaluate_job(made, job, on_epoch=lambda _: None)
    assert (failed.reason, failed.message) == ("oom", "memory ran out: CUDA error: out of memory")
    with pytest.raises(TrainingFailed, match="memory ran out"):
        made.train_in_windows(job.placement, next_window=None, on_window=None)
    with pytest.raises(RuntimeError, match="another error"):
        worker._made(Cramped(), 0, 2)
