from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from seplace.placement import Placement
from seplace.study.space_file import load_space
from tests.effects.toy import SMALL, cost_table_of
from tests.samplers.toy import add, ask, gates, proxy_that_knows, searched, study_of, task_of


@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_a_placement_beyond_a_limit_is_not_proposed(is_known, seed):
    """Even where all but the plain one are beyond it."""
    space = load_space("cifar-resnet20")
    cost_table = cost_table_of(space)
    task = task_of(
        space,
        cost_table=cost_table,
        limits={"params": cost_table.costs_of(Placement.parse("none-none-none"))["params"]},
    )
    study = study_of(task, seed=seed)
    if is_known:
        add(study, task, Placement.parse("eca-eca-eca"), value=90.0)
    assert str(ask(study, task)[1]) == "none-none-none"


def test_a_limit_is_kept_all_along():
    cost_table = cost_table_of(SMALL)
    limit = float(np.median([cost_table.costs_of(each)["params"] for each in SMALL]))
    task = task_of(limits={"params": limit})
    assert all(cost_table.costs_of(each)["params"] <= limit for each in searched(task, 15))


def test_the_first_proposal_needs_no_measured_cost():
    """The first proposal of a study comes before the first measurement."""
    task = task_of(cost="latency_ms")
    study = study_of(task)
    for _ in range(6):
        trial, placement = ask(study, task)
        study.tell(trial, [gates(placement), 5.0 + 0.3 * sum(c.module == "se" for c in placement.choices)])
    assert len(study.trials) == 6


def test_a_measured_cost_is_learned():
    """SE is nearly as fast as no module, ECA is slow and as accurate as SE: proposals turn to SE."""
    modules = Counter()
    for seed in range(3):
        task = task_of(cost="latency_ms", seeds=1)
        study = study_of(task, seed=seed)
        for _ in range(8):
            trial, placement = ask(study, task)
            latency = 5.0 + sum({"none": 0.0, "se": 0.1, "eca": 2.0}[choice.module] for choice in placement.choices)
            study.tell(trial, [gates(placement), latency])
            modules.update(choice.module for choice in placement.choices)
    assert modules["se"] > modules["eca"]


def test_a_proxy_is_not_a_covariate_of_a_measured_cost():
    task = task_of(cost="latency_ms")
    measured = {placement: float(number) for number, placement in enumerate(SMALL) if number % 5 == 0}
    with_proxy = replace(task, covariates={"knows": proxy_that_knows(SMALL)}).priced_space_by(measured)
    assert with_proxy.cost.everywhere() == pytest.approx(task.priced_space_by(measured).cost.everywhere())
    assert list(with_proxy.design.covariates) == ["knows"]
