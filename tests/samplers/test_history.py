from __future__ import annotations

from collections import Counter

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from seplace.effects.denoised import denoised
from seplace.effects.model import Observation, Posterior
from seplace.placement import Placement
from seplace.samplers import effects as effects_module
from seplace.samplers.history import history_of
from seplace.samplers.parameters import Parameters
from seplace.samplers.task import CROSS_ENTROPY, REPEATED, SCORE, SEED, STOPPED
from tests.effects.toy import SMALL, WIDER
from tests.samplers.toy import add, ask, gates, searched, study_of, task_of


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
        study.tell(trial, [70.0 if fails else gates(placement), task.cost_table.costs_of(placement)["flops"]])
    assert failed


@pytest.mark.parametrize("seeds", [1, 2])
def test_no_placement_has_more_trainings_than_seeds(seeds):
    space = WIDER
    counts = Counter(searched(task_of(space, seeds=seeds), seeds * len(space)))
    assert counts == dict.fromkeys(space, seeds)


def test_running_trials_spend_seeds():
    """Sixteen workers at once never train one placement twice where it has one seed."""
    task = task_of(WIDER, seeds=1)
    study = study_of(task)
    first, placement = ask(study, task)
    study.tell(first, [81.0, 1000.0])
    proposed = [placement, *(ask(study, task)[1] for _ in range(len(WIDER) - 1))]
    assert set(proposed) == set(WIDER)


@pytest.mark.parametrize("seed", range(3))
def test_placements_in_training_count_as_trained(seed):
    """Else four workers would train the best guess four times, on as many seeds."""
    task = task_of(seeds=9)
    study = study_of(task, seed=seed)
    add(study, task, SMALL.placement_at(0), attrs={SEED: 0, SCORE: 80.0})
    add(study, task, SMALL.placement_at(13), value=81.0, attrs={SEED: 0, SCORE: 81.0})
    proposed = [ask(study, task)[1] for _ in range(6)]
    improving = proposed[0::2]  # the others maximize information
    assert len(set(improving)) == len(improving)
    assert history_of(study, task, before=8).running == list(dict.fromkeys(proposed))


def test_a_failure_of_the_machine_spends_no_seed():
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
        add(study, task, placement, attrs={SEED: 0, STOPPED: 3} if placement == kept else {SEED: 0, SCORE: 80.0})
    trial, placement = ask(study, task)
    assert placement == kept
    history = history_of(study, task, before=trial.number)
    assert [each.placement for each in history.stopped] == [kept]
    assert kept not in {each.placement for each in history.observations}
    assert WIDER.index(kept) not in history.closed
    trial.set_user_attr(SEED, 0)
    trial.set_user_attr(SCORE, 81.0)
    study.tell(trial, [81.0, 1000.0])
    history = history_of(study, task, before=trial.number + 1)
    assert history.stopped == []
    assert history.closed == set(range(len(WIDER)))


def test_a_placement_over_a_measured_limit_is_not_proposed_again():
    """It is not trained: its trial is answered with a violated constraint."""
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


def test_learns_from_single_trainings_where_trials_have_them(monkeypatch):
    """A trial's value may be a mean over seeds; its attributes hold the seed and accuracy of its own training."""
    seen = []

    def noted(design, observations, *, draws, random, metric):
        seen.append([(str(each.placement), each.seed, each.score) for each in observations])
        return Posterior(design, observations, draws=draws, random=random, metric=metric)

    monkeypatch.setattr(effects_module, "Posterior", noted)
    task = task_of()
    study = study_of(task)
    add(study, task, Placement.parse("eca-none-none"), value=81.5, attrs={SEED: 1, SCORE: 82.0})
    add(study, task, Placement.parse("eca-none-none"), value=81.0)
    add(study, task, Placement.parse("none-none-eca"), value=79.0, violated=1.0)
    ask(study, task)
    assert seen == [[("eca-none-none", 1, 82.0), ("eca-none-none", None, 81.0)]]


def test_proposes_by_denoised_accuracies(monkeypatch):
    seen = []

    def noted(design, observations, *, draws, random, metric):
        seen.append(observations)
        return Posterior(design, observations, draws=draws, random=random, metric=metric)

    monkeypatch.setattr(effects_module, "Posterior", noted)
    task = task_of()
    study = study_of(task)
    random = np.random.default_rng(0)
    trained = []
    for index in range(10):
        loss = 1.3 + 0.02 * random.standard_normal()
        accuracy = 80 - 45 * (loss - 1.3) + 0.3 * random.standard_normal()
        attrs = {SEED: 0, SCORE: accuracy, CROSS_ENTROPY: loss}
        trained.append(Observation(placement=SMALL.placement_at(index), seed=0, score=accuracy, cross_entropy=loss))
        add(study, task, SMALL.placement_at(index), value=accuracy, attrs=attrs)
    ask(study, task)
    assert seen == [denoised(task.design, trained)] != [trained]
