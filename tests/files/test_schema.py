from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from seplace.files.schema import Schema, Section, check_shape
from tests.documents import read


class Inner(Section):
    count: Annotated[int, Field(ge=1)]
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5


class Outer(Section):
    schema_version: Schema = Field(alias="schema")
    name: str
    kind: Literal["cosine", "one_cycle"] = "cosine"
    flag: bool = False
    inner: Inner | None = None
    items: Annotated[tuple[Inner, ...], Field(min_length=1)] | None = None
    limits: dict[str, Annotated[float, Field(le=5)]] = Field(default_factory=dict)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("nome: x", "3:1: nome: unknown key. Did you mean 'name'?", id="unknown key"),
        pytest.param("zzz: x", "3:1: zzz: unknown key", id="unknown key, nothing near"),
        pytest.param("inner: {}", "3:8: inner.count: is missing and required", id="missing key"),
        pytest.param(
            "inner: {count: 1, shaer: 1}",
            "3:19: inner.shaer: unknown key. Did you mean 'share'?",
            id="inner key",
        ),
        pytest.param(
            "items: [{count: 1, shaer: 1}]",
            "3:20: items[1].shaer: unknown key. Did you mean 'share'?",
            id="list key",
        ),
        pytest.param(
            "inner: {count: '3'}",
            "3:16: inner.count: must be a whole number, without quotes (got '3')",
            id="a number in quotes",
        ),
        pytest.param("inner: {count: true}", "3:16: inner.count: must be a whole number (got true)", id="boolean"),
        pytest.param("inner: {count: 1.0}", "3:16: inner.count: must be a whole number (got 1.0)", id="a float"),
        pytest.param("inner: {count: 0}", "3:16: inner.count: must be at least 1 (got 0)", id="zero"),
        pytest.param("inner: {count: 1, share: 1}", "3:26: inner.share: must be less than 1 (got 1)", id="too large"),
        pytest.param("inner: {count: 1, share: 0}", "3:26: inner.share: must be greater than 0 (got 0)", id="small"),
        pytest.param(
            "inner: {count: 1, share: .nan}",
            "3:26: inner.share: must be a finite number (got .nan)",
            id="nan",
        ),
        pytest.param(
            "inner: {count: 1, share: 1e999}",
            "3:26: inner.share: must be a finite number (got .inf)",
            id="a float that overflows",
        ),
        pytest.param("inner: 3", "3:8: inner: must be a mapping of keys (got 3)", id="no mapping"),
        pytest.param("items: []", "3:8: items: must not be empty (got an empty list)", id="an empty list"),
        pytest.param("items: 3", "3:8: items: must be a list (got 3)", id="no list"),
        pytest.param("flag: yes", "3:7: flag: must be true or false (got 'yes')", id="yes is no boolean"),
        pytest.param("flag: 1", "3:7: flag: must be true or false (got 1)", id="1 is no boolean"),
        pytest.param(
            "kind: cosin",
            "3:7: kind: must be one of cosine, one_cycle (got 'cosin'). Did you mean 'cosine'?",
            id="a word of a list",
        ),
        pytest.param("limits: {a: 7}", "3:13: limits.a: must be at most 5 (got 7)", id="a value of a free key"),
        pytest.param("limits: [1]", "3:9: limits: must be a mapping of keys (got a list)", id="a list for a mapping"),
    ],
)
def test_rules_are_plain_words(line: str, expected: str, tmp_path: Path) -> None:
    document, _ = read(tmp_path, f"schema: 1\nname: a\n{line}\n")
    assert document is not None
    checked = check_shape(document, Outer)
    assert checked.section is None
    assert [str(each).partition("a.yaml:")[2] for each in checked.problems] == [expected]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        pytest.param("0", ["schema: must be at least 1 (got 0)"], id="too old"),
        pytest.param("'1'", ["schema: must be a whole number, without quotes (got '1')"], id="in quotes"),
        pytest.param("true", ["schema: must be a whole number (got true)"], id="a boolean that equals 1"),
        pytest.param("1.0", ["schema: must be a whole number (got 1.0)"], id="a float that equals 1"),
        pytest.param(
            "2\nnew: 3",
            ["schema: is newer than this version of seplace, which reads schema 1; upgrade seplace (got 2)"],
            id="newer, whose other keys are not judged",
        ),
    ],
)
def test_schema(schema: str, expected: list[str], tmp_path: Path) -> None:
    document, _ = read(tmp_path, f"name: x\nschema: {schema}\n")
    assert document is not None
    assert [str(each).partition(":2:9: ")[2] for each in check_shape(document, Outer).problems] == expected


def test_sound_values_survive_a_wrong_neighbour(tmp_path: Path) -> None:
    document, _ = read(tmp_path, "schema: 1\nname: 3\ninner: {count: 2, share: 7}\nitems: [{count: 3}]\n")
    assert document is not None
    checked = check_shape(document, Outer)
    assert checked.sound("inner", "count") == 2
    assert checked.sound("items", 0, "count") == 3
    assert checked.sound("inner", "share") is None
    assert checked.sound("name") is None
    assert checked.sound("items", 1, "count") is None
    assert checked.sound("absent") is None
