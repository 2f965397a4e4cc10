import importlib
import sys
from dataclasses import dataclass
from typing import Self

import pytest

from seplace.errors import InputError, MissingPackage, UnknownName
from seplace.registry import Entry, Registry


@dataclass(frozen=True)
class Tool(Entry):
    is_sharp: bool = False

    @classmethod
    def of_import_path(cls, path: str) -> Self:
        return cls(path, is_sharp=True)


def tools(entries) -> Registry[Tool]:
    return Registry("tool", Tool, group="seplace.tools", entries=entries)


@pytest.fixture
def shelf() -> Registry[Tool]:
    return tools({"path": Tool("pathlib:Path", is_sharp=True), "fraction": "fractions:Fraction"})


def test_a_table_is_a_mapping_in_its_written_order(shelf: Registry[Tool]) -> None:
    from pathlib import Path

    assert list(shelf) == ["path", "fraction"]
    assert len(shelf) == 2
    assert shelf["path"] is Path
    assert shelf["path"] is shelf["path"]


def test_nothing_is_imported_before_its_first_use(tmp_path, monkeypatch) -> None:
    (tmp_path / "seplace_lazy_entry.py").write_text("thing = object()\n")
    monkeypatch.syspath_prepend(tmp_path)
    shelf = tools({"lazy": "seplace_lazy_entry:thing"})
    assert list(shelf) == ["lazy"]
    assert "lazy" in shelf
    assert shelf.entry("lazy") == Tool("seplace_lazy_entry:thing")
    assert "seplace_lazy_entry" not in sys.modules
    assert shelf["lazy"] is sys.modules["seplace_lazy_entry"].thing
    monkeypatch.delitem(sys.modules, "seplace_lazy_entry")


def test_a_users_own_entry_needs_no_registration(shelf: Registry[Tool]) -> None:
    from collections import OrderedDict

    assert "collections:OrderedDict" in shelf
    assert shelf["collections:OrderedDict"] is OrderedDict
    assert shelf.entry("collections:OrderedDict").is_sharp
    assert list(shelf) == ["path", "fraction"]


def test_what_is_known_without_importing(shelf: Registry[Tool]) -> None:
    assert shelf.entry("path").is_sharp
    assert not shelf.entry("fraction").is_sharp


@pytest.mark.parametrize("look_up", [Registry.__getitem__, Registry.entry])
def test_a_miss_lists_what_exists_and_the_nearest(shelf: Registry[Tool], look_up) -> None:
    with pytest.raises(UnknownName) as caught:
        look_up(shelf, "fractoin")
    assert str(caught.value) == "unknown tool 'fractoin'. Did you mean 'fraction'? (known: path, fraction)"
    assert caught.value.known == ("path", "fraction")


def test_a_miss_with_nothing_near_suggests_nothing(shelf: Registry[Tool]) -> None:
    with pytest.raises(UnknownName, match=r"^unknown tool 'zzz' \(known: path, fraction\)$"):
        shelf["zzz"]


def test_a_miss_is_a_key_error_so_get_and_in_work(shelf: Registry[Tool]) -> None:
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
def test_a_path_that_leads_nowhere_is_the_users(shelf: Registry[Tool], path: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        shelf[path]
    assert str(caught.value).startswith(f"tool {path!r}: ")


def test_a_missing_import_of_an_existing_module_is_not_blamed_on_its_name(shelf, tmp_path, monkeypatch) -> None:
    (tmp_path / "seplace_broken_entry.py").write_text("import seplace_not_installed\n")
    monkeypatch.syspath_prepend(tmp_path)
    reason = "ModuleNotFoundError: No module named 'seplace_not_installed'"
    with pytest.raises(InputError, match=rf"seplace_broken_entry cannot be imported: {reason}"):
        shelf["seplace_broken_entry:thing"]


def test_a_module_that_fails_on_import_is_told_by_name(shelf, tmp_path, monkeypatch) -> None:
    (tmp_path / "seplace_failing_entry.py").write_text("raise RuntimeError('operator other::nms does not exist')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=r"imported: RuntimeError: operator other::nms does not exist \(\w+\.py:1\)"):
        shelf["seplace_failing_entry:thing"]


def test_a_torchvision_that_does_not_fit_is_told_as_the_environments(shelf, tmp_path, monkeypatch) -> None:
    text = "raise RuntimeError('operator torchvision::nms does not exist')\n"
    (tmp_path / "seplace_beside_vision.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingPackage, match=r"nms does not exist .*torchvision does not fit") as caught:
        shelf["seplace_beside_vision:thing"]
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("name", ["2nd", "a-b", "a b", "né", ""])
def test_a_name_that_no_study_could_write_is_refused_at_registration(name: str) -> None:
    with pytest.raises(InputError, match=rf"^tool '{name}' cannot be registered: a name is made of letters, digits"):
        tools({name: "pathlib:Path"})


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A function that makes a package with entry points importable."""

    def install(package: str, **entries: str) -> None:
        folder = tmp_path / f"{package}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [f"{name} = {path}" for name, path in entries.items()]
        (folder / "entry_points.txt").write_text("\n".join(["[seplace.tools]", *lines]))

    monkeypatch.syspath_prepend(tmp_path)
    return install


def test_an_installed_package_declares_entries(shelf: Registry[Tool], installed, tmp_path) -> None:
    installed("seplace_kit", saw="seplace_kit_saw:SAW", file="seplace_kit_saw:sharpen [extra]")
    (tmp_path / "seplace_kit_saw.py").write_text(
        f"from {__name__} import Tool\nSAW = Tool('seplace_kit_blades:saw')\ndef sharpen(): return 1\n"
    )
    (tmp_path / "seplace_kit_blades.py").write_text("saw = 'a saw'\n")
    assert list(shelf) == ["path", "fraction", "saw", "file"]
    assert "saw" in shelf
    assert shelf.built_in == ("path", "fraction")
    assert [shelf.is_external(name) for name in ("path", "saw", "m:saw")] == [False, True, True]
    assert not shelf.entry("saw").is_sharp
    assert "seplace_kit_blades" not in sys.modules
    assert shelf["saw"] == "a saw"
    assert shelf.entry("file") == Tool("seplace_kit_saw:sharpen", is_sharp=True)
    assert shelf["file"]() == 1


def test_names_of_our_own_and_import_paths_read_no_package(shelf: Registry[Tool], monkeypatch) -> None:
    monkeypatch.setattr("seplace.registry._entry_points", lambda _group: pytest.fail("it was read"))
    assert shelf["fraction"](1, 2) == 0.5
    assert "path" in shelf
    assert shelf["fractions:Fraction"](1, 2) == 0.5


def test_our_own_name_wins_and_what_cannot_be_used_is_warned_of(shelf: Registry[Tool], installed) -> None:
    installed("seplace_kit", **{"path": "kit:Path", "twice": "kit:a", "saw": "kit:saw", "bad-name": "kit:bad"})
    installed("other_kit", twice="other:a")
    with pytest.warns(UserWarning, match="declares") as warned:
        assert list(shelf) == ["path", "fraction", "saw"]
    told = sorted(str(each.message) for each in warned)
    assert told == [
        "tool 'bad-name', which the package seplace_kit declares: a name is made of letters, digits and _",
        "tool 'path', which the package seplace_kit declares: seplace has one of that name, which is used",
        *[each for each in told if "'twice'" in each],
    ]
    assert any(
        f"tool 'twice', which the package {one} declares: the package {other} declares it too, and neither is used"
        in told
        for one, other in (("seplace_kit", "other_kit"), ("other_kit", "seplace_kit"))
    )
    assert shelf["path"].__module__.startswith("pathlib")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        pytest.param("seplace_kit_absent:saw", "no module named 'seplace_kit_absent' can be imported", id="no module"),
        pytest.param("pathlib:Saw", "module 'pathlib' has no 'Saw'", id="no object"),
        pytest.param("pathlib", "an import path is package.module:object", id="no object named"),
        pytest.param(
            "seplace.costs:COSTS.kind.saw",
            "module 'seplace.costs' has no 'COSTS.kind.saw'. Did you mean 'COSTS'?",
            id="deeper",
        ),
        pytest.param(f"{__name__}:PLAIN", "names a Entry, wanted: a Tool", id="an entry of another shelf"),
    ],
)
def test_a_broken_entry_point_is_named_with_its_package(shelf: Registry[Tool], installed, path, message) -> None:
    installed("seplace_kit", saw=path)
    with pytest.raises(InputError) as caught:
        shelf["saw"]
    assert str(caught.value) == f"tool saw, which the package seplace_kit declares as {path!r}: {message}"


PLAIN = Entry("pathlib:Path")


def test_each_shelf_has_a_group_of_its_own() -> None:
    shelves = ["attention", "attachments", "backbones", "datasets", "costs"]
    shelves += ["evaluators", "executors", "samplers", "exporters", "proxies", "loggers"]
    for shelf in shelves:
        assert getattr(importlib.import_module(f"seplace.{shelf}"), shelf.upper()).group == f"seplace.{shelf}"


def test_an_unreadable_file_of_entry_points_leaves_the_own_names(tmp_path, monkeypatch):
    distribution = tmp_path / "strange-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\n")
    (distribution / "entry_points.txt").write_bytes(b"[seplace.attention]\nplain = \xff:x\n")
    monkeypatch.syspath_prepend(tmp_path)
    shelf = Registry("attention module", Entry, group="seplace.attention", entries={"se": "seplace.attention.se:SE"})
    with pytest.warns(UserWarning, match="the entry points of installed packages cannot be read"):
        assert list(shelf) == ["se"]


def test_the_path_of_an_entry_is_a_text():
    with pytest.raises(InputError, match=r"the path of an entry is a text, module:object \(got 3\)"):
        Entry(3)
