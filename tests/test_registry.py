import importlib
import pickle
import subprocess
import sys

import pytest

from seplace.errors import InputError, UnknownName
from seplace.registry import OWN_MODULES, Entry, Registry, import_from


@pytest.fixture
def shelf() -> Registry:
    return Registry("tool", {"path": Entry("pathlib:Path", takes_ratio=True), "fraction": "fractions:Fraction"})


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
    assert shelf.entry("lazy") == Entry("seplace_lazy_member:thing")
    assert "seplace_lazy_member" not in sys.modules
    assert shelf["lazy"] is sys.modules["seplace_lazy_member"].thing
    monkeypatch.delitem(sys.modules, "seplace_lazy_member")


def test_a_users_own_member_needs_no_registration(shelf: Registry) -> None:
    from collections import OrderedDict

    assert "collections:OrderedDict" in shelf
    assert shelf["collections:OrderedDict"] is OrderedDict
    assert shelf.entry("collections:OrderedDict").takes_ratio
    assert list(shelf) == ["path", "fraction"]


def test_what_is_known_without_importing(shelf: Registry) -> None:
    assert shelf.entry("path").takes_ratio
    assert not shelf.entry("fraction").takes_ratio


@pytest.mark.parametrize("look_up", [Registry.__getitem__, Registry.entry])
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
    with pytest.raises(InputError, match=rf"seplace_broken_member cannot be imported: {reason}"):
        shelf["seplace_broken_member:thing"]


def test_a_module_that_fails_on_import_is_told_by_name(shelf, tmp_path, monkeypatch) -> None:
    (tmp_path / "seplace_failing_member.py").write_text("raise RuntimeError('operator other::nms does not exist')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=r"imported: RuntimeError: operator other::nms does not exist \(\w+\.py:1\)"):
        shelf["seplace_failing_member:thing"]


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """A folder that import paths name modules in; all is as before at the end."""
    for name in ("folders", "named", "found"):
        monkeypatch.setattr(OWN_MODULES, name, type(getattr(OWN_MODULES, name))())
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    before = set(sys.modules)
    import_from(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("seplace_own_"):
            del sys.modules[name]


def test_the_users_modules_are_found_for_import_paths_and_for_one_another(shelf, own_folder) -> None:
    package = own_folder / "seplace_own_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "nets.py").write_text(
        "import seplace_own_beside\ndef late():\n    import seplace_own_late\n    return seplace_own_late.thing\n"
    )
    (own_folder / "seplace_own_beside.py").touch()
    (own_folder / "seplace_own_late.py").write_text("thing = 3\n")
    assert shelf["seplace_own_package.nets:late"]() == 3
    assert str(own_folder) not in sys.path


def test_nobody_else_finds_a_file_in_the_users_folder(shelf, own_folder, monkeypatch) -> None:
    """As a library does that looks for an optional package, also while a module of the user's imports the library."""
    library = own_folder / "installed"
    library.mkdir()
    (library / "seplace_own_library.py").write_text(
        "import importlib\ntry:\n    import seplace_own_optional\nexcept ImportError:\n    has_optional = False\n"
    )
    (own_folder / "seplace_own_optional.py").write_text("raise AssertionError('it was run')\n")
    (own_folder / "seplace_own_nets.py").write_text("from seplace_own_library import has_optional\n")
    monkeypatch.syspath_prepend(library)
    assert shelf["seplace_own_nets:has_optional"] is False
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("seplace_own_optional")


def test_what_is_installed_goes_first(shelf, own_folder) -> None:
    (own_folder / "fractions.py").write_text("raise AssertionError('it was run')\n")
    assert shelf["fractions:Fraction"](1, 2) == 0.5


def test_another_process_finds_the_users_modules(shelf, own_folder) -> None:
    (own_folder / "seplace_own_thing.py").write_text("class Thing: pass\n")
    thing = pickle.dumps(shelf["seplace_own_thing:Thing"]())
    sent = pickle.dumps((OWN_MODULES.to_record(), thing))
    program = (
        "import pickle, sys\nfrom seplace.registry import find_own_modules\n"
        "record, thing = pickle.load(sys.stdin.buffer)\nfind_own_modules(record)\npickle.loads(thing)\n"
    )
    subprocess.run([sys.executable, "-c", program], input=sent, check=True)
