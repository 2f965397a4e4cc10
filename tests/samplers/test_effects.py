from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from seplace.costs.table import PriceTable
from seplace.effects.design import Design, Tables
from seplace.effects.model import Posterior
from seplace.errors import InputError
from seplace.pareto import hypervolume
from seplace.placement import Placement
from seplace.samplers import effects as effects_module
from seplace.samplers.effects import EffectsSampler
from seplace.samplers.parameters import Parameters
from seplace.samplers.past import past_of
from seplace.samplers.task import ACCURACY, REPEATED, SEED, STOPPED, Task
from seplace.space import SearchSpace
from seplace.space_file import load_space
from tests.effects.toy import SMALL, WIDER, parse, prices_of, space_with

Worth = Callable[[Placement], float]


def task_of(
    space: SearchSpace = SMALL,
    *,
    cost: str = "flops",
    seeds: int = 3,
    limits: Mapping[str, float] | None = None,
    prices: PriceTable | None = None,
) -> Task:
    return Task(space=space, prices=prices or prices_of(space), cost=cost, limits=limits or {}, seeds=seeds, seed=0)


def study_of(task: Task, *, seed: int = 0) -> optuna.Study:
    return optuna.create_study(directions=["maximize", "minimize"], sampler=EffectsSampler(task, seed=seed))


def gates(placement: Placement) -> float:
    return 80.0 + sum(choice.module != "none" for choice in placement.choices)


def ask(study: optuna.Study, task: Task) -> tuple[optuna.Trial, Placement]:
    parameters = Parameters(task.space)
    trial = study.ask(parameters.distributions)
    return trial, parameters.placement(trial.params)


def add(
    study: optuna.Study,
    task: Task,
    placement: Placement,
    *,
    value: float = 80.0,
    violated: float | None = None,
    attrs: Mapping[str, object] | None = None,
    cost: float = 1000.0,
) -> None:
    """Tell a result that was not proposed."""
    parameters = Parameters(task.space)
    made = optuna.trial.create_trial(
        values=[value, cost],
        params=parameters.of(placement),
        distributions=parameters.distributions,
        user_attrs=dict(attrs or {}),
    )
    if violated is not None:
        made.set_constraint("a limit", violated)
    study.add_trial(made)


def searched(task: Task, count: int, *, worth: Worth = gates, seed: int = 0, sampler=None) -> list[Placement]:
    study = study_of(task, seed=seed)
    if sampler is not None:
        study.sampler = sampler
    found = []
    for _ in range(count):
        trial, placement = ask(study, task)
        study.tell(trial, [worth(placement), task.prices.price(placement)["flops"]])
        found.append(placement)
    return found


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
        return gates(placement), task.prices.price(placement)["flops"]

    study = study_of(task)
    study.optimize(objective, n_trials=8)
    assert len({str(trial.params) for trial in study.trials}) > 3
    assert all(not trial.user_attrs for trial in study.trials)


@pytest.mark.parametrize("directions", [["minimize", "maximize"], ["maximize"], ["maximize", "minimize", "minimize"]])
def test_other_directions_are_refused(directions):
    task = task_of()
    study = optuna.create_study(directions=directions, sampler=EffectsSampler(task, seed=0))
    with pytest.raises(InputError, match="maximise accuracy and minimise a cost, in this order"):
        ask(study, task)


def test_has_no_other_parameter():
    task = task_of()
    with pytest.raises(KeyError, match="dropout is no parameter of space toy"):
        study_of(task).ask().suggest_float("dropout", 0, 1)


@pytest.mark.parametrize("seed", range(4))
def test_a_placement_that_failed_is_not_proposed_again(seed):
    """Though it seems the best: only one in three placements can be trained."""
    task = task_of(seeds=50)
    study = study_of(task, seed=seed)
    failed: set[Placement] = set()
    for _ in range(15):
        trial, placement = ask(study, task)
        assert placement not in failed
        fails = sum(choice.module == "eca" for choice in placement.choices) != 0
        trial.set_constraint("training failed", 1.0 if fails else -1.0)
        if fails:
            failed.add(placement)
        study.tell(trial, [70.0 if fails else gates(placement), task.prices.price(placement)["flops"]])
    assert failed


@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_a_placement_beyond_a_limit_is_not_proposed(is_known, seed):
    """Even if all but the plain one are: chance must not be left to find it."""
    space = load_space("cifar-resnet20")
    prices = prices_of(space)
    task = task_of(space, prices=prices, limits={"params": prices.price(Placement.parse("none-none-none"))["params"]})
    study = study_of(task, seed=seed)
    if is_known:
        add(study, task, Placement.parse("eca-eca-eca"), value=90.0)
    assert str(ask(study, task)[1]) == "none-none-none"


def test_a_limit_is_kept_all_along():
    prices = prices_of(SMALL)
    limit = float(np.median([prices.price(each)["params"] for each in SMALL]))
    task = task_of(limits={"params": limit})
    assert all(prices.price(each)["params"] <= limit for each in searched(task, 15))


@pytest.mark.parametrize("seeds", [1, 2])
def test_no_placement_has_more_trainings_than_seeds(seeds):
    space = WIDER
    counts = Counter(searched(task_of(space, seeds=seeds), seeds * len(space)))
    assert counts == dict.fromkeys(space, seeds)


def test_when_all_seeds_are_spent_something_is_proposed_all_the_same():
    """A study may be longer than its space; what to do then is for the caller to say."""
    task = task_of(WIDER, seeds=1)
    study = study_of(task)
    for placement in WIDER:
        add(study, task, placement)
    assert ask(study, task)[1] in WIDER


def test_when_no_placement_keeps_the_limits_something_is_proposed_all_the_same():
    task = task_of(limits={"params": 1.0})
    study = study_of(task)
    add(study, task, Placement.parse("none-none-none"))
    assert ask(study, task)[1] in SMALL


def test_running_trials_spend_seeds():
    """Sixteen workers at once never train one placement twice where it has one seed."""
    task = task_of(WIDER, seeds=1)
    study = study_of(task)
    first, placement = ask(study, task)
    study.tell(first, [81.0, 1000.0])
    asked = [placement, *(ask(study, task)[1] for _ in range(len(WIDER) - 1))]
    assert set(asked) == set(WIDER)


def test_what_the_machine_failed_spends_no_seed():
    task = task_of(WIDER, seeds=1)
    study = study_of(task)
    kept = WIDER.placement_at(3)
    for placement in WIDER:
        if placement != kept:
            add(study, task, placement)
    trial, placement = ask(study, task)
    assert placement == kept
    study.tell(trial, state=TrialState.FAIL)
    assert ask(study, task)[1] == kept


def test_repeated_answers_spend_no_seed():
    task = task_of(WIDER, seeds=1)
    study = study_of(task)
    kept = WIDER.placement_at(5)
    for placement in WIDER:
        add(study, task, placement, attrs={REPEATED: True} if placement == kept else {})
    assert ask(study, task)[1] == kept


def test_a_stopped_training_spends_no_seed():
    """Proposed again it goes on; once it has ended it is spent."""
    task = task_of(WIDER, seeds=1)
    study = study_of(task)
    kept = WIDER.placement_at(5)
    for placement in WIDER:
        add(study, task, placement, attrs={SEED: 0, STOPPED: 3} if placement == kept else {SEED: 0, ACCURACY: 80.0})
    trial, placement = ask(study, task)
    assert placement == kept
    past = past_of(study, task, before=trial.number)
    assert [each.placement for each in past.stopped] == [kept]
    assert kept not in {each.placement for each in past.observations}
    assert WIDER.index(kept) not in past.closed
    trial.set_user_attr(SEED, 0)
    trial.set_user_attr(ACCURACY, 81.0)
    study.tell(trial, [81.0, 1000.0])
    past = past_of(study, task, before=trial.number + 1)
    assert past.stopped == []
    assert past.closed == set(range(len(WIDER)))


@pytest.mark.parametrize("seed", range(3))
def test_a_stopped_placement_that_may_be_the_best_is_proposed_again(seed):
    """It is on no front of what was trained, though it is known."""
    task = task_of(seeds=1)
    study = study_of(task, seed=seed)
    for placement in SMALL:
        add(
            study,
            task,
            placement,
            value=90.0 if str(placement) == "se4-none-none" else 80.0,
            attrs={SEED: 0, STOPPED: 3} if str(placement) == "se4-none-none" else {SEED: 0, ACCURACY: 80.0},
            cost=task.prices.price(placement)["flops"],
        )
    assert str(ask(study, task)[1]) == "se4-none-none"


def test_what_exceeds_a_measured_limit_is_not_proposed_again():
    """It is not trained, and so told as answered, with its constraint violated."""
    task = task_of(WIDER, seeds=1, limits={"latency_ms": 2.0})
    study = study_of(task)
    kept = WIDER.placement_at(5)
    for placement in WIDER:
        if placement == kept:
            continue
        is_slow = placement.choices[0].module == "eca"
        attrs = {REPEATED: True} if is_slow else {}
        add(study, task, placement, violated=0.5 if is_slow else -0.5, attrs=attrs)
    assert ask(study, task)[1] == kept


def test_another_worker_may_be_half_way_through_its_parameters():
    """Optuna stores a trial's parameters one by one."""
    task = task_of()
    study = study_of(task)
    for _ in range(2):
        trial, placement = ask(study, task)
        study.tell(trial, [gates(placement), 1000.0])
    half = study.ask()
    half.suggest_categorical("stage1", Parameters(task.space).distributions["stage1"].choices)
    assert ask(study, task)[1] in SMALL


def test_trials_that_were_enqueued_or_pruned_do_no_harm():
    task = task_of()
    study = study_of(task)
    parameters = Parameters(SMALL)
    add(study, task, SMALL.placement_at(1))
    study.enqueue_trial(parameters.of(SMALL.placement_at(4)))
    assert ask(study, task)[1] == SMALL.placement_at(4)
    pruned, _ = ask(study, task)
    study.tell(pruned, state=TrialState.PRUNED)
    study.enqueue_trial(parameters.of(SMALL.placement_at(7)))
    study.add_trial(
        optuna.trial.create_trial(
            values=[80.0, 1.0],
            params=parameters.of(SMALL.placement_at(2)),
            distributions=parameters.distributions,
        )
    )
    assert ask(study, task)[1] == SMALL.placement_at(7)
    assert ask(study, task)[1] in SMALL


def test_a_measured_cost_needs_no_beginning():
    """The first proposal of a study stands before the first measurement."""
    task = task_of(cost="latency_ms")
    study = study_of(task)
    for _ in range(6):
        trial, placement = ask(study, task)
        study.tell(trial, [gates(placement), 5.0 + 0.3 * sum(c.module == "se" for c in placement.choices)])
    assert len(study.trials) == 6


def test_a_measured_cost_is_learned():
    """SE is nearly as quick as nothing, ECA slow and worth no more: who saw the latencies turns to SE."""
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


def test_is_determined_by_seed_and_study():
    one, same, other = (searched(task_of(), 8, seed=seed) for seed in (5, 5, 6))
    assert one == same != other


def test_a_proposal_needs_nothing_but_the_study():
    """A sampler that is made anew before each proposal goes on in the same way."""
    task = task_of()
    study = study_of(task)
    found = []
    for _ in range(8):
        study.sampler = EffectsSampler(task_of(), seed=0)
        trial, placement = ask(study, task)
        study.tell(trial, [gates(placement), task.prices.price(placement)["flops"]])
        found.append(placement)
    assert found == searched(task, 8)


def test_learns_from_each_training_alone_where_it_is_told(monkeypatch):
    """A trial's value may be a mean over seeds; its attributes tell the seed and accuracy of its own training."""
    seen = []

    def noted(design, observations, *, draws, random):
        seen.append([(str(each.placement), each.seed, each.accuracy) for each in observations])
        return Posterior(design, observations, draws=draws, random=random)

    monkeypatch.setattr(effects_module, "Posterior", noted)
    task = task_of()
    study = study_of(task)
    add(study, task, Placement.parse("eca-none-none"), value=81.5, attrs={SEED: 1, ACCURACY: 82.0})
    add(study, task, Placement.parse("eca-none-none"), value=81.0)
    add(study, task, Placement.parse("none-none-eca"), value=79.0, violated=1.0)
    ask(study, task)
    assert seen == [[("eca-none-none", 1, 82.0), ("eca-none-none", None, 81.0)]]


@pytest.mark.parametrize("seed", range(3))
def test_trains_what_it_believes_best(seed):
    """A placement that the model foresees to be the best must be trained too: what is told in the end was trained."""
    best = Placement.parse("se4-se4-se4")
    prices = prices_of(SMALL)
    extras = tuple({choice: (int(choice.module != "none"),) * 2 for choice in stage} for stage in prices.extras)
    task = task_of(prices=PriceTable(names=prices.names, plain=(10, 10), extras=extras), seeds=1)

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


def share_found(found: list[Placement], prices: PriceTable, worth: Worth) -> float:
    def losses(placements: list[Placement]) -> np.ndarray:
        return np.array([(-worth(each), prices.price(each)["flops"]) for each in placements], dtype=float)

    every = losses(list(TABLE_SPACE))
    corner = (-worth(Placement.parse("none-none-none")) + 1.0, 1.005 * every[:, 1].max() - 0.005 * every[:, 1].min())
    return hypervolume(losses(found), corner) / hypervolume(every, corner)


def test_finds_the_front_of_a_noiseless_space_sooner_than_chance():
    shares = {"effects": [], "random": []}
    for seed in range(3):
        prices, worth = prices_of(TABLE_SPACE, seed=seed), terrain(seed)
        task = task_of(TABLE_SPACE, prices=prices, seeds=1)
        for name, sampler in (("effects", None), ("random", optuna.samplers.RandomSampler(seed=seed))):
            found = searched(task, 20, worth=worth, seed=seed, sampler=sampler)
            shares[name].append(share_found(found, prices, worth))
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


def test_a_space_of_few_choices_has_its_none():
    """Even where the space itself has no `none`, and one of its stages no choice at all."""
    space = space_with(parse("se16"), parse("se16", "eca"), parse("cbam4", "eca"))
    assert set(searched(task_of(space, seeds=1), 4)) == set(space)


WORTH = [{"se": 2.0, "eca": -2.0}, {"se": -1.0, "eca": 1.0}, {"se": 1.0, "eca": -1.0}]
"""What each module adds in each stage: no module does in one what it does in another."""


def proxy_that_knows(space: SearchSpace) -> Tables:
    design = Design(space)
    stages = zip(design.stages, WORTH, strict=True)
    worth = [np.array([by_module.get(choice.module, 0.0) for choice in stage]) for stage, by_module in stages]
    return Tables(shape=design.shape, main=(np.zeros(len(design.variants)), *worth), pairs={})


@pytest.mark.parametrize("is_known", [True, False])
def test_a_proxy_that_has_proved_right_is_followed_where_nothing_was_trained(is_known):
    """All placements without a module in stage 1 are trained. Only the proxy knows that SE pays there, and ECA not."""
    task = task_of(seeds=1)
    if is_known:
        task = replace(task, covariates={"knows": proxy_that_knows(SMALL)})
    study = study_of(task)
    for placement in (each for each in SMALL if each.choices[0].module == "none"):
        added = [by_module.get(choice.module, 0.0) for choice, by_module in zip(placement.choices, WORTH, strict=True)]
        add(study, task, placement, value=80.0 + sum(added), cost=task.prices.price(placement)["flops"])
    proposed = [ask(study, task)[1] for _ in range(6)]
    share = np.mean([placement.choices[0].module == "se" for placement in proposed])
    assert share == 1 if is_known else share < 1


def test_a_proxy_is_no_covariate_of_a_measured_cost():
    task = task_of(cost="latency_ms")
    measured = {placement: float(number) for number, placement in enumerate(SMALL) if number % 5 == 0}
    with_proxy = replace(task, covariates={"knows": proxy_that_knows(SMALL)}).region_by(measured)
    assert with_proxy.cost.everywhere() == pytest.approx(task.region_by(measured).cost.everywhere())
    assert list(with_proxy.design.covariates) == ["knows"]
