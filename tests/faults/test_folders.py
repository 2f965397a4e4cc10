"""Results folders that cannot be written to, and those of strange names."""

import shutil
from pathlib import Path

import pytest

from tests.faults.oracle import Oracle, same_results
from tests.faults.quick import begun, write_quick
from tests.marks import in_the_long_form


def _as_a_file(folder: Path) -> Path:
    folder.write_text("mine")
    return folder


def _as_a_bad_link(folder: Path) -> Path:
    folder.symlink_to("nowhere")
    return folder


def _too_long(folder: Path) -> Path:
    return folder.with_name("x" * 300)


def _below_a_file(folder: Path) -> Path:
    folder.write_text("mine")
    return folder / "inside"


@pytest.mark.parametrize("make", [_as_a_file, _as_a_bad_link, _too_long, _below_a_file], ids=lambda make: make.__name__)
def test_a_folder_that_cannot_be_one_is_refused_in_a_line(tmp_path, seplace, make):
    study, folder = write_quick(tmp_path), make(tmp_path / "out")
    code, output = seplace("run", study, "--results", folder)
    assert code == 3
    (line,) = output.splitlines()
    assert line.startswith(f"error: {folder}: ")
    assert begun(tmp_path) == []
    for command in ("status", "front"):
        code, output = seplace(command, folder)
        assert (code, len(output.splitlines())) == (3, 1), output


def test_a_folder_that_may_only_be_read_is_refused_and_its_results_are_read(
    tmp_path, seplace, small_disk, quick_finished
):
    disk = small_disk("10m")
    folder = shutil.copytree(quick_finished / "out", disk / "out")
    oracle = Oracle(folder)
    oracle.look()
    small_disk("10m", "remount", "ro")
    code, output = seplace("run", write_quick(tmp_path), "--results", folder)
    assert code == 3
    assert [line[: len(f"error: {folder}: ")] for line in output.splitlines()] == [f"error: {folder}: "]
    assert "Read-only file system" in output
    assert seplace("status", folder)[0] == 0
    oracle.look()


@pytest.mark.parametrize("name", ["é a+b (2) " + "x" * 70, in_the_long_form("-")])
def test_a_folder_of_any_name_is_run_renamed_and_gone_on_with(tmp_path, seplace, quick_finished, name):
    study = write_quick(tmp_path)
    code, _ = seplace("run", study, "--results", tmp_path / name)
    Oracle(tmp_path / name).after(code, wanted=0)
    renamed = (tmp_path / name).rename(tmp_path / f"{name} (1)")
    code, output = seplace("status", renamed)
    assert (code, output.splitlines()[0]) == (0, "study tiny: finished")
    code, _ = seplace("run", study, "--results", renamed)
    Oracle(renamed).after(code, wanted=0)
    same_results(renamed, quick_finished / "out")


@pytest.mark.long
def test_a_placement_of_many_blocks_makes_no_long_file_name(tmp_path, seplace):
    (tmp_path / "blocks.yaml").write_text(
        "schema: 1\nbackbone: resnet50\ngranularity: block\ngate: {init: paper}\n"
        "choices: {modules: [none, 'se[squeeze=max]'], ratios: [16], attachments: [parallel]}\n"
    )
    study, folder = (
        write_quick(tmp_path, space="./blocks.yaml", search={"trainings": 9}, confirm=None),
        tmp_path / "out",
    )
    oracle = Oracle(folder)
    oracle.after(seplace("run", study, "--results", folder)[0], wanted=0)
    assert max(len(placement) for placement, _, _ in oracle.complete) > 255
    assert max(len(path.name) for path in folder.rglob("*")) < 100
