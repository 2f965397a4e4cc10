"""The command line: its commands in the order of the help, and the exit codes of errors.

Imports stand inside the commands, so that a command without torch does not wait for it.
"""

from __future__ import annotations

import errno
import functools
import os
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated

import typer

from seplace.cli.ablation import ablation
from seplace.cli.bench import bench
from seplace.cli.compare import compare
from seplace.cli.doctor import doctor
from seplace.cli.gates import gates
from seplace.cli.init import init
from seplace.cli.listing import listing
from seplace.cli.plot import plot
from seplace.cli.printing import complain
from seplace.cli.proxy import proxy
from seplace.cli.report import report
from seplace.cli.results import effects, export, front, noise, recommend, status
from seplace.cli.schema import schema
from seplace.cli.simulate import simulate
from seplace.cli.studies import plan, run
from seplace.cli.train import train
from seplace.cli.verify import verify
from seplace.errors import DataError, Interrupted, InvalidStudy, SeplaceError, UserCodeError
from seplace.user_code import describe_error, is_raised_by_user_code, out_of_memory_message
from seplace.version import __version__

_COMMANDS: tuple[Callable[..., None], ...] = (
    init,
    plan,
    run,
    status,
    front,
    recommend,
    effects,
    ablation,
    compare,
    noise,
    plot,
    gates,
    report,
    train,
    export,
    verify,
    bench,
    simulate,
    proxy,
    listing,
    schema,
    doctor,
)
"""The commands in the order of the help."""

_NAMES = {listing: "list"}
"""Names that are those of functions of Python."""

app = typer.Typer(
    name="seplace",
    help="Where in a CNN does channel attention pay, at what cost, and how sure is the answer?",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _without_exits(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that raises UserCodeError where the user's code calls `sys.exit`."""

    @functools.wraps(command)
    def run(*arguments: object, **options: object) -> None:
        try:
            command(*arguments, **options)
        except SystemExit as error:
            if not is_raised_by_user_code(error):
                raise  # such as the exit of a closed pipe
            raise UserCodeError(f"code of your own ended the program: {describe_error(error)}") from error

    return run


for _each in _COMMANDS:
    app.command(name=_NAMES.get(_each))(_without_exits(_each))


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"seplace {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Print the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; an error that the user can resolve ends it with one message and its exit code."""
    warnings.showwarning = _show_warning
    try:
        app(prog_name="seplace")  # also as `python -m seplace`
    except Interrupted as error:
        complain(f"\n{error}; everything finished is kept. Resume with:\n  {' '.join(_command())}")
        sys.exit(error.exit_code)
    except InvalidStudy as error:
        complain(str(error))  # located problems, one a line, as editors and compilers have them
        sys.exit(error.exit_code)
    except SeplaceError as error:
        complain(f"error: {error}")
        sys.exit(error.exit_code)
    except MemoryError as error:
        complain(f"error: {out_of_memory_message(error)}")
        sys.exit(DataError.exit_code)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT) and error.filename is None:
            _leave_output()
            complain(f"error: the output cannot be written ({error.strerror})")
            sys.exit(DataError.exit_code)
        if not is_raised_by_user_code(error):
            raise  # a bug of seplace
        complain(f"error: code of your own failed: {describe_error(error)}")
        sys.exit(UserCodeError.exit_code)


def _leave_output() -> None:
    """Send what is left in the buffer of standard output nowhere, so that the end of the program does not fail too."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_warning(message: Warning | str, *_where: object, **_also: object) -> None:
    """Print the message of a warning, without the line of code that raised it."""
    complain(f"warning: {message}")


def _command() -> list[str]:
    import shlex

    return ["seplace", *map(shlex.quote, sys.argv[1:])]
