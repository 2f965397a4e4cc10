from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import optuna
import pytest

from seplace.costs.table import CostTable
from seplace.errors import InputError, UnknownName
from seplace.pareto import hypervolume
from seplace.placement import Placement
from seplace.samplers.effects import make
from seplace.samplers.parameters import Parameters
from seplace.samplers.task import SCORE, SEED, STOPPED
from seplace.space import SearchSpace
from seplace.study.space_file import load_space
from tests.effects.toy import SMALL, WIDER, cost_table_of, parse, space_with
from tests.samplers.toy import WORTH, Worth, add, ask, gates, proxy_that_knows, searched, study_of, task_of


@pytest.mark.parametrize("space", [SMALL, WIDER], ids=["small", "wider"])
def test_works_in_a_plain_study(space):
    """With an objective that suggests the parameters one by one, and without a user attribute."""
    task = task_of(space)
    parameters = Parameters(space)

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        params = {
            name: trial.suggest_categorical(name, distribution.choices)
            for name, distribution in parameters.distributions.items()
        }
        placement = parameters.placement(params)
        return gates(placement), task.cost_table.costs_of(placement)["flops"]

    study = study_of(task)
    study.optimize(objective, n_trials=8)
    assert len({str(trial.params) for trial in study.trials}) > 3
    assert all(not trial.user_attrs for trial in study.trials)


@pytest.mark.parametrize("directions", [["minimize", "maximize"], ["maximize"], ["maximize", "minimize", "minimize"]])
def test_other_directions_are_refused(directions):
    task = task_of()
    study = optuna.create_study(directions=directions, sampler=make(0, task))
    with pytest.raises(InputError, match="maximize accuracy and minimize a cost, in this order"):
        ask(study, task)


def test_has_no_other_parameter():
    task = task_of()
    with pytest.raises(UnknownName, match=r"unknown parameter of space toy 'stage4'. Did you mean 'stage3'\?"):
        study_of(task).ask().suggest_float("stage4", 0, 1)


def test_a_candidate_is_proposed_even_when_all_seeds_are_spent():
    """A study may be longer than its space; the caller decides when to stop."""
    task = task_of(WIDER, seeds=1)
    study = study_of(task)
    for placement in WIDER:
        add(study, task, placement)
    assert ask(study, task)[1] in WIDER


def test_a_candidate_is_proposed_even_when_no_placement_keeps_the_limits():
    task = task_of(limits={"params": 1.0})
    study = study_of(task)
    add(study, task, Placement.parse("none-none-none"))
    assert ask(study, task)[1] in SMALL


@pytest.mark.parametrize("seed", range(3))
def test_a_stopped_placement_that_may_be_the_best_is_proposed_again(seed):
    """A stopped placement is on no front of trained placements."""
    task = task_of(seeds=1)
    study = study_of(task, seed=seed)
    for placement in SMALL:
        add(
            study,
            task,
            placement,
            value=90.0 if str(placement) == "se4-none-none" else 80.0,
            attrs={SEED: 0, STOPPED: 3} if str(placement) == "se4-none-none" else {SEED: 0, SCORE: 80.0},
            cost=task.cost_table.costs_of(placement)["flops"],
        )
    assert str(ask(study, task)[1]) == "se4-none-none"


def test_is_determined_by_seed_and_study():
    one, same, other = (searched(task_of(), 8, seed=seed) for seed in (5, 5, 6))
    assert one == same != other


def test_a_proposal_needs_nothing_but_the_study():
    """A sampler that is made anew before each proposal goes on in the same way."""
    task = task_of()
    study = study_of(task)
    found = []
    for _ in range(8):
        study.sampler = make(0, task_of())
        trial, placement = ask(study, task)
        study.tell(trial, [gates(placement), task.cost_table.costs_of(placement)["flops"]])
        found.append(placement)
    assert found == searched(task, 8)


@pytest.mark.parametrize("seed", range(3))
def test_trains_the_placement_of_the_highest_estimate(seed):
    """An untrained placement with the best predicted accuracy is proposed in time."""
    best = Placement.parse("se4-se4-se4")
    cost_table = cost_table_of(SMALL)
    extras = tuple({choice: (int(choice.module != "none"),) * 2 for choice in stage} for stage in cost_table.extras)
    task = task_of(cost_table=CostTable(names=cost_table.names, plain=(10, 10), extras=extras), seeds=1)

    def worth(placement: Placement) -> float:
        return 80.0 + sum({"none": 0.0, "eca": 0.5, "se": 1.0}[choice.module] for choice in placement.choices)

    assert best in searched(task, 13, worth=worth, seed=seed)


TABLE_SPACE = load_space("digits-resnet8")


def terrain(seed: int) -> Worth:
    """Additive gains of each stage's choice, and a little for pairs of attended stages; no noise."""
    random = np.random.default_rng(seed)
    gains = [dict.fromkeys(listed, 0.0) for listed in TABLE_SPACE.choices]
    for number, stage in enumerate(gains):
        for choice in stage:
            if choice.module != "none":
                stage[choice] = (0.4 + 0.3 * number) * float(random.normal(loc=0.2))

    def worth(placement: Placement) -> float:
        attended = sum(choice.module != "none" for choice in placement.choices)
        return 80 + sum(g[c] for g, c in zip(gains, placement.choices, strict=True)) - 0.05 * attended**2

    return worth


def share_found(found: list[Placement], cost_table: CostTable, worth: Worth) -> float:
    def losses(placements: list[Placement]) -> np.ndarray:
        return np.array([(-worth(each), cost_table.costs_of(each)["flops"]) for each in placements], dtype=float)

    every = losses(list(TABLE_SPACE))
    corner = (-worth(Placement.parse("none-none-none")) + 1.0, 1.005 * every[:, 1].max() - 0.005 * every[:, 1].min())
    return hypervolume(losses(found), corner) / hypervolume(every, corner)


def test_finds_the_front_of_a_noiseless_space_sooner_than_chance():
    shares = {"effects": [], "random": []}
    for seed in range(3):
        cost_table, worth = cost_table_of(TABLE_SPACE, seed=seed), terrain(seed)
        task = task_of(TABLE_SPACE, cost_table=cost_table, seeds=1)
        for name, sampler in (("effects", None), ("random", optuna.samplers.RandomSampler(seed=seed))):
            found = searched(task, 20, worth=worth, seed=seed, sampler=sampler)
            shares[name].append(share_found(found, cost_table, worth))
    assert np.mean(shares["effects"]) > np.mean(shares["random"]) + 0.05


def test_proposes_in_a_space_of_hundreds_of_thousands():
    choices = parse(
        "none", "eca", "eca.parallel",
        *(f"{module}{ratio}{at}" for module in ("se", "cbam") for ratio in (2, 4, 8, 16) for at in ("", ".parallel")),
        "se2.cross", "se4.cross", "cbam2.cross", "cbam4.cross",
    )  # fmt: skip
    described = load_space("resnet50")
    space = SearchSpace(name="vast", backbone=described.backbone, choices=(choices,) * 4, gate=described.gate)
    assert len(space) == 23**4
    task = task_of(space)
    study = study_of(task)
    random = np.random.default_rng(0)
    for index in random.integers(len(space), size=200):
        add(study, task, space.placement_at(int(index)), value=80 + float(random.normal()))
    started = time.process_time()
    assert ask(study, task)[1] in space
    assert time.process_time() - started < 5


def test_searches_a_space_without_none():
    """One of its stages has a single choice."""
    space = space_with(parse("se16"), parse("se16", "eca"), parse("cbam4", "eca"))
    assert set(searched(task_of(space, seeds=1), 4)) == set(space)


@pytest.mark.parametrize("is_known", [True, False])
def test_a_proxy_that_correlates_guides_where_nothing_was_trained(is_known):
    """Only placements without a module in stage 1 are trained; the proxy alone shows that SE pays there, not ECA."""
    task = task_of(seeds=1)
    if is_known:
        task = replace(task, covariates={"knows": proxy_that_knows(SMALL)})
    study = study_of(task)
    for placement in (each for each in SMALL if each.choices[0].module == "none"):
        added = [by_module.get(choice.module, 0.0) for choice, by_module in zip(placement.choices, WORTH, strict=True)]
        add(study, task, placement, value=80.0 + sum(added), cost=task.cost_table.costs_of(placement)["flops"])
    proposed = [ask(study, task)[1] for _ in range(4)]
    share = np.mean([placement.choices[0].module == "se" for placement in proposed])
    assert share == 1 if is_known else share < 1
