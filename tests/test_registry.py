import sys

import pytest

from seplace.errors import InputError, UnknownName
from seplace.registry import Member, Registry


@pytest.fixture
def shelf() -> Registry:
    return Registry("tool", {"path": Member("pathlib:Path", takes_ratio=True), "fraction": "fractions:Fraction"})


def test_a_table_is_a_mapping_in_its_written_order(shelf: Registry) -> None:
    from pathlib import Path

    assert list(shelf) == ["path", "fraction"]
    assert len(shelf) == 2
    assert shelf["path"] is Path
    assert shelf["path"] is shelf["path"]


def test_nothing_is_imported_before_its_first_use(tmp_path, monkeypatch) -> None:
    (tmp_path / "seplace_lazy_member.py").write_text("thing = object()\n")
    monkeypatch.syspath_prepend(tmp_path)
    shelf = Registry("tool", {"lazy": "seplace_lazy_member:thing"})
    assert list(shelf) == ["lazy"]
    assert "lazy" in shelf
    assert shelf.member("lazy") == Member("seplace_lazy_member:thing")
    assert "seplace_lazy_member" not in sys.modules
    assert shelf["lazy"] is sys.modules["seplace_lazy_member"].thing
    monkeypatch.delitem(sys.modules, "seplace_lazy_member")


def test_a_users_own_member_needs_no_registration(shelf: Registry) -> None:
    from collections import OrderedDict

    assert "collections:OrderedDict" in shelf
    assert shelf["collections:OrderedDict"] is OrderedDict
    assert shelf.member("collections:OrderedDict").takes_ratio
    assert list(shelf) == ["path", "fraction"]


def test_what_is_known_without_importing(shelf: Registry) -> None:
    assert shelf.member("path").takes_ratio
    assert not shelf.member("fraction").takes_ratio


@pytest.mark.parametrize("look_up", [Registry.__getitem__, Registry.member])
def test_a_miss_lists_what_exists_and_the_nearest(shelf: Registry, look_up) -> None:
    with pytest.raises(UnknownName) as caught:
        look_up(shelf, "fractoin")
    assert str(caught.value) == "unknown tool 'fractoin'. Did you mean 'fraction'? (known: path, fraction)"
    assert caught.value.known == ("path", "fraction")


def test_a_miss_with_nothing_near_suggests_nothing(shelf: Registry) -> None:
    with pytest.raises(UnknownName, match=r"^unknown tool 'zzz' \(known: path, fraction\)$"):
        shelf["zzz"]


def test_a_miss_is_a_key_error_so_get_and_in_work(shelf: Registry) -> None:
    assert shelf.get("zzz") is None
    assert "zzz" not in shelf
    assert 3 not in shelf


@pytest.mark.parametrize(
    ("path", "message"),
    [
        pytest.param("seplace_absent:thing", "no module named 'seplace_absent'", id="no such module"),
        pytest.param("seplace.absent:thing", "no module named 'seplace.absent'", id="no such module of a package"),
        pytest.param("seplace_absent.deep:thing", "no module named 'seplace_absent'", id="no such package"),
        pytest.param("pathlib:Paht", "module 'pathlib' has no 'Paht'", id="no such object"),
        pytest.param("pathlib:", "is package.module:object", id="no object named"),
        pytest.param(":thing", "is package.module:object", id="no module named"),
    ],
)
def test_a_path_that_leads_nowhere_is_the_users(shelf: Registry, path: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        shelf[path]
    assert str(caught.value).startswith(f"tool {path!r}: ")


def test_a_missing_import_of_an_existing_module_is_not_blamed_on_its_name(shelf, tmp_path, monkeypatch) -> None:
    (tmp_path / "seplace_broken_member.py").write_text("import seplace_not_installed\n")
    monkeypatch.syspath_prepend(tmp_path)
    reason = "ModuleNotFoundError: No module named 'seplace_not_installed'"
    with pytest.raises(InputError, match=rf"seplace_broken_member cannot be imported \({reason}\)"):
        shelf["seplace_broken_member:thing"]


def test_a_module_that_fails_on_import_is_told_by_name(shelf, tmp_path, monkeypatch) -> None:
    (tmp_path / "seplace_failing_member.py").write_text("raise RuntimeError('operator other::nms does not exist')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=r"cannot be imported .RuntimeError: operator other::nms does not exist"):
        shelf["seplace_failing_member:thing"]
