from pathlib import Path

import pytest

from seplace.errors import InputError, UnknownName
from seplace.files.shipped import is_name, locate, name_of, shipped


def test_shipped_names_are_found_by_name() -> None:
    for name, path in shipped("search_spaces").items():
        assert locate("search_spaces", name, relative_to=None) == path
        assert is_name(name)
        assert name_of(path.name) == name


def test_a_relative_path_is_looked_for_beside_the_file_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside, current = tmp_path / "beside", tmp_path / "current"
    for folder in (beside, current):
        folder.mkdir()
    monkeypatch.chdir(current)
    (current / "a.yaml").touch()
    assert locate("studies", "a.yaml", relative_to=beside).resolve() == current / "a.yaml"
    (beside / "a.yaml").touch()
    assert locate("studies", "a.yaml", relative_to=beside) == beside / "a.yaml"
    assert locate("studies", "./a.yaml", relative_to=None).resolve() == current / "a.yaml"
    assert locate("studies", str(current / "a.yaml"), relative_to=beside) == current / "a.yaml"


def test_a_missing_path_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"no search space file at {tmp_path}/x/a.yaml or .*shipped: .*resnet50"):
        locate("search_spaces", "x/a.yaml", relative_to=tmp_path)


def test_an_unknown_name_lists_the_shipped_ones() -> None:
    with pytest.raises(UnknownName, match=r"'resnet5'\. Did you mean 'resnet50'\? \(known: .*digits-resnet8"):
        locate("search_spaces", "resnet5", relative_to=None)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("..", id="the folder above"),
        pytest.param(".hidden", id="begins with a dot"),
        pytest.param("-rf", id="begins with a hyphen"),
        pytest.param("a b", id="a blank"),
        pytest.param("a\\b", id="a backslash"),
        pytest.param("a\n", id="a line feed at the end"),
        pytest.param("a\0b", id="a null character"),
        pytest.param("é", id="beyond ASCII"),
        pytest.param("a" * 65, id="65 characters"),
    ],
)
def test_hostile_names_are_refused(text: str) -> None:
    assert not is_name(text)
    with pytest.raises(InputError, match="a name has up to 64"):
        locate("studies", text, relative_to=None)


@pytest.mark.parametrize("text", ["../../no-such/passwd", "/etc/no-such.yaml", "a\0b.yaml", "/"])
def test_hostile_paths_are_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no study file at"):
        locate("studies", text, relative_to=tmp_path)
