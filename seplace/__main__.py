"""Run the command line as `python -m seplace`."""

import sys
from pathlib import Path

import seplace

if sys.path[:1] == [str(Path.cwd())] and Path.cwd() != Path(seplace.__file__).parents[1]:
    del sys.path[0]  # -m puts the current folder first, where a file could shadow a library

from seplace.cli import main

if __name__ == "__main__":
    sys.argv[0] = "seplace"  # as results record the command
    main()
