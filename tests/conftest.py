import fcntl
import gc
import os
import random
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
