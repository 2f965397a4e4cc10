"""What the repository says of itself agrees: pyproject.toml, CITATION.cff, CONTRIBUTING.md, the folders."""

import re
import tomllib
from datetime import date
from pathlib import Path

import yaml

import seplace

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())


def test_the_citation_is_of_this_version() -> None:
    assert CITATION["version"] == seplace.__version__
    assert date.fromisoformat(CITATION["date-released"])


def test_the_citation_has_what_the_format_requires_and_nothing_else() -> None:
    """The citation file format, version 1.2.0."""
    assert CITATION["cff-version"] == "1.2.0"
    assert CITATION.keys() >= {"cff-version", "message", "title", "authors"}
    assert CITATION.keys() <= {
        *("cff-version", "message", "type", "title", "abstract", "authors", "version", "date-released"),
        *("license", "keywords"),
    }
    assert CITATION["type"] == "software"
    assert all(author.keys() == {"name"} for author in CITATION["authors"])


def test_the_citation_and_the_package_name_the_same_authors_and_license() -> None:
    assert CITATION["authors"] == PROJECT["authors"]
    assert CITATION["license"] == PROJECT["license"]
    assert set(CITATION["keywords"]) <= set(PROJECT["keywords"])


def test_keywords_and_classifiers_are_sorted_and_not_repeated() -> None:
    for listed in (PROJECT["keywords"], PROJECT["classifiers"]):
        assert listed == sorted(set(listed), key=str.casefold)
    # A license expression takes the place of the license classifiers.
    assert not any(each.startswith("License") for each in PROJECT["classifiers"])


def test_the_files_that_contributors_are_sent_to_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"`((?:seplace|tests)/[\w/.]+)`", text)) - {"seplace/attention/mine.py"}
    assert named
    assert all((ROOT / name).exists() for name in named)
    for command in re.findall(r"\.venv/bin/pytest -q (\S+)", text):
        assert (ROOT / command).exists()
