"""All checks in turn: `python -m tests`. The first that fails ends it."""

import subprocess
import sys
from pathlib import Path

CHECKS = (
    ("ruff", "check"),
    ("ruff", "format", "--check", "--quiet"),
    ("mypy",),
    ("lint-imports",),
    ("pytest", "-n", "2", "-q"),
)

for name, *arguments in CHECKS:
    print(f"== {name} {' '.join(arguments)}", flush=True)
    code = subprocess.run([Path(sys.executable).parent / name, *arguments], check=False).returncode
    if code:
        sys.exit(code)
