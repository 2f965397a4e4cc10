"""The pages (README files), and the tables in them that are made from code and committed results.

A made table stands between `<!-- made: <name> -->` and `<!-- end -->`; `python -m tests.pages` makes all of them anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    name: ROOT / name
    for name in (
        "README.md",
        "studies/README.md",
        "search_spaces/README.md",
        "results/README.md",
        "seplace/README.md",
        "tests/README.md",
    )
}

_MADE = re.compile(r"(<!-- made: ([\w -]+) -->\n)(.*?)(<!-- end -->)", flags=re.DOTALL)


def makers() -> dict[str, Callable[[], str]]:
    """Return the function that makes each table, by the name that stands in its page."""
    from tests.pages import catalogue, coverage, keys, measured

    return {**keys.MAKERS, **catalogue.MAKERS, **measured.MAKERS, **coverage.MAKERS}


def made_anew(page: str, makers: dict[str, Callable[[], str]]) -> str:
    """Return the text of a page with its made tables as they should be."""

    def table(found: re.Match[str]) -> str:
        return f"{found[1]}\n{makers[found[2]]()}\n\n{found[4]}"

    return _MADE.sub(table, PAGES[page].read_text())


def names_of_made(page: str) -> list[str]:
    """Return the names of the made tables of a page, in order."""
    return [found[2] for found in _MADE.finditer(PAGES[page].read_text())]


def markdown_table(heads: list[str], rows: list[list[str]]) -> str:
    """Return a table as GitHub draws it; a bar inside a cell is escaped."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def fenced(page: str, language: str) -> list[str]:
    """Return the fenced blocks of one language in a page, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGES[page].read_text(), flags=re.DOTALL | re.MULTILINE)


def marked(page: str, marker: str) -> str:
    """Return the fenced block that follows an invisible marker."""
    found = re.search(rf"<!-- {marker} -->\n```\w+\n(.*?)```", PAGES[page].read_text(), flags=re.DOTALL)
    assert found is not None, f"{page} has no block after <!-- {marker} -->"
    return found[1]


def commands(block: str) -> list[str]:
    """Return the commands of a block, one a line, without their comments."""
    return [line for each in block.splitlines() if (line := re.sub(r"\s+# .*$", "", each).strip())]
