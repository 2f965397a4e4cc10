import json
import os
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from seplace.costs.stored import (
    add_missing_sum,
    claim_cost_file,
    cost_file,
    cost_table_of_results,
    read_cost_table,
    store_cost_table,
)
from seplace.costs.table import CostTable
from seplace.errors import CorruptResults
from seplace.placement import Placement, StageChoice

KEY = {"space": "ab12", "data": "digits", "image_size": None}
STAGE = {StageChoice(): (0, 0), StageChoice("eca"): (1152, 3), StageChoice("se", 16): (3220, 210)}
TABLE = CostTable(
    names=("flops", "params"),
    plain=(105_900, 4530),
    extras=(STAGE, STAGE),
    variants={"wide": CostTable(names=("flops", "params"), plain=(205_900, 9530), extras=(STAGE, STAGE))},
)


SPACE: Any = SimpleNamespace(backbones={"": None, "wide": None}, choices=(tuple(STAGE), tuple(STAGE)))
"""What is asked of a space."""


@dataclass
class Row:
    placement: Placement
    costs: dict[str, float]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    store_cost_table(tmp_path / "costs.json", TABLE, key=KEY)
    return tmp_path / "costs.json"


def without_sum(path: Path) -> None:
    """As version 0.10 wrote it."""
    content = json.loads(path.read_text())
    for name in ("sha256", "schema", "seplace"):
        del content[name]
    path.write_text(json.dumps(content, indent=1))


def test_no_damaged_byte_gives_other_costs_or_a_traceback(path: Path) -> None:
    data = path.read_bytes()
    random = Random(0)
    for offset in random.sample(range(len(data)), 300):
        damaged = bytearray(data)
        damaged[offset] ^= random.randrange(1, 256)
        path.write_bytes(damaged)
        try:
            assert read_cost_table(path, key=KEY) in (TABLE, None), offset
        except CorruptResults as error:
            assert "the cost table is damaged" in str(error) or "newer seplace" in str(error)  # noqa: PT017 - some changes do no damage


def test_no_digit_can_be_another(path: Path) -> None:
    text = path.read_text()
    for at in [at for at, each in enumerate(text) if each.isdigit()]:
        path.write_text(f"{text[:at]}{(int(text[at]) + 1) % 10}{text[at + 1 :]}")
        says = (
            r"written by a newer" if text[:at].endswith('"schema": ') else r"the cost table is damaged .*; delete the"
        )
        with pytest.raises(CorruptResults, match=rf"costs\.json: {says}"):
            read_cost_table(path, key=KEY)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"key": {}}',
        '{"key": [], "table": {}}',
        '{"key": {}, "table": []}',
        '{"key": {}, "table": {"names": ["flops"], "plain": [1.5], "extras": []}}',
        '{"key": {}, "table": {"names": ["flops"], "plain": [1, 2], "extras": []}}',
        '{"key": {}, "table": {"names": ["flops"], "plain": [1], "extras": [{"none": ["0"]}]}}',
        '{"key": {}, "table": {"names": ["flops"], "plain": [1], "extras": [{"sea": [0]}]}}',
        '{"key": {}, "table": {"names": ["flops"], "plain": [1], "extras": [3]}}',
        '{"key": {}, "table": {"names": 3, "plain": [1], "extras": []}}',
    ],
)
def test_what_is_no_cost_table_is_named_also_without_a_sum(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(CorruptResults, match="the cost table is damaged"):
        read_cost_table(path, key=KEY)


def test_costs_of_0_10_are_read_and_get_their_sum(path: Path) -> None:
    written = path.read_text()
    without_sum(path)
    assert read_cost_table(path, key=KEY) == TABLE
    add_missing_sum(path)
    assert {"sha256", "key", "table"} == json.loads(path.read_text()).keys() < json.loads(written).keys()


def test_costs_of_0_10_are_held_against_what_was_trained(path: Path) -> None:
    without_sum(path)
    rows = [Row(Placement.parse("eca-none"), {"flops": 107_052, "params": 4533, "latency_ms": 0.5})]
    assert cost_table_of_results(path.parent, key=KEY, space=SPACE, rows=rows) == TABLE
    path.write_text(path.read_text().replace("105900", "106900"))
    with pytest.raises(CorruptResults, match="the costs of eca-none differ from the ledger"):
        cost_table_of_results(path.parent, key=KEY, space=SPACE, rows=rows)
    rows = [Row(Placement.parse("eca-cbam4"), {"flops": 1})]
    with pytest.raises(CorruptResults, match="eca-cbam4 is missing"):
        cost_table_of_results(path.parent, key=KEY, space=SPACE, rows=rows)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"schema": 2, "seplace": "0.21.0"}, r"a newer seplace, 0\.21\.0 \(schema 2, this one reads 1\)"),
        ({"schema": 2, "seplace": None, "rows": []}, r"a newer seplace \(schema 2"),
        ({"schema": "2"}, "damaged"),
        ({"table": {"names": ["flops", 1], "plain": [1, 2], "extras": []}}, "no names of costs"),
        ({"table": {"names": ["flops", "flops"], "plain": [1, 2], "extras": []}}, "no names of costs"),
        ({"table": {"names": ["flops"], "plain": [2**62], "extras": []}}, "are no costs"),
    ],
)
def test_another_format_is_refused_by_name(path: Path, changes, says) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(CorruptResults, match=says):
        read_cost_table(path, key=KEY)


def test_deep_nesting_is_no_cost_table(path: Path) -> None:
    path.write_text("[" * 100_000)
    with pytest.raises(CorruptResults, match="nested too deeply"):
        read_cost_table(path, key=KEY)


def test_costs_that_the_ledger_does_not_know_are_refused(path: Path) -> None:
    rows = [Row(Placement.parse("eca-none"), {"flops": 107_052})]
    with pytest.raises(CorruptResults, match="it has costs that eca-none has not in the ledger"):
        cost_table_of_results(path.parent, key=KEY, space=SPACE, rows=rows)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"choices": ((StageChoice("cbam", 4),), tuple(STAGE))}, "the choice cbam4 is missing"),
        ({"choices": (tuple(STAGE),)}, "not of the study's backbones"),
        ({"backbones": {"": None, "deep": None}}, "not of the study's backbones"),
    ],
)
def test_costs_of_another_space_are_refused(path: Path, changes, says) -> None:
    space: Any = SimpleNamespace(**{**vars(SPACE), **changes})
    with pytest.raises(CorruptResults, match=says):
        cost_table_of_results(path.parent, key=KEY, space=space, rows=[])


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir])
def test_what_is_no_regular_file_is_not_read(tmp_path, make):
    make(tmp_path / "costs.json")
    assert read_cost_table(tmp_path / "costs.json", key=KEY) is None


@pytest.mark.parametrize("damage", [None, "{", "[]"])
def test_a_file_with_the_former_name_is_read_and_renamed_by_a_run(path: Path, damage: str | None) -> None:
    former = path.rename(path.with_name("prices.json"))
    if damage is not None:
        former.write_text(damage)
        with pytest.raises(CorruptResults, match=r"prices\.json: the cost table is damaged"):
            read_cost_table(cost_file(path.parent), key=KEY)
    else:
        assert read_cost_table(cost_file(path.parent), key=KEY) == TABLE
    assert claim_cost_file(path.parent) == path == cost_file(path.parent)
    assert path.is_file()
    assert not former.exists()


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir])
def test_what_has_the_former_name_and_is_no_regular_file_is_left_alone(tmp_path: Path, make) -> None:
    make(tmp_path / "prices.json")
    assert claim_cost_file(tmp_path) == cost_file(tmp_path) == tmp_path / "costs.json"
    assert (tmp_path / "prices.json").exists()


def test_a_former_file_that_cannot_be_renamed_is_no_error(path: Path, monkeypatch) -> None:
    path.rename(path.with_name("prices.json"))

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "replace", refuse)
    assert read_cost_table(claim_cost_file(path.parent), key=KEY) is None


def test_of_two_files_the_one_with_the_name_of_today_counts(path: Path) -> None:
    path.with_name("prices.json").write_text("{")
    assert read_cost_table(claim_cost_file(path.parent), key=KEY) == TABLE
