import fcntl
import gc
import os
import random
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest

from tests.studies import write_study

# Two threads a process are many times slower than one as soon as something else runs on the machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Workers of a test run are given a width, though what they print goes to no terminal.
os.environ.pop("COLUMNS", None)


def pytest_collection_finish() -> None:
    """Spare the garbage collector a million objects that stay to the end: a tenth of the time went into them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)  # it runs thirty times as often by default, and each time finds next to nothing


@pytest.fixture(scope="session", autouse=True)
def _brief() -> Iterator[None]:
    """Read Optuna's scripts once, time networks in a few rounds, and trace them on a short stack.

    For each new file Optuna reads the forty scripts of its versions three times. A network is timed in 30 rounds; no
    test of a run asks how long it takes, and 3 fill its columns as well. For each operator torch notes all functions
    that are running, and pytest's are sixty: in a thread of its own a count takes three quarters of the time.
    """
    import torch
    from optuna.storages._rdb.storage import _VersionManager

    from seplace.costs.counting import _traced
    from seplace.costs.latency import measure_latencies

    scripts: list[Any] = []

    def script(manager: Any) -> Any:
        if not scripts:
            scripts.append(read(manager))
        return scripts[0]

    def measure(networks: Any, images: Any, *, repeats: int = 3, warmup: int = 1) -> Any:
        return measure_latencies(networks, images, repeats=repeats, warmup=warmup)

    def traced(network: Any, images: Any) -> Any:
        def trace() -> Any:
            with torch.no_grad():
                return _traced(network, images)

        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(copy_context().run, trace).result()

    read = _VersionManager._create_alembic_script
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_VersionManager, "_create_alembic_script", script)
        patch.setattr("seplace.costs.latency.measure_latencies", measure)
        patch.setattr("seplace.costs.counting._traced", traced)
        yield


@pytest.fixture(autouse=True)
def _the_same_chance_every_time(request) -> None:
    """What a test draws without a seed of its own depends on its name alone: what fails once fails again."""
    import numpy as np  # only now, when the number of threads is set
    import torch

    seed = zlib.crc32(request.node.nodeid.encode())
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@contextmanager
def made_once(factory: pytest.TempPathFactory, name: str) -> Iterator[tuple[Path, bool]]:
    """Give a folder that all workers of a test run share, and whether it has been made; others wait meanwhile."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder, (folder / "made").exists()
        (folder / "made").touch()


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """The results folder of a small study that has run to its end; tests only read it."""
    with made_once(tmp_path_factory, "finished") as (folder, is_made):
        if not is_made:
            from seplace import running

            study = write_study(folder, search={"trainings": 11}, confirm={"seeds": 2, "trainings": 30})
            running.run(study, folder=folder / "results" / "tiny", observer=lambda _: None)
    return folder / "results" / "tiny"
