"""The tutorial notebook: `python -m tests.pages.tutorial` runs its cells anew and keeps their outputs in the file.

A folder of its own is the current one while it runs, so nothing is left but the notebook.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from tests.pages import ROOT

PATH = ROOT / "studies" / "tutorial.ipynb"
_MINUTES = 15


def read() -> Any:
    """Return the notebook."""
    import nbformat

    return nbformat.read(PATH, as_version=4)


def code_of(notebook: Any) -> list[str]:
    """Return the code of its cells, in order."""
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def executed(notebook: Any, folder: Path) -> Any:
    """Return the notebook with the outputs of a fresh kernel in a folder; raises CellExecutionError if a cell fails."""
    from nbclient import NotebookClient

    client = NotebookClient(notebook, timeout=60 * _MINUTES, resources={"metadata": {"path": str(folder)}})
    return client.execute()


def _without_traces(notebook: Any) -> Any:
    """Leave out what is another each time: ids, times of execution, the name of the kernel's Python."""
    for at, cell in enumerate(notebook.cells):
        cell.id = f"cell-{at}"
        cell.metadata = {}
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return notebook


if __name__ == "__main__":
    import nbformat

    with tempfile.TemporaryDirectory() as temporary:
        nbformat.write(_without_traces(executed(read(), Path(temporary))), PATH)
