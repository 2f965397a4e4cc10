import json
import shutil
import subprocess
import sys
from io import StringIO

import pandas as pd
import pytest

from seplace.cli import app, main
from tests.studies import write_study

COMMANDS = ("plan", "run", "status", "front", "plot", "export", "bench", "doctor")


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


def test_running_again_shows_the_front(cli, finished, tmp_path):
    copy = shutil.copytree(finished.parent.parent, tmp_path / "copy")  # others read what a run writes to
    code, output, _ = cli("run", copy / "tiny.yaml", "--results", copy / "results" / "tiny")
    assert code == 0
    assert "none-none-none" in output
    assert str(copy / "results" / "tiny") in output


def test_status_of_a_finished_study(cli, finished):
    code, output, _ = cli("status", finished)
    assert code == 0
    assert "study tiny: finished" in output
    assert "0 failed; budget 11 trainings" in output


@pytest.mark.parametrize("command", ["status", "front", "plot", "export"])
def test_a_folder_that_is_not_there_is_exit_3(cli, tmp_path, command):
    code, output, error = cli(command, tmp_path / "nowhere")
    assert (code, output) == (3, "")
    assert error.startswith(f"error: {tmp_path / 'nowhere'}: no results here")


def test_the_front_in_every_format(cli, finished):
    code, output, _ = cli("front", finished)
    assert code == 0
    assert "CBAM everywhere" in output
    records = json.loads(cli("front", finished, "--format", "json")[1])
    table = pd.read_csv(StringIO(cli("front", finished, "--format", "csv")[1]), keep_default_na=False)
    assert [record["placement"] for record in records] == table["placement"].tolist()
    assert records[0]["placement"] == "none-none-none"
    assert list(records[0]) == list(table.columns)
    assert cli("front", finished, "--format", "yaml")[0] == 2


def test_plot_writes_the_file(cli, finished, tmp_path):
    code, output, _ = cli("plot", finished, "--output", tmp_path / "a.svg")
    assert code == 0
    assert f"wrote {tmp_path / 'a.svg'}" in output
    assert "<svg" in (tmp_path / "a.svg").read_text()


@pytest.mark.parametrize("pick", ["knee", "best", "eca-eca-eca"])
def test_export(cli, finished, tmp_path, pick):
    code, output, error = cli("export", finished, "--pick", pick, "--output", tmp_path / "exported")
    assert code == 0, error
    assert "exported and verified" in output
    assert list((tmp_path / "exported").glob("*.py"))
    assert list((tmp_path / "exported").glob("*.safetensors"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--flops-under", 10), "no placement on the front under 10 FLOPs"),
        (("--pick", "se4-se4-se4.parallel"), "was not trained"),
        (("--pick", "sse4-none-none"), "Did you mean 'se'"),
        (("--pick", "eca-eca-eca", "--flops-under", 10), "10 FLOPs"),
    ],
)
def test_what_cannot_be_exported_is_exit_2(cli, finished, tmp_path, arguments, message):
    code, _, error = cli("export", finished, *arguments, "--output", tmp_path / "exported")
    assert code == 2
    assert message in error
    assert not (tmp_path / "exported").exists()


def test_a_plan(cli, tmp_path):
    study = write_study(tmp_path, confirm={"seeds": 2, "trainings": 5})
    code, output, _ = cli("plan", study, "--results", tmp_path / "out")
    assert code == 0
    assert "343 placements; random with a budget of 10 trainings" in output
    assert "7 yardsticks first: none" in output
    assert "estimated time" in output


def test_a_plan_says_what_rungs_do(cli, tmp_path):
    study = write_study(tmp_path, training={"epochs": 9}, search={"rungs": [2, 5]})
    code, output, _ = cli("plan", study, "--results", tmp_path / "out", "--no-batch")
    assert code == 0
    assert "rungs after 2 and 5 of 9 epochs" in output
    assert "counts epochs, 9 a training" in output


def test_rungs_that_are_no_numbers_are_bad_input(cli, tmp_path):
    code, _, error = cli("simulate", "usual", "--sampler", "random", "--rungs", "a,b", "--output", tmp_path / "out")
    assert code == 2
    assert "--rungs: write numbers with commas between them, such as 0.11,0.33 (got a,b)" in error


def test_what_needs_no_torch_does_not_import_it(finished, tmp_path):
    study = write_study(tmp_path)
    for arguments in (
        ["--help"],
        ["plan", str(study), "--no-batch", "--results", str(tmp_path / "out")],
        ["front", str(finished), "--format", "csv"],
        ["status", str(finished)],
    ):
        program = (
            "import sys\n"
            "from seplace.cli import app\n"
            "try: app()\n"
            "except SystemExit as error: assert not error.code\n"
            "heavy = {'torch', 'optuna', 'pytorch_lightning', 'matplotlib', 'fvcore'} & set(sys.modules)\n"
            "sys.exit(', '.join(heavy) or 0)\n"
        )
        subprocess.run([sys.executable, "-c", program, *arguments], check=True, stdout=subprocess.DEVNULL)


def test_a_bad_study_is_exit_2_with_its_place(cli, tmp_path):
    study = write_study(tmp_path, search={"sampler": "nsga3"})
    code, _, error = cli("run", study)
    assert code == 2
    assert f"{study}:" in error


def test_the_doctor_looks_at_everything(cli):
    code, output, _ = cli("doctor")
    assert code in (0, 3)
    for subject in ("python", "torch", "optuna", "sqlite", "processor"):
        assert subject in output
