"""Memory that runs out beside others: trainings are tried again with fewer beside them, and all come back.

On a GPU the memory is really short: this process holds all but what about two trainings take, and four begin. On a
processor the evaluator says so, where it shares the device.
"""

import time
import warnings

from seplace.executors.executor import EvaluatorMaker
from seplace.executors.packing import Crew
from seplace.executors.processes import Processes
from seplace.results.evaluation import Evaluation, Job
from seplace.study.config import StudyConfig, load_study
from tests.gpu.figures import Figure, Setting
from tests.gpu.trainings import DEAREST, resnet20

TRAININGS, WORKERS = 6, 4
ROOM = 2.3
"""The trainings for which memory is left."""


class Hungry:
    """Has memory for two at once."""

    def __init__(self) -> None:
        self.among = 1

    def share_device(self, *, among: int) -> None:
        self.among = among

    def evaluate(self, job: Job, *, on_epoch) -> Evaluation:
        on_epoch(1)
        if self.among > ROOM:
            raise MemoryError("Unable to allocate 9 TiB")
        return Evaluation(placement=job.placement, seed=job.seed, epochs=job.epochs, state="complete", value=1.0)


class MadeHungry:
    """Makes such evaluators."""

    def __init__(self, config: StudyConfig) -> None:
        self.config = config

    def make(self, worker: int) -> Hungry:
        assert worker < WORKERS
        return Hungry()


def run(setting: Setting) -> None:
    study = resnet20(
        setting,
        name="memory",
        training={"batch_size": 1024 if setting.accelerator == "gpu" else 64, "epochs": 1},
        run={"workers": WORKERS},
    )
    config = load_study(study)
    (setting.folder / "weights").mkdir()
    (setting.folder / "checkpoints").mkdir()
    maker = MadeHungry(config) if setting.is_small else EvaluatorMaker(config, setting.folder)
    held = None if setting.is_small else _hold_most(setting, maker)
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        finished = _train(maker)
    setting.note(
        Figure(what="trainings", value=len(finished)),
        Figure(what="complete", value=sum(each.state == "complete" for each in finished)),
        Figure.of("attempts of a training", [each.attempts for each in finished], ""),
        Figure(what="time of all", value=time.perf_counter() - start, unit="s"),
        *(Figure(what="warning", value=str(each.message)) for each in said if "memory ran out" in str(each.message)),
    )
    del held
    assert sorted(each.seed for each in finished) == list(range(TRAININGS))
    assert all(each.state == "complete" for each in finished), [each.message for each in finished]
    assert max(each.attempts for each in finished) > 1, "memory did not run out"


def _hold_most(setting: Setting, maker: EvaluatorMaker) -> object:
    """Take the memory of the GPU but for about two trainings, and return it."""
    import torch

    crew = Crew(maker, DEAREST, until=time.monotonic() + 60, on_progress=lambda: None)
    try:
        crew.add(1)
        (window,) = crew.window(0.5)
    finally:
        crew.close()
    free, _ = torch.cuda.mem_get_info(0)
    left = int(ROOM * window.held_bytes)
    setting.note(
        Figure(what="memory of one training", value=window.held_bytes / 1e9, unit="GB"),
        Figure(what=f"memory left for {WORKERS} at once", value=left / 1e9, unit="GB"),
    )
    return torch.empty(free - left, dtype=torch.uint8, device="cuda:0")


def _train(maker) -> list[Evaluation]:
    executor = Processes(maker, workers=WORKERS, max_retries=0, on_progress=lambda: None)
    finished: list[Evaluation] = []
    try:
        for seed in range(TRAININGS):
            executor.submit(Job(placement=DEAREST, seed=seed, epochs=maker.config.training.epochs))
        while executor.running:
            finished += executor.wait()
    finally:
        executor.close()
    return finished
