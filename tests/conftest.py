import os
from pathlib import Path

import pytest

from tests.studies import write_study

# Two threads a process are many times slower than one as soon as something else runs on the machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """The results folder of a small study that has run to its end; tests only read it."""
    from seplace import api

    folder = tmp_path_factory.mktemp("finished")
    study = write_study(folder, search={"trainings": 11}, confirm={"seeds": 2, "trainings": 30})
    api.run(study, folder=folder / "results" / "tiny", observer=lambda _: None)
    return folder / "results" / "tiny"
