"""The pages: their tables are those of the code and of the committed results, and every command in them is run."""

from __future__ import annotations

import functools
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from seplace.attachments import ATTACHMENTS
from seplace.attention import ATTENTION
from seplace.backbones import BACKBONES
from seplace.cli import app, main
from seplace.files import shipped
from seplace.study.config import load_study
from tests.datasets.made_up import make_folder
from tests.pages import PAGES, ROOT, commands, fenced, made_anew, makers, marked, names_of_made
from tests.pages.keys import rows_of
from tests.pages.measured import SLOW
from tests.studies import write_small_space, write_study

BY_HAND = {
    "python3 -m venv .venv": "the two commands: the long form runs the first, and .ci/run the second",
    "python -m tests": "runs this test",
    "python -m tests --long": "runs this test",
    "pytest -q tests/attention": "is a part of the command that runs this test",
    "tests/gpu/run.sh": "needs a GPU; its small form is tested in tests/gpu",
    "python -m tests.pages": "writes the pages, which are compared with what it would write",
    "source .venv/bin/activate": "makes the tests' environment the shell's",
    "pip install -q -c constraints.txt '.[images]'": "has been run where the tests run",
    "seplace run my-study.yaml --executor ray": "tests/executors/test_ray.py does it with its own studies and ports",
    "ray start": "tests/executors/test_ray.py does it with its own ports, and for no other Ray of the machine",
    "ray stop": "would stop every Ray of the machine",
    "ray get-auth-token": "would write a token into the home folder",
    "export RAY_AUTH_MODE": "is in the environment of the clusters of tests",
}
"""Commands of the pages that no test runs, each with the reason; the first words are enough."""

LONG = (
    "seplace run cifar10-table-search",
    "seplace bench resnet50_v1 se16 cbam16 eca simam",
    "seplace bench --published eca",
)
"""Commands that take longer than a test of the short form may."""

QUICKSTART = {
    "data": {"name": "digits", "train_images": 128, "validation_images": 64},
    "search": {"sampler": "exhaustive", "trainings": 20, "seeds": 2},
}
"""What is less in `digits-quickstart` where the commands about it are run."""


def is_by_hand(command: str) -> bool:
    return any(command.startswith(begin) for begin in BY_HAND)


def run(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a `seplace …` command of a page in this process."""
    program, *arguments = shlex.split(command)
    assert program == "seplace"
    monkeypatch.setattr(sys, "argv", [program, *arguments])
    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    assert not code, f"{command} ended with {code}"


# --------------------------------------------------------------------------------------------------------------------
# Tables and texts


def standing(text: str, name: str) -> str:
    """Return a made table as it stands in the text of a page."""
    return text.partition(f"<!-- made: {name} -->\n\n")[2].partition("\n\n<!-- end -->")[0]


@pytest.mark.parametrize("page", PAGES)
def test_made_tables_are_those_of_today(page: str) -> None:
    text = PAGES[page].read_text()
    kept = {name: functools.partial(standing, text, name) for name in SLOW}
    assert made_anew(page, {**makers(), **kept}) == text, "make them anew: python -m tests.pages"


@pytest.mark.long
@pytest.mark.parametrize("name", SLOW)
def test_made_tables_that_take_long_are_those_of_today(name: str) -> None:
    page = next(page for page in PAGES if name in names_of_made(page))
    assert makers()[name]() in PAGES[page].read_text()


def test_every_table_that_can_be_made_stands_in_one_page() -> None:
    assert sorted(name for page in PAGES for name in names_of_made(page)) == sorted(makers())


def test_every_key_is_described() -> None:
    from seplace.study.space_file import SpaceFile
    from seplace.study.study_file import StudyFile
    from tests.pages.keys import blocks_of

    models = [StudyFile, SpaceFile]
    models += [block for model in (StudyFile, SpaceFile) for _, block in blocks_of(model)]
    assert not [f"{model.__name__}: {row[0]}" for model in models for row in rows_of(model) if not row[-1]]


def test_the_first_page_is_two_screens() -> None:
    assert len(PAGES["README.md"].read_text().split()) <= 1200


def test_the_counts_of_the_first_page() -> None:
    counts = f"{len(ATTENTION) - 1} modules, {len(ATTACHMENTS)} attachments and {len(BACKBONES)} backbones"
    assert counts in " ".join(PAGES["README.md"].read_text().split())


def test_the_glossary_has_twenty_words() -> None:
    glossary = PAGES["results/README.md"].read_text().partition("## Glossary")[2]
    words = re.findall(r"^\| \*\*(.+?)\*\* \|", glossary, flags=re.MULTILINE)
    assert len(words) >= 20
    assert words == sorted(words)


def anchors(path: Path) -> set[str]:
    """The anchors of a page as GitHub makes them: of its headings, and those that are named."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    made = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return made | set(re.findall(r'<a name="([\w-]+)">', text))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = re.sub(r"^```.*?^```", "", PAGES[page].read_text(), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("http"):
            continue
        file, _, anchor = target.partition("#")
        path = (PAGES[page].parent / file).resolve() if file else PAGES[page]
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path / "README.md" if path.is_dir() else path), target


# --------------------------------------------------------------------------------------------------------------------
# Commands

SCENARIOS = {
    "my commands": "README.md",
    "tour": "studies/README.md",
    "my study": "studies/README.md",
    "bench": "search_spaces/README.md",
}
"""Blocks of commands that the tests below, and those of the examples, run in order, and their pages."""


def test_every_command_is_run() -> None:
    tested = {command for marker, page in SCENARIOS.items() for command in commands(marked(page, marker))}
    for page in PAGES:
        for block in fenced(page, "bash"):
            for command in commands(block):
                assert command in tested or command in LONG or is_by_hand(command), f"{page}: {command}"
    every = {command for page in PAGES for block in fenced(page, "bash") for command in commands(block)}
    assert set(LONG) <= every
    assert all(any(command.startswith(begin) for command in every) for begin in BY_HAND)


def test_the_command_is_found_as_it_is_typed(tmp_path: Path) -> None:
    """In an environment that is active, and as a module in any."""
    folder = Path(sys.executable).parent
    for command in ([folder / "seplace"], [sys.executable, "-m", "seplace"]):
        done = subprocess.run([*command, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout.startswith("seplace ")


def test_the_study_of_the_first_page_is_sound(tmp_path: Path) -> None:
    for name in ("space.yaml", "study.yaml"):
        (tmp_path / name).write_text(marked("README.md", name))
    config = load_study(tmp_path / "study.yaml")
    assert config.search.trainings == 60
    assert len(config.search_space) == 11**4


def make_small(draft: Path) -> None:
    """Leave as little to train in a drafted study as shows all commands."""
    study = yaml.safe_load(draft.read_text())
    study["data"] |= {"validation_images": 8}
    study["training"] |= {"epochs": 1, "batch_size": 4, "warmup_epochs": 0}
    study["search"] |= {"trainings": 8}
    study["confirm"] |= {"trainings": 1}
    if "run" in study:
        study["run"] |= {"workers": 1}  # each worker takes longer to start than all trainings
    draft.write_text(yaml.safe_dump(study))


@pytest.mark.long
def test_a_search_on_ones_own_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_folder(tmp_path / "my-images", train=12, test=2, classes=2, test_name="test")
    shutil.copy(next((tmp_path / "my-images" / "test").glob("*/*.png")), tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    for command in commands(marked("README.md", "my commands")):
        if command.startswith("python "):
            _, *arguments = shlex.split(command)
            subprocess.run([sys.executable, *arguments], check=True)
        elif not is_by_hand(command):
            run(command, monkeypatch)
        if command.startswith("seplace init"):
            make_small(tmp_path / "study.yaml")


@pytest.mark.slow
def test_a_tour_of_all_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On less than `digits-quickstart` has; the long form runs that as it is."""
    make_folder(tmp_path / "my-images")
    small = write_study(tmp_path, name="digits-quickstart", space=write_small_space(tmp_path), **QUICKSTART)
    studies = {**shipped.shipped("studies"), "digits-quickstart": small}
    spaces = shipped.shipped("search_spaces")
    monkeypatch.setattr(shipped, "shipped", lambda kind: studies if kind == "studies" else spaces)
    (tmp_path / "results").mkdir()
    for name in ("digits-segmentation", "digits-presence"):
        (tmp_path / "results" / name).symlink_to(ROOT / "results" / name)
    monkeypatch.chdir(tmp_path)
    ran = commands(marked("studies/README.md", "tour"))
    for command in ran:
        run(command, monkeypatch)
    every = {each.name or each.callback.__name__ for each in app.registered_commands}
    assert {shlex.split(command)[1] for command in ran} == every, "the tour has every command"


def test_costs_without_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for command in commands(marked("search_spaces/README.md", "bench")):
        if command not in LONG:
            run(command, monkeypatch)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:.*the test split is not read for it")  # as the page says
@pytest.mark.parametrize("command", LONG)
def test_what_takes_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.chdir(tmp_path)
    run(command, monkeypatch)


@pytest.mark.long
def test_the_first_command_in_a_clean_checkout(tmp_path: Path) -> None:
    subprocess.run(["git", "clone", "--quiet", ROOT, tmp_path / "clone"], check=True)
    (command,) = commands(marked("README.md", "first"))
    subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=tmp_path / "clone", check=True)
    assert list((tmp_path / "clone" / "results" / "digits-quickstart" / "export").iterdir())


# --------------------------------------------------------------------------------------------------------------------
# Code


def test_python_of_the_first_page(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    exec(compile(marked("README.md", "python"), "README.md", "exec", dont_inherit=True), {"__name__": "notebook"})
    assert capsys.readouterr().out == "343 True\n"


@pytest.mark.parametrize(("page", "marker"), [("search_spaces/README.md", "space"), ("seplace/README.md", "testing")])
def test_python_of_other_pages(page: str, marker: str) -> None:
    exec(compile(marked(page, marker), page, "exec", dont_inherit=True), {"__name__": "notebook"})


def test_the_page_on_the_package_names_what_is_stable() -> None:
    import seplace

    stable = PAGES["seplace/README.md"].read_text().partition("Stable are the names")[2].partition("which stand")[0]
    assert set(re.findall(r"`(\w+)`", stable)) == set(seplace.__all__)


def test_the_sampler_in_an_optuna_study() -> None:
    code = marked("studies/README.md", "optuna").replace("n_trials=30", "n_trials=8")
    scope: dict[str, object] = {"__name__": "notebook", "train_and_validate": lambda network: len(str(network)) % 7}
    exec(compile(code, "studies/README.md", "exec", dont_inherit=True), scope)
    assert len(scope["study"].trials) == 8  # type: ignore[attr-defined]


def test_every_python_block_is_run() -> None:
    run_by = {
        "README.md": ("python",),
        "studies/README.md": ("my_task.py", "my network", "sample scores", "optuna", "detector"),
        "search_spaces/README.md": ("space", "own module", "own module checked", "own network"),
        "seplace/README.md": ("testing",),
    }
    for page in PAGES:
        assert fenced(page, "python") == [marked(page, marker) for marker in run_by.get(page, ())]


def test_a_tabular_evaluator_as_it_is_written() -> None:
    written = yaml.safe_load(marked("studies/README.md", "tabular"))
    assert load_study("cifar10-table-search").evaluator.model_dump() == written["evaluator"]


def test_a_recipe_as_it_is_written(tmp_path: Path) -> None:
    written = yaml.safe_load(marked("studies/README.md", "recipe"))["training"]
    study = yaml.safe_load(write_study(tmp_path, data={"train_images": None}).read_text())
    study["training"] = written | {"batch_size": 64}  # the digits are fewer than a batch
    path = tmp_path / "written.yaml"
    path.write_text(yaml.safe_dump(study))
    recipe = load_study(path).training
    assert (recipe.momentum, recipe.betas, recipe.precision) == (None, (0.9, 0.999), "bf16")
    assert sum(mixing.probability for mixing in (recipe.mixup, recipe.cutmix) if mixing is not None) == 1
