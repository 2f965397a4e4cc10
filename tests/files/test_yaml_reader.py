import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seplace.errors import InvalidStudy
from seplace.files.yaml_reader import MAX_BYTES, MAX_DEPTH, Problem, read_document, refuse, resolve_scalar
from tests.documents import read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("1e-3", 1e-3, id="a float needs no point in YAML 1.2"),
        pytest.param("1.2e7", 1.2e7, id="an exponent needs no sign"),
        pytest.param("5.", 5.0, id="nothing after the point"),
        pytest.param(".5", 0.5, id="nothing before the point"),
        pytest.param("-3", -3, id="negative"),
        pytest.param("+3", 3, id="a plus sign"),
        pytest.param("010", 10, id="a leading zero is no octal"),
        pytest.param("0o10", 8, id="octal"),
        pytest.param("0xff", 255, id="hexadecimal"),
        pytest.param("1_000", "1_000", id="underscores are text"),
        pytest.param("12:30:00", "12:30:00", id="no sexagesimal numbers"),
        pytest.param("2001-01-01", "2001-01-01", id="no dates"),
        pytest.param("yes", "yes", id="yes is text"),
        pytest.param("no", "no", id="no is text"),
        pytest.param("on", "on", id="on is text"),
        pytest.param("off", "off", id="off is text"),
        pytest.param("true", True, id="true"),
        pytest.param("false", False, id="false"),
        pytest.param("null", None, id="null"),
        pytest.param("~", None, id="tilde"),
        pytest.param("", None, id="nothing"),
        pytest.param(".inf", math.inf, id="infinity"),
        pytest.param("-.inf", -math.inf, id="minus infinity"),
        pytest.param("nan", "nan", id="nan without a point is text"),
        pytest.param("<<", "<<", id="no merge keys"),
        pytest.param("=", "=", id="no default keys"),
    ],
)
def test_plain_scalars_follow_yaml_1_2(text: str, value: object, tmp_path: Path) -> None:
    document, problems = read(tmp_path, f"key: {text}\n")
    assert not problems
    assert document is not None
    assert document.values == {"key": value}
    assert type(document.values["key"]) is type(value)


def test_nan_is_read_and_quotes_make_text(tmp_path: Path) -> None:
    document, _ = read(tmp_path, "a: .nan\nb: '1'\nc: \"true\"\nd: |\n  1\n")
    assert document is not None
    assert math.isnan(document.values.pop("a"))
    assert document.values == {"b": "1", "c": "true", "d": "1\n"}


@given(st.floats(allow_nan=False) | st.integers(-(2**63), 2**63 - 1))
def test_numbers_come_back(value: float) -> None:
    text = str(value).replace("inf", ".inf")
    assert resolve_scalar(text) == value


def test_every_key_and_value_knows_its_place(tmp_path: Path) -> None:
    document, _ = read(tmp_path, "a: 1\nb:\n  c: [x, {d: 2}]\n  e:\n    - y\n")
    assert document is not None
    assert document.values == {"a": 1, "b": {"c": ("x", {"d": 2}), "e": ("y",)}}
    assert document.key_marks == {
        ("a",): (1, 1),
        ("b",): (2, 1),
        ("b", "c"): (3, 3),
        ("b", "c", 1, "d"): (3, 11),
        ("b", "e"): (4, 3),
    }
    assert document.value_marks[("b",)] == (3, 3)
    assert document.value_marks[("b", "c", 1)] == (3, 10)
    assert document.value_marks[("b", "e", 0)] == (5, 7)


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("", ["a.yaml: the file is empty"], id="empty"),
        pytest.param("# only this\n", ["a.yaml: the file is empty"], id="only a comment"),
        pytest.param("- a\n", ["a.yaml:1:1: the top level must be a mapping of keys (got a list)"], id="a list"),
        pytest.param("text\n", ["a.yaml:1:1: the top level must be a mapping of keys (got 'text')"], id="text"),
        pytest.param(
            "a:\n\tb: 1\n",
            ["a.yaml:2:1: not valid YAML: a tab cannot stand here; indent with spaces"],
            id="a tab",
        ),
        pytest.param(
            "a: [1, 2\nb: 3\n",
            ["a.yaml:2:2: not valid YAML: expected ',' or ']', but got ':' while parsing a flow sequence"],
            id="an open list",
        ),
        pytest.param("a: b: c\n", ["a.yaml:1:5: not valid YAML: mapping values are not allowed here"], id="two colons"),
        pytest.param("a: 1\n---\nb: 1\n", ["a.yaml:2:1: a file holds one document only"], id="two documents"),
        pytest.param(
            "a: 1\nb: \x01\n",
            ["a.yaml:2:4: not valid YAML: character '\\x01' is not allowed"],
            id="a control character",
        ),
        pytest.param("a: é\n".encode("latin-1"), ["a.yaml:1:4: the file must be UTF-8 (got byte 0xe9)"], id="latin-1"),
        pytest.param("a: 1\n".encode("utf-16"), ["a.yaml:1:1: the file must be UTF-8 (got byte 0xff)"], id="utf-16"),
        pytest.param("a: 1\n" * MAX_BYTES, ["a.yaml: is larger than 1,048,576 bytes"], id="a huge file"),
        pytest.param(
            f"a: {'[' * 5000}{']' * 5000}\n",
            [f"a.yaml:1:{3 + MAX_DEPTH}: values are nested more than 20 deep"],
            id="deep lists",
        ),
        pytest.param(
            "a: " + "{a: " * 5000,
            [f"a.yaml:1:{4 * MAX_DEPTH}: values are nested more than 20 deep"],
            id="deep mappings",
        ),
        pytest.param(
            BOMB,
            [
                "a.yaml:1:4: a: anchors are not read; write the value out each time",
                "a.yaml:2:4: b: anchors are not read; write the value out each time",
                "a.yaml:2:8: b[1]: aliases are not read; write the value out",
            ],
            id="an alias bomb",
        ),
        pytest.param(
            "a: &a\n  b: *a\n",
            [
                "a.yaml:1:4: a: anchors are not read; write the value out each time",
                "a.yaml:2:6: a.b: aliases are not read; write the value out",
            ],
            id="a value inside itself",
        ),
        pytest.param(
            "a: 99999999999999999999\n",
            ["a.yaml:1:4: a: a whole number must fit in 64 bits (got '99999999999999999999')"],
            id="a number over 64 bits",
        ),
        pytest.param(
            f"a: {'9' * 5000}\n",
            [f"a.yaml:1:4: a: a whole number must fit in 64 bits (got '{'9' * 56}…)"],
            id="a number that int() refuses",
        ),
    ],
)
def test_what_cannot_be_read_gives_no_document(content: str | bytes, expected: list[str], tmp_path: Path) -> None:
    document, problems = read(tmp_path, content)
    assert document is None
    assert problems == expected


@pytest.mark.parametrize(
    ("content", "values", "expected"),
    [
        pytest.param(
            "a: 1\nb: 2\na: 3\n",
            {"a": 1, "b": 2},
            ["a.yaml:3:1: a: duplicate key, first written on line 1"],
            id="duplicate key",
        ),
        pytest.param(
            "a: {b: 1, b: {c: [1, 2]}, d: 4}\n",
            {"a": {"b": 1, "d": 4}},
            ["a.yaml:1:11: a.b: duplicate key, first written on line 1"],
            id="duplicate key in braces",
        ),
        pytest.param(
            "a: !!python/object/apply:os.system [touch canary]\n",
            {"a": ("touch canary",)},
            [
                "a.yaml:1:4: a: tags are not read; write the plain value "
                "(got 'tag:yaml.org,2002:python/object/apply:os.system')"
            ],
            id="a tag that would run a command",
        ),
        pytest.param(
            "a: !!int '3'\n",
            {"a": "3"},
            ["a.yaml:1:4: a: tags are not read; write the plain value (got 'tag:yaml.org,2002:int')"],
            id="a harmless tag",
        ),
        pytest.param("1: a\nb: 2\n", {"b": 2}, ["a.yaml:1:1: a key must be text (got 1)"], id="a number as key"),
        pytest.param("? [a]\n: b\nc: 1\n", {"c": 1}, ["a.yaml:1:3: a key must be text"], id="a list as key"),
        pytest.param("\ufeffa: 1\n", {"a": 1}, [], id="a byte order mark of UTF-8 is harmless"),
        pytest.param("a: 1\r\nb: 2\r\n", {"a": 1, "b": 2}, [], id="line ends of Windows"),
    ],
)
def test_the_rest_is_read_around_some_problems(
    content: str, values: dict[str, Any], expected: list[str], tmp_path: Path
) -> None:
    document, problems = read(tmp_path, content)
    assert problems == expected
    assert document is not None
    assert document.values == values


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    assert [str(each) for each in read_document(path)[1]] == [f"{path}: cannot be read: No such file or directory"]
    assert [str(each) for each in read_document(tmp_path)[1]] == [f"{tmp_path}: cannot be read: Is a directory"]


@settings(max_examples=300)
@given(st.binary(max_size=60) | st.text("a1: -[]{}&*!|>'\"%@`\n\t#?,\\Uudx", max_size=60).map(str.encode))
def test_no_bytes_raise(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    document, problems = read(tmp_path_factory.getbasetemp(), content)
    assert document is not None or problems
    assert all(each.startswith("a.yaml") for each in problems)


def test_problems_are_raised_in_order_and_once() -> None:
    late = Problem(file="a", line=10, column=1, key="b", rule="late")
    early = Problem(file="a", line=9, column=3, key="c", rule="early", got="1", suggestion="d")
    with pytest.raises(InvalidStudy) as caught:
        refuse([late, early, late])
    assert str(caught.value) == "a:9:3: c: early (got 1). Did you mean 'd'?\na:10:1: b: late"
