"""Runs that begin as forks of a process that has imported everything: their time goes into what is killed."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from tests.faults.runs import Run

ROOT = Path(__file__).parents[2]

PROGRAM = """\
import json, os, signal, sys, traceback
import optuna, pandas, seplace.api, seplace.report.images, seplace.report.progress, seplace.search.run_study
import tests.faults.quick
from seplace.cli import main


def begin(arguments, output):
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT), 1)
    os.dup2(1, 2)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["seplace", *arguments]
    code = 0
    try:
        main()
    except SystemExit as error:
        code = error.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


print("ready", flush=True)
for line in sys.stdin:
    order = json.loads(line)
    if "wait" in order:
        pid, status = os.waitpid(order["wait"], os.WNOHANG)
        answer = None if pid == 0 else os.waitstatus_to_exitcode(status)
    else:
        answer = os.fork()
        if answer == 0:
            begin(order["arguments"], order["output"])
    print(json.dumps(answer), flush=True)
"""


class Zygote:
    """Forks `seplace …` into sessions of their own."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()

    def ask(self, **order: Any) -> int | None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{json.dumps(order)}\n")
        self.process.stdin.flush()
        answer: int | None = json.loads(self.process.stdout.readline())
        return answer


class Forked:
    """A process that a zygote has forked, with as much of the interface of Popen as a run needs."""

    def __init__(self, zygote: Zygote, arguments: list[str]) -> None:
        self.zygote = zygote
        self.returncode: int | None = None
        with tempfile.NamedTemporaryFile(delete=False) as file:
            self.output = Path(file.name)
        pid = zygote.ask(arguments=arguments, output=str(self.output))
        assert pid is not None
        self.pid = pid

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self.zygote.ask(wait=self.pid)
        return self.returncode

    def send_signal(self, signum: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, signum)

    def communicate(self, timeout: float = 90) -> tuple[str, None]:
        until = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > until:
                os.kill(self.pid, signal.SIGKILL)
                raise AssertionError(f"it does not end: {self.output.read_text()}")
            time.sleep(0.01)
        text = self.output.read_text() if self.output.exists() else ""
        self.output.unlink(missing_ok=True)
        return text, None


class ForkedRun(Run):
    """`seplace run STUDY` as a fork."""

    def __init__(self, zygote: Zygote, study: Path, folder: Path) -> None:
        self.folder = folder
        self.process: Any = Forked(zygote, ["run", str(study), "--results", str(folder)])
