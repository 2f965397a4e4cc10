"""`python -m seplace` is the command line."""

import sys

from seplace.cli import main

if __name__ == "__main__":
    sys.argv[0] = "seplace"  # as what a run writes down of its command has it
    main()
