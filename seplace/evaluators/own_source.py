"""The source of the user's own modules, for machines that do not have it."""

from __future__ import annotations

from pathlib import Path

from seplace.evaluators.identity import file_of, trees_of
from seplace.user_code import is_user_file
from seplace.user_modules import USER_MODULES


def own_source() -> dict[str, bytes]:
    """Return the Python files of the import paths that were resolved, and of the user's modules that they import.

    The keys are the paths of the files below a folder that modules are imported from. Installed packages are left out.
    """
    modules = {name for resolved in USER_MODULES.resolved for name in trees_of(resolved)}
    for name in tuple(modules):
        parts = name.split(".")
        modules |= {".".join(parts[:length]) for length in range(1, len(parts))}
    files = {}
    for name in sorted(modules):
        file = file_of(name)
        if file is not None and file.endswith(".py") and is_user_file(file):
            inside = "/__init__.py" if Path(file).name == "__init__.py" else ".py"
            files[name.replace(".", "/") + inside] = Path(file).read_bytes()
    return files
