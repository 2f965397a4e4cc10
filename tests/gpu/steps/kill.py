"""A run that is killed again and again, once in a worker and twice in the driver, and gone on with to its end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.faults.oracle import Oracle
from tests.faults.runs import children_of, committed_in
from tests.gpu.figures import Figure, Setting
from tests.gpu.trainings import resnet20

TRAININGS = 9
KILLS = ((2, "worker"), (4, "driver"), (6, "driver"))
"""The number of results after which one of them is killed."""


def run(setting: Setting) -> None:
    study = resnet20(setting, name="kill", search={"trainings": TRAININGS})
    folder, start = setting.folder / "results", time.perf_counter()
    oracle, process = Oracle(folder), _start(study, folder)
    for committed, what in KILLS:
        while len(committed_in(folder)) < committed and process.poll() is None:
            time.sleep(0.02)
        assert process.poll() is None, f"the run ended with {process.poll()}"
        if what == "worker":
            os.kill(children_of(process.pid)[-1], signal.SIGKILL)
            continue
        process.kill()
        process.wait()
        oracle.after(-signal.SIGKILL, wanted=-signal.SIGKILL, is_whole=False)
        setting.note(Figure(what="results that a killed driver had acknowledged", value=len(oracle.complete)))
        process = _start(study, folder)
    oracle.after(process.wait(), wanted=0)
    assert len(oracle.complete) == TRAININGS
    setting.note(
        Figure(what="kills", value=len(KILLS)),
        Figure(what="results", value=len(oracle.complete)),
        Figure(what="acknowledged results that were lost, altered or doubled", value=0),
        Figure(what="time with all starts", value=time.perf_counter() - start, unit="s"),
    )


def _start(study: Path, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "seplace", "run", str(study), "--results", str(folder)]
    return subprocess.Popen(command)
