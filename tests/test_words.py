"""The words of the package and of its pages: one word for one thing, the one that the field uses."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pages import PAGES, ROOT

OLD_WORDS = {
    r"yardsticks?": "baseline",
    r"over none": "gain over the plain backbone, `gain vs plain`",
    r"believe[sd]?|believing|beliefs?": "estimate, posterior mean, credible interval, expected hypervolume regret",
    r"judge?ments?": "estimates",
    r"sharpen(?:ed|ing)?": "denoised",
    r"worlds?": "posterior sample in the model, problem in the simulation",
    r"regions?": "priced space",
    r"members?": "candidate of a space, entry of a shelf, point of a front",
    r"prices?|pricing|priced(?![ _-]?spaces?)": "cost",
    r"recoded": "encoded",
    r"probation": "rank correlation check",
    r"kind(?:er|est) seeds?|how kind": "seed effect",
    r"told(?! apart)|heard|asked(?! for)": "tell and ask only as Optuna means them",
    r"so many|such a one|of which|what is told|what is asked": "a riddle: name the thing",
    r"(?:is|are) (?-i:none)(?! of)": "a riddle: say what is missing",
}
"""Patterns that must not occur as words, each with what to write instead."""

ALLOWED = {
    "seplace/files/former_words.py: yardsticks?": "reads files of versions 0.10 and 0.11",
    "seplace/files/former_words.py: believe[sd]?|believing|beliefs?": "reads files of versions 0.10 and 0.11",
    "seplace/files/former_words.py: worlds?": "reads files of versions 0.10 and 0.11",
    "seplace/training/rank.py: worlds?": "a variable of torch",
    "seplace/files/former_words.py: members?": "reads files of versions 0.10 and 0.11",
    "seplace/files/former_words.py: prices?|pricing|priced(?![ _-]?spaces?)": "reads files of versions 0.10 and 0.11",
    "seplace/datasets/cifar.py: members?": "a file in an archive, as Python's tarfile calls it",
    "seplace/samplers/encoded.py: told(?! apart)|heard|asked(?! for)": "Optuna's ask and tell",
    "seplace/search/proposals.py: told(?! apart)|heard|asked(?! for)": "Optuna's ask and tell",
}
"""`file: pattern` where an old word stands for a reason, which is the value."""

OLD_MODULES = ("streams", "heap", "documents", "shapes", "scores", "ranks", "paper", "yardsticks", "finding", "recoded")
"""File names that are gone, in any room."""


def sources() -> list[Path]:
    """Return the files that a user reads: the package, the pages, the shipped studies and spaces."""
    code = [path for path in sorted((ROOT / "seplace").rglob("*.py"))]
    data = [path for folder in ("studies", "search_spaces") for path in sorted((ROOT / folder).glob("*.yaml"))]
    return [*code, *PAGES.values(), *data]


@functools.cache
def lines() -> list[tuple[str, int, str]]:
    """Return all lines, each with its file and number; of the changelog those of the version that is still written."""
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in sources()}
    texts["CHANGELOG.md"] = (ROOT / "CHANGELOG.md").read_text().partition("## Unreleased")[2].partition("\n## ")[0]
    return [(name, number, line) for name, text in texts.items() for number, line in enumerate(text.splitlines(), 1)]


def found(pattern: str) -> Iterator[str]:
    """Yield `file:line: text` for each occurrence of a pattern as a word, parts of identifiers among them."""
    word = re.compile(rf"(?<![A-Za-z])(?:{pattern})(?![A-Za-z])", flags=re.IGNORECASE)
    for name, number, line in lines():
        if word.search(line) and f"{name}: {pattern}" not in ALLOWED:
            yield f"{name}:{number}: {line.strip()}"


@pytest.mark.parametrize("pattern", OLD_WORDS)
def test_old_words_are_gone(pattern: str) -> None:
    where = list(found(pattern))
    assert not where, f"write {OLD_WORDS[pattern]}:\n" + "\n".join(where)


def test_every_exception_is_still_needed() -> None:
    for place in ALLOWED:
        name, _, pattern = place.partition(": ")
        assert pattern in OLD_WORDS
        word = re.compile(rf"(?<![A-Za-z])(?:{pattern})(?![A-Za-z])", flags=re.IGNORECASE)
        assert word.search((ROOT / name).read_text()), f"{place} is no longer there"


def test_old_file_names_are_gone() -> None:
    assert not [path for path in (ROOT / "seplace").rglob("*.py") if path.stem in OLD_MODULES]


def test_docstrings_of_functions_begin_with_a_verb() -> None:
    beginnings = ("What ", "That ", "How ", "Which ", "Whose ")
    where = []
    for path in (ROOT / "seplace").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                is_property = any("property" in ast.unparse(each) for each in node.decorator_list)
                if not is_property and (ast.get_docstring(node) or "").startswith(beginnings):
                    where.append(f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}")
    assert not where, "\n".join(where)
