"""What a shell completes, asked as the shell asks it."""

import subprocess
import sys
from pathlib import Path

import pytest

from seplace.cli import main
from tests.pages import ROOT
from tests.studies import write_study

RESULTS = ROOT / "results" / "cifar10-effects"


@pytest.fixture
def complete(monkeypatch, capsys):
    """Return the completions of a command line."""

    def ask(line: str) -> list[str]:
        monkeypatch.setattr(sys, "argv", ["seplace"])
        monkeypatch.setenv("_SEPLACE_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
        with pytest.raises(SystemExit):
            main()
        return capsys.readouterr().out.split()

    return ask


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("seplace no", ["noise"]),
        ("seplace run digits-q", ["digits-quickstart"]),
        ("seplace plan digits-quickstart --set training.ep", ["training.epochs="]),
        ("seplace plan a --set search.sampler=tpe_", ["search.sampler=tpe_factors", "search.sampler=tpe_ordered"]),
        ("seplace plan a --set training.fli", ["training.flip="]),
        ("seplace plan a --set training.flip=", ["training.flip=true", "training.flip=false"]),
        ("seplace run a --executor p", ["processes"]),
        ("seplace list mod", ["modules"]),
        ("seplace list spaces digits-r", ["digits-resnet8"]),
        ("seplace list nothing s", []),
        ("seplace schema st", ["study"]),
        ("seplace init images --backbone vgg1", ["vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn"]),
        ("seplace bench resnet34", ["resnet34"]),
        (f"seplace front {RESULTS.parent}/cifar10-e", [str(RESULTS)]),
        (f"seplace export {RESULTS} --pick kn", ["knee"]),
        (f"seplace export {RESULTS} --pick none-none-eca", ["none-none-eca", "none-none-eca.parallel"]),
        (f"seplace train {RESULTS} none-none-eca", ["none-none-eca", "none-none-eca.parallel"]),
        (f"seplace export {RESULTS}s --pick none-none-eca", []),
        (f"seplace export {RESULTS} --as pro", ["program"]),
        ("seplace proxy results --proxy na", ["naswot"]),
        ("seplace simulate usual --sampler eff", ["effects"]),
    ],
)
def test_what_is_completed(complete, line, found):
    assert complete(line) == found


def test_own_files_and_folders(complete, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_study(tmp_path, name="my-study")
    (tmp_path / "my-space.yaml").write_text("schema: 1\nbackbone: resnet18\n")
    (tmp_path / "my-binary.yaml").write_bytes(b"\xff\xfe\nsearch:")
    assert complete("seplace run my-") == ["my-study.yaml"]
    for name in ("results/one", "results/two", "beside"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "ledger.sqlite").touch()
    (tmp_path / "results" / "three").mkdir()
    assert complete("seplace status ") == ["beside", "results/one", "results/two"]
    (tmp_path / "results" / "one" / "placements.csv").write_bytes(b"placement,gain\nnone-se,1\n\xff\n")
    assert complete("seplace export results/one --pick none-") == []


@pytest.mark.long
def test_bash_takes_the_script(tmp_path):
    program = Path(sys.executable).parent / "seplace"
    script = (
        f'eval "$(_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION=1 {program} --show-completion bash)"; '
        f"COMP_WORDS=(seplace run digits-q); COMP_CWORD=2; _seplace_completion {program}; "
        'complete -p seplace; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["complete -o default -F _seplace_completion seplace", "digits-quickstart"]
