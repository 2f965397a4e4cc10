import importlib
import pickle
import subprocess
import sys

import pytest

from seplace.user_modules import USER_MODULES, import_from, resolve


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """A folder that import paths name modules in; all is as before at the end."""
    for name in ("folders", "named", "found"):
        monkeypatch.setattr(USER_MODULES, name, type(getattr(USER_MODULES, name))())
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    before = set(sys.modules)
    import_from(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("seplace_own_"):
            del sys.modules[name]


def test_the_users_modules_are_found_for_import_paths_and_for_one_another(own_folder) -> None:
    package = own_folder / "seplace_own_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "nets.py").write_text(
        "import seplace_own_beside\ndef late():\n    import seplace_own_late\n    return seplace_own_late.thing\n"
    )
    (own_folder / "seplace_own_beside.py").touch()
    (own_folder / "seplace_own_late.py").write_text("thing = 3\n")
    assert resolve("seplace_own_package.nets:late", kind="tool")() == 3
    assert str(own_folder) not in sys.path


def test_nobody_else_finds_a_file_in_the_users_folder(own_folder, monkeypatch) -> None:
    """As a library does that looks for an optional package, also while a module of the user's imports the library."""
    library = own_folder / "installed"
    library.mkdir()
    (library / "seplace_own_library.py").write_text(
        "import importlib\ntry:\n    import seplace_own_optional\nexcept ImportError:\n    has_optional = False\n"
    )
    (own_folder / "seplace_own_optional.py").write_text("raise AssertionError('it was run')\n")
    (own_folder / "seplace_own_nets.py").write_text("from seplace_own_library import has_optional\n")
    monkeypatch.syspath_prepend(library)
    assert resolve("seplace_own_nets:has_optional", kind="tool") is False
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("seplace_own_optional")


def test_what_is_installed_goes_first(own_folder) -> None:
    (own_folder / "fractions.py").write_text("raise AssertionError('it was run')\n")
    assert resolve("fractions:Fraction", kind="tool")(1, 2) == 0.5


def test_another_process_finds_the_users_modules(own_folder) -> None:
    (own_folder / "seplace_own_thing.py").write_text("class Thing: pass\n")
    thing = pickle.dumps(resolve("seplace_own_thing:Thing", kind="tool")())
    sent = pickle.dumps((USER_MODULES.to_record(), thing))
    program = (
        "import pickle, sys\nfrom seplace.user_modules import find_user_modules\n"
        "record, thing = pickle.load(sys.stdin.buffer)\nfind_user_modules(record)\npickle.loads(thing)\n"
    )
    subprocess.run([sys.executable, "-c", program], input=sent, check=True)
