"""What the page of search spaces tells users to write, written as they would and run."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

from tests.pages import marked
from tests.studies import write_small_space, write_study


def block(marker: str) -> str:
    return marked("search_spaces/README.md", marker)


def seplace(*arguments: str | Path, cwd: Path) -> str:
    """Run the installed command as a user does, in a folder that Python does not look into by itself."""
    command = [Path(sys.executable).parent / "seplace", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.long
def test_a_users_own_module_takes_part_in_a_study(tmp_path: Path) -> None:
    module, space = block("own module"), block("own space")
    assert len((module + space).splitlines()) < 30
    folder, elsewhere = tmp_path / "study", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / "my_gates.py").write_text(module)
    (folder / "my-space.yaml").write_text(space)
    study = write_study(folder, name="my-study", space="./my-space.yaml", search={"trainings": 10})
    seplace("run", study, "--executor", "processes", cwd=elsewhere)
    table = pd.read_csv(elsewhere / "results" / "my-study" / "placements.csv")
    own = table[table["placement"].str.contains("my_gates:Spread")]
    assert len(own) >= 1
    row = own.iloc[0]
    # Two parameters a channel in each of its stages, beside three of each ECA.
    channels = {"stage1": 16, "stage2": 32, "stage3": 64}
    expected = sum(
        2 * width if "Spread" in row[stage] else 3 if "eca" in row[stage] else 0 for stage, width in channels.items()
    )
    assert row["extra_params"] == expected
    exported = seplace("export", "results/my-study", "--pick", row["placement"], cwd=elsewhere)
    assert "exported and verified" in exported
    # With the identity init the module begins as if it were not there.
    assert "--help" not in seplace("bench", "cifar_resnet8", "my_gates:Spread-none-none", cwd=folder)


@pytest.mark.long
def test_a_users_own_module_passes_the_suite(tmp_path: Path) -> None:
    (tmp_path / "my_gates.py").write_text(block("own module"))
    subprocess.run([sys.executable, "-c", block("own module checked")], cwd=tmp_path, check=True)


def test_a_users_own_network(capsys: pytest.CaptureFixture[str]) -> None:
    scope: dict[str, object] = {"__name__": "notebook"}
    exec(compile(block("own network"), "notebook.py", "exec", dont_inherit=True), scope)
    printed = capsys.readouterr().out
    assert "2 stages" in printed
    model, network = scope["model"], scope["network"]
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(network.eval()(images), model.eval()(images))  # type: ignore[attr-defined]
    learning = {key for key, parameter in network.named_parameters() if parameter.requires_grad}  # type: ignore[attr-defined]
    assert learning
    assert all("gate" in key for key in learning)


@pytest.mark.long
@pytest.mark.parametrize("given", ["a file", "a standard input"])
def test_the_python_of_the_first_page_is_a_script_with_worker_processes(tmp_path: Path, given: str) -> None:
    """As it is printed, without a main guard, as a script and from a notebook; the study is run instead of loaded."""
    small = write_small_space(tmp_path)
    run = {"executor": "processes", "workers": 2}
    write_study(tmp_path, name="study", space=small, search={"trainings": 8, "sampler": "exhaustive"}, run=run)
    printed = marked("README.md", "python")
    loads, runs = 'seplace.load("results/cifar10-effects")', 'seplace.run("study.yaml")'
    assert loads in printed
    assert f"# or {runs}" in printed
    script = printed.replace(loads, runs) + "print(results.finished, len(results.evaluations))\n"
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "script.py" if given == "a file" else "-"],
        cwd=tmp_path,
        input=script,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "343 True\nTrue 8\n"), done.stderr
    assert "Traceback" not in done.stderr
