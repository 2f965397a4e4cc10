import json
import re
import shutil
import subprocess
import sys
from io import StringIO

import pandas as pd
import pytest

from seplace.api import load
from seplace.results.ledger import Ledger
from seplace.search.lock import study_lock
from tests.ledgers import alter, make_of_0_12


def test_status_of_a_finished_study(cli, finished):
    code, output, _ = cli("status", finished)
    assert code == 0
    assert "study tiny: finished" in output
    assert "0 failed; budget 11 trainings" in output


@pytest.mark.parametrize("command", ["status", "front", "recommend", "plot", "export"])
def test_a_folder_that_is_not_there_is_exit_3(cli, tmp_path, command):
    code, output, error = cli(command, tmp_path / "nowhere")
    assert (code, output) == (3, "")
    assert error.startswith(f"error: {tmp_path / 'nowhere'}: no results here")


def test_the_front_in_every_format(cli, finished):
    code, output, _ = cli("front", finished)
    assert code == 0
    assert "CBAM everywhere" in output
    *_, last = output.splitlines()
    assert re.match(r"Estimated gains of the front minus its gains on the test split: [+-]\d+\.\d\d points on", last)
    records = json.loads(cli("front", finished, "--format", "json")[1])
    table = pd.read_csv(StringIO(cli("front", finished, "--format", "csv")[1]), keep_default_na=False)
    assert [record["placement"] for record in records] == table["placement"].tolist()
    assert records[0]["placement"] == "none-none-none"
    assert list(records[0]) == list(table.columns)
    assert cli("front", finished, "--format", "yaml")[0] == 2


def test_a_front_without_images_of_the_test_split_has_no_check(cli, finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "tiny")
    make_of_0_12(folder / "ledger.sqlite")
    code, output, _ = cli("front", folder)
    assert code == 0
    assert "test gain" in output
    assert "minus its gains on the test split" not in output


def test_what_is_recommended_in_every_format(cli, finished):
    code, output, _ = cli("recommend", finished)
    assert code == 0
    assert "tiny: recommended front, in the order of what each adds" in output
    records = json.loads(cli("recommend", finished, "--format", "json")[1])
    table = pd.read_csv(StringIO(cli("recommend", finished, "--format", "csv")[1]), keep_default_na=False)
    assert [record["placement"] for record in records] == table["placement"].tolist()
    assert all(record["placement"] in output for record in records)
    assert list(records[0]) == list(table.columns)


def test_plot_writes_the_file(cli, finished, tmp_path):
    code, output, _ = cli("plot", finished, "--output", tmp_path / "a.svg")
    assert code == 0
    assert f"wrote {tmp_path / 'a.svg'}" in output
    assert "<!-- gain over plain, in points of accuracy on new images -->" in (tmp_path / "a.svg").read_text()


def test_plot_draws_accuracies_on_demand_and_leaves_the_figure_of_gains(cli, finished, tmp_path):
    copy = shutil.copytree(finished, tmp_path / "tiny")
    gains = (copy / "front.svg").read_bytes()
    code, output, _ = cli("plot", copy, "--absolute")
    assert code == 0
    assert output.split() == ["wrote", str(copy / "front-absolute.png"), "wrote", str(copy / "front-absolute.svg")]
    assert "<!-- accuracy on new images in % -->" in (copy / "front-absolute.svg").read_text()
    assert (copy / "front.svg").read_bytes() == gains
    code, output, error = cli("plot", copy, "--kind", "heat", "--width", "single", "--no-heading")
    assert (code, error) == (0, "")
    assert output.split()[1::2] == [str(copy / "heat-single.png"), str(copy / "heat-single.svg")]
    assert cli("plot", copy, "--kind", "hat")[0] == 2
    code, _, error = cli("plot", copy, "--width", "triple")
    assert code == 2
    assert "a figure's width is single, double, or 2.5 to 40 inches" in error


@pytest.mark.parametrize("pick", ["knee", "best", "eca-eca-eca"])
def test_export(cli, finished, tmp_path, monkeypatch, pick):
    if pick != "knee":  # one is verified in a fresh process
        monkeypatch.setattr("seplace.exporters.source.verify", lambda *_: None)
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


def altered(finished, folder, statement, *values):
    """A copy of a finished study with one more statement in its ledger."""
    copy = shutil.copytree(finished, folder / "tiny", ignore=shutil.ignore_patterns("weights"))
    alter(copy / "ledger.sqlite", statement, *values)
    return copy


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({"finished": "false"}, "interrupted; run it again to go on"),
        ({"finished": "false", "stopped": '"a.ckpt: cannot write"'}, "stopped: a.ckpt: cannot write"),
    ],
)
def test_status_says_how_the_last_run_ended(cli, finished, tmp_path, facts, state):
    rows = ", ".join(f"('{key}', '{value}')" for key, value in facts.items())
    copy = altered(finished, tmp_path, f"INSERT OR REPLACE INTO facts VALUES {rows}")
    assert f"study tiny: {state}\n" in cli("status", copy)[1]


@pytest.mark.parametrize("reason", ["oom", "diverged"])
def test_a_study_without_its_plain_backbone_is_not_finished(cli, finished, tmp_path, reason):
    """As version 0.10 left it."""
    copy = altered(
        finished,
        tmp_path,
        "UPDATE evaluations SET record = json_set(record, '$.state', 'failed', '$.accuracy', NULL, '$.reason', ?) "
        "WHERE placement = 'none-none-none'",
        reason,
    )
    code, output, _ = cli("status", copy)
    assert code == 0
    assert "study tiny: not finished" in output
    advice = "run the study again, and it is tried again" if reason == "oom" else "--retry-failed"
    assert re.search(
        rf"Nothing can be compared with the plain backbone: none-none-none on seed 0: {reason}: .*{advice}", output
    )


def test_status_of_a_study_that_is_starting(cli, tmp_path):
    with study_lock(tmp_path / "lock"):
        code, output, _ = cli("status", tmp_path)
        assert (code, "starting, run by process" in output) == (0, True)
        Ledger(tmp_path / "ledger.sqlite").close()
        code, output, _ = cli("status", tmp_path)
        assert (code, "starting, run by process" in output) == (0, True)
    code, output, error = cli("status", tmp_path)
    assert (code, output) == (3, "")
    assert "no results here yet" in error


_OPTIONAL = ("pytz", "torchvision", "triton", "regex", "pyarrow", "numexpr", "bottleneck", "xarray", "IPython", "mine")
"""Modules that libraries look for, and one that a study may name."""

_READING = ("status", "front", "recommend", "effects", "noise", "plot")


def test_reading_runs_no_code_that_lies_in_the_folder(finished, tmp_path):
    """Nor in the current one, whatever the study names."""
    folder = shutil.copytree(finished, tmp_path / "strange")
    study = (folder / "study.yaml").read_text().replace("sampler: random", "sampler: mine:Sampler")
    (folder / "study.yaml").write_text(study)
    for name in _OPTIONAL:
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'was-run')!r}, 'a').write('{name} ')\n")
    program = (
        "import sys\nfrom seplace.cli import main\n"
        "for command in sys.argv[1:]:\n    sys.argv = ['', command, '.']\n    try:\n        main()\n"
        "    except SystemExit as error:\n        assert error.code in (0, 3 * (command == 'noise')), command\n"
    )
    # As the command does it, -P leaves the current folder out of the path.
    subprocess.run([sys.executable, "-P", "-c", program, *_READING], check=True, cwd=folder, stdout=subprocess.DEVNULL)
    assert not (tmp_path / "was-run").exists()


@pytest.mark.parametrize("name", ["my results", "été", "a+b", "cifar10 (2)", "x" * 70, "[none]", "-"])
def test_results_are_read_in_a_folder_of_any_name(cli, finished, tmp_path, name):
    folder = shutil.copytree(finished, tmp_path / name)
    code, output, error = cli("status", folder)
    assert (code, error) == (0, "")
    assert "study tiny: finished" in output


def test_recommendations_and_effects_begin_with_the_verdict(cli, finished):
    study = load(finished)
    for command in ("recommend", "effects"):
        output = cli(command, finished)[1]
        assert output.startswith(study.verdict)
    recommended = cli("recommend", finished)[1]
    assert "It is no order of accuracy" in recommended
    assert study.advice.kind in ("train", "images")  # the verdict and the recommendation end alike
    assert "None of them is shown to be better than the plain backbone: they are what to train next" in recommended
    assert recommended.rstrip().endswith(study.advice.lines[-1].removeprefix("Next: ").rstrip())
    assert study.advice.sentence in recommended
    untrained = study.recommended[(study.recommended["n"] == 0) & (study.recommended["gain"] >= 0)]
    for placement in untrained["placement"].iloc[:1]:
        assert f"\n  seplace train {finished} {placement}\n" in recommended


def test_json_is_short_for_its_format(cli, finished):
    assert cli("front", finished, "--json")[1] == cli("front", finished, "--format", "json")[1]
