"""`python -m seplace` is the command line."""

import sys
from pathlib import Path

import seplace

if sys.path[:1] == [str(Path.cwd())] and Path.cwd() != Path(seplace.__file__).parents[1]:
    del sys.path[0]  # -m puts the current folder first, where a file may have the name of a library

from seplace.cli import main

if __name__ == "__main__":
    sys.argv[0] = "seplace"  # as what a run writes down of its command has it
    main()
