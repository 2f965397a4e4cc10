import json
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from typer.main import get_command

import seplace
from seplace.cli import app, main
from tests.evaluators import own_code
from tests.studies import write_study

COMMANDS = ("plan", "run", "status", "front", "plot", "train", "export", "bench", "doctor")


def test_help_lists_every_command(cli):
    code, output, _ = cli("--help")
    assert code == 0
    assert {command.callback.__name__ for command in app.registered_commands} >= set(COMMANDS)
    for command in COMMANDS:
        assert command in output


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_a_help(cli, command):
    code, output, _ = cli(command, "--help")
    assert code == 0
    assert "Usage" in output


def test_every_sentence_of_the_help_is_whole():
    """And its default is shown in one of two ways: by the option itself, or as a last sentence."""
    for name, command in get_command(app).commands.items():
        sentences = {name: command.help} | {f"{name} {each.name}": each.help for each in command.params}
        for subject, text in sentences.items():
            assert text, subject
            assert text[0].isupper(), subject
            assert text.endswith("."), subject
            assert "; default" not in text, subject


@pytest.mark.parametrize("columns", [80, 120])
def test_help_is_not_cut(cli, monkeypatch, columns):
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", columns)
    for command in ("simulate", "proxy", "bench"):
        _, output, _ = cli(command, "--help")
        assert "…" not in output
        assert max(map(len, output.splitlines())) <= columns


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version(cli, option):
    assert cli(option) == (0, f"seplace {seplace.__version__}\n", "")


@pytest.mark.parametrize("arguments", [("-h",), ("front", "-h")])
def test_a_short_option_helps_too(cli, arguments):
    code, output, _ = cli(*arguments)
    assert code == 0
    assert "Usage: seplace" in output


def test_the_package_runs_as_a_module():
    call = [sys.executable, "-m", "seplace", "front", "-h"]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    assert "Usage: seplace front" in done.stdout


@pytest.mark.parametrize(("words", "offered"), [("seplace pl", "plan\nplot"), ("seplace front --format j", "json")])
def test_a_shell_completes_commands_and_names(monkeypatch, capsys, words, offered):
    monkeypatch.setenv("_SEPLACE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    with pytest.raises(SystemExit) as caught:
        main()
    assert not caught.value.code
    assert capsys.readouterr().out.strip() == offered


def test_an_unknown_command_is_bad_input(cli):
    assert cli("nothing")[0] == 2


def test_a_warning_is_one_line_without_its_code(monkeypatch, capsys):
    monkeypatch.setattr("seplace.cli.app", lambda **_: warnings.warn("the weights are gone", stacklevel=1))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        main()
    assert capsys.readouterr().err == "warning: the weights are gone\n"


def test_commands_that_need_no_torch_do_not_import_it(finished, tmp_path):
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


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (own_code.leave, r"error: code of your own ended the program: SystemExit: 0 \(own_code\.py:\d+\)\n"),
        (own_code.fail, r"error: code of your own failed: LookupError: no such thing \(own_code\.py:\d+\)\n"),
    ],
)
def test_an_error_of_the_users_code_is_reported_as_theirs(cli, monkeypatch, fault, message):
    monkeypatch.setattr("seplace.bench.compare.read_cases", fault)
    code, _, errors = cli("bench", "resnet50")
    assert code == 2
    assert re.fullmatch(message, errors)


def test_an_output_without_room_is_one_line(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "seplace", "schema", "study"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (3, "error: the output cannot be written (No space left on device)\n")


def test_two_output_formats_at_once_are_refused(cli) -> None:
    code, _, error = cli("noise", "results/cifar10-effects", "--format", "csv", "--json")
    assert (code, error) == (2, "error: --json is short for --format json: leave out --format csv\n")
