import functools
import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seplace.attention.options import GateOptions
from seplace.backbones.describe import describe
from seplace.costs import COSTS
from seplace.costs.table import CostTable
from seplace.models import insert
from seplace.placement import Placement, StageChoice
from tests.networks import shaped_network_of, takes

BACKBONE = "cifar_resnet8"
IMAGES = torch.zeros(1, 3, 16, 16)
NAMES = ("flops", "params", "macs")
TAKEN = [name for name in describe(BACKBONE).units[0].widths if takes("se", name)]
CHOICES = [
    StageChoice(),
    StageChoice.parse("sk4.kernel"),
    *(StageChoice.parse(module) for module in ("se2", "cbam4", "cbam16", "eca")),
    *(StageChoice(module, 16, attachment) for module in ("se",) for attachment in TAKEN),
    *(StageChoice.parse(text) for text in ("cbam4.pre", "cbam4.cross", "eca.pre", "eca.parallel")),
]
PLAIN = Placement.uniform(StageChoice(), 3)
inserted = functools.partial(insert, gate=GateOptions(init="paper"))
placements = st.tuples(*[st.sampled_from(CHOICES)] * 3).map(Placement)


def build(placement: Placement) -> torch.nn.Module:
    return shaped_network_of(BACKBONE, str(placement))


@pytest.fixture(scope="module")
def table() -> CostTable:
    return CostTable.count(build(PLAIN), describe(BACKBONE).units, inserted, IMAGES, [CHOICES] * 3, names=NAMES)


@settings(max_examples=12, deadline=None)
@given(placement=placements)
def test_a_cost_is_the_count_of_the_network(table: CostTable, placement: Placement) -> None:
    network = build(placement)
    assert table.costs_of(placement) == {name: COSTS[name].measure(network, IMAGES) for name in NAMES}


def test_a_cost_has_the_names_in_order_and_is_whole(table: CostTable) -> None:
    costs_of = table.costs_of(Placement.parse("none-se16-eca.pre"))
    assert tuple(costs_of) == NAMES
    assert all(type(value) is int for value in costs_of.values())


def test_the_plain_backbone_costs_what_it_costs(table: CostTable) -> None:
    assert tuple(table.costs_of(PLAIN).values()) == table.plain
    assert table.costs_of(PLAIN)["params"] == sum(parameter.numel() for parameter in build(PLAIN).parameters())


@pytest.mark.parametrize("name", NAMES)
def test_all_costs_are_in_lexicographic_order(table: CostTable, name: str) -> None:
    choices = [CHOICES[:3], CHOICES[2:9], CHOICES[::-2]]
    expected = [table.costs_of(Placement(stages))[name] for stages in itertools.product(*choices)]
    cost_table = table.all_costs(choices, name)
    assert cost_table.dtype == np.int64
    assert cost_table.tolist() == expected


@given(placement=placements)
@settings(deadline=None)
def test_a_table_survives_its_text(table: CostTable, placement: Placement) -> None:
    again = CostTable.from_record(json.loads(json.dumps(table.to_record())))
    assert again == table
    assert again.costs_of(placement) == table.costs_of(placement)


def test_none_has_a_cost_even_where_it_is_no_choice() -> None:
    table = CostTable.count(
        build(PLAIN), describe(BACKBONE).units, inserted, IMAGES, [[StageChoice("se", 4)]] * 3, names=["params"]
    )
    every = Placement.uniform(StageChoice("se", 4), 3)
    # 2Ch for the one block of each stage.
    extra = 2 * 16 * 4 + 2 * 32 * 8 + 2 * 64 * 16
    assert table.costs_of(every)["params"] - table.costs_of(PLAIN)["params"] == extra


def test_looking_up_costs_needs_no_torch() -> None:
    program = "import sys, seplace.costs.table; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
