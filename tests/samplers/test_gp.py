"""Optuna's GP sampler in a space that runs out of seeds."""

import pytest
from optuna.samplers import GPSampler

from seplace.samplers.gp import make
from tests.effects.toy import SMALL, WIDER, space_with
from tests.samplers.toy import searched, task_of
from tests.spaces import parse

START = 10
"""The trials that Optuna draws at random before it has a model."""

ONE_CHOICE_IN_THE_FIRST = space_with(parse("none"), *[parse("none", "se4", "eca", "cbam4")] * 2)


@pytest.mark.parametrize("space", [SMALL, WIDER, ONE_CHOICE_IN_THE_FIRST], ids=["small", "wider", "one choice"])
def test_a_placement_without_a_seed_left_is_not_proposed(space):
    task = task_of(space, seeds=1)
    found = searched(task, len(space), sampler=make(0, task))
    modelled = [(placement, found[:number]) for number, placement in enumerate(found) if number >= START]
    still_open = len(space) - len(set(found[:START]))
    assert all(placement not in before for placement, before in modelled[:still_open])


def test_a_placement_with_a_seed_left_is_proposed_as_by_optuna():
    task = task_of(seeds=100)
    own, optunas = (searched(task, START + 8, sampler=each) for each in (make(0, task), GPSampler(seed=0)))
    assert own == optunas


def test_goes_on_where_nothing_has_a_seed_left():
    space = space_with(*[parse("none", "eca")] * 3)
    task = task_of(space, seeds=1)
    assert set(searched(task, START + len(space), sampler=make(0, task))) <= set(space)
