import json
import subprocess
import sys
import warnings

import pytest

from seplace.cli import app, main
from tests.studies import write_study

COMMANDS = ("plan", "run", "status", "front", "plot", "export", "bench", "doctor")


def test_help_lists_every_command(cli):
    code, output, _ = cli("--help")
    assert code == 0
    assert {command.callback.__name__ for command in app.registered_commands} >= set(COMMANDS)
    for command in COMMANDS:
        assert command in output


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(cli, command):
    code, output, _ = cli(command, "--help")
    assert code == 0
    assert "Usage" in output


def test_an_unknown_command_is_bad_input(cli):
    assert cli("nothing")[0] == 2


def test_a_warning_is_one_line_without_the_code_that_noticed_it(monkeypatch, capsys):
    monkeypatch.setattr("seplace.cli.app", lambda: warnings.warn("the weights are gone", stacklevel=1))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        main()
    assert capsys.readouterr().err == "warning: the weights are gone\n"


def test_what_needs_no_torch_does_not_import_it(finished, tmp_path):
    study = write_study(tmp_path)
    program = (
        "import json, sys\n"
        "from seplace.cli import app\n"
        "for arguments in json.loads(sys.argv[1]):\n"
        "    try: app(arguments)\n"
        "    except SystemExit as error: assert not error.code, arguments\n"
        "    heavy = {'torch', 'optuna', 'pytorch_lightning', 'matplotlib', 'fvcore'} & set(sys.modules)\n"
        "    assert not heavy, (arguments, heavy)\n"
    )
    lines = [
        ["--help"],
        ["plan", str(study), "--no-batch", "--results", str(tmp_path / "out")],
        ["front", str(finished), "--format", "csv"],
        ["status", str(finished)],
    ]
    subprocess.run([sys.executable, "-c", program, json.dumps(lines)], check=True, stdout=subprocess.DEVNULL)
