"""All checks: `python -m tests`, with `--long` the tests that take longer too. The first that fails ends them."""

import argparse
import compileall
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

QUICK = (("ruff", "check"), ("ruff", "format", "--check", "--quiet"))
BESIDE = (("mypy",), ("lint-imports",))
"""Checks of one core each, which run while the tests begin."""
TESTS = ("pytest", "-n", "2", "--dist", "worksteal", "-q", "--assert=plain")
EXPLAINED = ("pytest", "--last-failed", "--last-failed-no-failures=none", "-q")
"""Says of each assertion that failed what was compared; preparing all of them for it takes each worker 6 s."""

parser = argparse.ArgumentParser(prog="python -m tests", description=__doc__)
parser.add_argument("--long", action="store_true", help="run the tests marked long as well")
is_long = parser.parse_args().long

# Studies wait for the disk at each evaluation, by design; in memory the tests do not.
IN_MEMORY = Path("/dev/shm")
has_room = IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free > 4e9


def program(name: str, *arguments: str) -> list[str]:
    return [str(Path(sys.executable).parent / name), *arguments]


def announce(*command: str) -> None:
    print(f"== {' '.join(command)}", flush=True)


for command in QUICK:
    announce(*command)
    if code := subprocess.run(program(*command), check=False).returncode:
        sys.exit(code)

# Processes that tests start would compile it anew where Python is told not to keep what it has compiled.
compileall.compile_dir("seplace", quiet=1)

with tempfile.TemporaryDirectory(dir=IN_MEMORY if has_room else None, ignore_cleanup_errors=True) as folder:
    beside = {}
    for command in BESIDE:
        with (Path(folder) / command[0]).open("w") as output:
            beside[command] = subprocess.Popen(program(*command), stdout=output, stderr=output)
    announce(*TESTS)
    # A base folder of its own: pytest sessions that share one clear each other's away.
    own = [f"--basetemp={folder}/pytest", *(["-m", ""] if is_long else [])]
    tests = subprocess.Popen(program(*TESTS, *own))
    codes = [None]
    while None in codes and not any(codes):
        time.sleep(0.2)
        codes = [process.poll() for process in (tests, *beside.values())]
    for process in (tests, *beside.values()):
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait()
    for command in beside:
        announce(*command)
        print((Path(folder) / command[0]).read_text(), end="", flush=True)
    if tests.returncode == pytest.ExitCode.TESTS_FAILED:
        announce(*EXPLAINED)
        subprocess.run(program(*EXPLAINED, *own), check=False)

sys.exit(next((code for code in codes if code), 0))
