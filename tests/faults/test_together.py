"""One study that is launched twice at the same instant."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.oracle import Oracle
from tests.faults.quick import begun_in, write_quick
from tests.marks import in_the_long_form

ROOT = Path(__file__).parents[2]

PROGRAM = """\
import json, os, sys, time, traceback
from pathlib import Path
import optuna, seplace.api, seplace.report.images, seplace.report.progress, seplace.search.run_study
import tests.faults.quick
from seplace.cli import main

seplace.api.Results._draw = lambda results, plot, path: None


def launch(study, folder, at, output):
    process = os.fork()
    if process:
        return process
    os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT), 1)
    os.dup2(1, 2)
    sys.argv = ["seplace", "run", study, "--results", folder]
    while time.monotonic() < at:
        pass
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


for study in sys.argv[1:]:
    folder = Path(study).parent
    at = time.monotonic() + 0.1
    outputs = [str(folder / f"output{number}") for number in (1, 2)]
    pids = [launch(study, str(folder / "out"), at, output) for output in outputs]
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    print(json.dumps([[pid, code, Path(output).read_text()] for pid, code, output in zip(pids, codes, outputs)]))
"""


@pytest.mark.parametrize("times", [1, in_the_long_form(50)])
def test_one_of_two_that_start_at_the_same_instant_runs_and_the_other_says_who(tmp_path, times):
    studies = []
    for number in range(times):
        folder = tmp_path / str(number)
        folder.mkdir()
        studies.append(write_quick(folder, search={"trainings": 9}, confirm=None))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, studies)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    rounds = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rounds) == times
    for study, ends in zip(studies, rounds, strict=True):
        (runner, code, _), (_, other, said) = sorted(ends, key=lambda end: end[1])
        assert other == 75, said
        assert re.search(rf"this study is already being run by process {runner} on \S+", said), said
        Oracle(study.parent / "out").after(code, wanted=0)
        assert set(begun_in(study.parent).values()) == {1}
