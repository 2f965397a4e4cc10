import sys

import pytest

from seplace.cli import main


def run_main() -> None:
    main()
    sys.exit(0)


@pytest.fixture
def cli(monkeypatch, capsys):
    """A function that runs a command line and returns exit code, output and errors."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["seplace", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            run_main()
        printed = capsys.readouterr()
        return int(caught.value.code or 0), printed.out, printed.err

    return call
