"""The sampler of effects as a plain Optuna study uses it: no study of seplace's anywhere."""

from __future__ import annotations

import optuna
import pytest

import seplace
from seplace.costs.counting import count_operators
from seplace.errors import InputError, InvalidPlacement, UnknownName
from seplace.models import create_model
from tests.effects.toy import SMALL, WIDER
from tests.samplers.toy import gates


def study_with(
    sampler: optuna.samplers.BaseSampler, storage: optuna.storages.BaseStorage | None = None
) -> optuna.Study:
    return optuna.create_study(
        directions=["maximize", "minimize"], sampler=sampler, storage=storage, study_name="plain"
    )


@pytest.fixture(scope="module")
def sampler() -> seplace.EffectsSampler:
    return seplace.EffectsSampler(SMALL, seed=0)


def searched(sampler: seplace.EffectsSampler, study: optuna.Study, count: int) -> list[str]:
    def objective(trial: optuna.Trial) -> tuple[float, float]:
        placement = sampler.suggest(trial)
        return gates(placement), sampler.costs_of(placement)["flops"]

    study.optimize(objective, n_trials=count)
    return ["-".join(trial.params.values()) for trial in study.trials]


def test_costs_are_those_of_the_network(sampler) -> None:
    import torch

    network = create_model("cifar_resnet8", "none-se4-eca").eval()
    costs = sampler.costs_of("none-se4-eca")
    assert set(costs) == {"flops", "macs", "params"}
    assert costs["params"] == sum(parameter.numel() for parameter in network.parameters())
    assert costs["flops"] == count_operators(network, torch.zeros(1, 3, 32, 32)).flops.total()
    with pytest.raises(InvalidPlacement, match="se16-none-none"):
        sampler.costs_of("se16-none-none")


def test_costs_are_those_of_other_images_and_classes() -> None:
    sampler = seplace.EffectsSampler(WIDER, cost="macs", image_size=16, num_classes=100, in_channels=1, seed=0)
    assert set(sampler.costs_of("none-none-none")) == {"macs", "params"}
    wider = create_model("cifar_resnet8[width=1.06]", "none-eca-none", num_classes=100, in_channels=1)
    named = sampler.costs_of("none-eca-none@cifar_resnet8[width=1.06]")
    assert named["params"] == sum(parameter.numel() for parameter in wider.parameters())


def test_a_study_that_is_loaded_again_goes_on_exactly(sampler) -> None:
    storage = optuna.storages.InMemoryStorage()
    searched(sampler, study_with(sampler, storage), 4)
    loaded = optuna.load_study(study_name="plain", storage=storage, sampler=seplace.EffectsSampler(SMALL, seed=0))
    assert searched(sampler, loaded, 4) == searched(sampler, study_with(sampler), 8)


def test_each_placement_has_one_trial_by_default_and_no_more_than_seeds_allow(sampler) -> None:
    found = searched(sampler, study_with(sampler), 12)
    assert len(set(found)) == 12


def test_a_limit_on_a_counted_cost_is_kept() -> None:
    free = seplace.EffectsSampler(SMALL, seed=0)
    limit = free.costs_of("none-se4-eca")["params"]
    sampler = seplace.EffectsSampler(SMALL, limits={"params": limit}, seed=0)
    assert all(sampler.costs_of(each)["params"] <= limit for each in searched(sampler, study_with(sampler), 6)[1:])


def test_a_measured_cost_is_learned_from_the_trials() -> None:
    sampler = seplace.EffectsSampler(SMALL, cost="latency_ms", seed=0)
    study = study_with(sampler)
    study.optimize(lambda trial: (gates(sampler.suggest(trial)), 1.0 + 0.1 * trial.number), n_trials=5)
    assert all(placement in SMALL for placement in sampler.recommend(study))


def test_any_sampler_may_propose_and_the_model_recommends(sampler) -> None:
    study = study_with(optuna.samplers.RandomSampler(seed=0))
    searched(sampler, study, 12)
    recommended = sampler.recommend(study)
    assert len(recommended) == len(set(recommended))
    assert {str(each) for each in recommended} - {"-".join(trial.params.values()) for trial in study.trials}


def test_nothing_is_recommended_of_an_empty_study(sampler) -> None:
    with pytest.raises(InputError, match="before a trial is complete"):
        sampler.recommend(study_with(sampler))


def test_without_a_seed_two_samplers_differ() -> None:
    assert seplace.EffectsSampler(SMALL).seed != seplace.EffectsSampler(SMALL).seed


@pytest.mark.parametrize(
    ("space", "options", "kind", "message"),
    [
        ("digits-resnet8", {}, InputError, "as load_space returns it"),
        (SMALL, {"cost": "flop"}, UnknownName, "Did you mean 'flops'"),
        (SMALL, {"limits": {"latency_ms": 3.0}}, InputError, "limits: latency_ms is measured"),
        (SMALL, {"limits": {"param": 3.0}}, UnknownName, "Did you mean 'params'"),
        (SMALL, {"seeds": 0}, InputError, "seeds is a whole number of at least 1"),
        (SMALL, {"image_size": 2}, InputError, "needs at least 4 pixels"),
    ],
)
def test_what_it_cannot_search_is_refused(space, options, kind, message) -> None:
    with pytest.raises(kind, match=message):
        seplace.EffectsSampler(space, **options)
