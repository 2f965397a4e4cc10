"""All checks in turn: `python -m tests`, with `--long` the tests that take longer too. The first that fails ends it."""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKS = (
    ("ruff", "check"),
    ("ruff", "format", "--check", "--quiet"),
    ("mypy",),
    ("lint-imports",),
    ("pytest", "-n", "2", "--dist", "worksteal", "-q"),
)

parser = argparse.ArgumentParser(prog="python -m tests", description=__doc__)
parser.add_argument("--long", action="store_true", help="run the tests marked long as well")
is_long = parser.parse_args().long

# Studies wait for the disk at each evaluation, by design; in memory the tests do not.
IN_MEMORY = Path("/dev/shm")
has_room = IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free > 4e9

with tempfile.TemporaryDirectory(dir=IN_MEMORY if has_room else None, ignore_cleanup_errors=True) as folder:
    for name, *arguments in CHECKS:
        print(f"== {name} {' '.join(arguments)}", flush=True)
        # A base folder of its own: pytest sessions that share one clear each other's away.
        own = [f"--basetemp={folder}/pytest", *(["-m", ""] if is_long else [])] if name == "pytest" else []
        code = subprocess.run([Path(sys.executable).parent / name, *arguments, *own], check=False).returncode
        if code:
            sys.exit(code)
