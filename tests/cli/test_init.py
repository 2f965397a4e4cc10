import pytest
from made_up import make_folder

from seplace.draft import drafting
from seplace.study.config import load_study
from tests.draft.toy import ToyClock


@pytest.fixture(autouse=True)
def toy_clock(monkeypatch) -> None:
    monkeypatch.setattr(drafting, "_stopwatch", ToyClock)


def test_files_are_written_once_and_the_next_command_is_told(cli, tmp_path, monkeypatch):
    make_folder(tmp_path / "my-images", test_name="test")
    monkeypatch.chdir(tmp_path)
    code, output, _ = cli("init", "my-images")
    assert code == 0
    assert output.splitlines()[-3:] == [
        "wrote space.yaml and study.yaml. Check every image, measure the time, and run:",
        "  seplace plan study.yaml",
        "  seplace run study.yaml",
    ]
    before = (tmp_path / "study.yaml").read_text()
    code, _, errors = cli("init", "my-images", "--backbone", "resnet18")
    assert code == 2
    assert "space.yaml and study.yaml are there already: --force overwrites, --output writes elsewhere" in errors
    assert (tmp_path / "study.yaml").read_text() == before
    code, output, _ = cli("init", "my-images", "--backbone", "resnet18", "--force")
    assert code == 0
    assert load_study(tmp_path / "study.yaml").search_space.backbone.text == "resnet18"
    code, output, _ = cli("init", "my-images", "--output", "an other", "--hours", "0.5")
    assert "  seplace plan 'an other/study.yaml' --results 'an other/results'\n" in output
    assert load_study(tmp_path / "an other" / "study.yaml").data_root.samefile(tmp_path / "my-images")


@pytest.mark.parametrize("name", ["notes.txt", "notes.txt/study"])
def test_a_file_is_no_folder_to_write_into(cli, tmp_path, name):
    (tmp_path / "notes.txt").write_text("mine")
    code, _, errors = cli("init", tmp_path / "my-images", "--output", tmp_path / name)
    assert code == 2
    assert f"{tmp_path / 'notes.txt'} is a file; name a folder" in errors


def test_a_wrong_folder_writes_nothing(cli, tmp_path):
    code, _, errors = cli("init", tmp_path / "nothing", "--output", tmp_path / "out")
    assert code == 3
    assert "nothing is not a folder; wanted: the folder with train/<class>/<image files>" in errors
    assert not (tmp_path / "out").exists()
    (tmp_path / "study.yaml").write_text("mine")
    assert "nothing is not a folder" in cli("init", tmp_path / "nothing", "--output", tmp_path)[2]
    assert (tmp_path / "study.yaml").read_text() == "mine"
