"""What every sampler must do, whatever it proposes."""

import optuna
import pytest

from seplace.samplers import SAMPLERS
from seplace.testing import samplers

each_sampler = pytest.mark.parametrize("name", SAMPLERS)


@each_sampler
@pytest.mark.parametrize("check", [samplers.proposes_candidates, samplers.depends_on_the_seed])
def test_an_entry_does_what_its_shelf_asks(name: str, check) -> None:
    check(name)


@each_sampler
def test_an_entry_keeps_its_state_in_the_study(name: str) -> None:
    # Past the random start of each, and past the first generation of NSGA-II.
    samplers.keeps_its_state_in_the_study(name, count=12 if name == "gp" else 25)


def test_a_new_entry_is_picked_up():
    made = samplers.proposals("tests.samplers.test_role:make_last", seed=1)
    assert str(made.ask(None)[1]) == "eca.parallel-eca.parallel-eca.parallel"


class Last(optuna.samplers.RandomSampler):
    def sample_independent(self, study, trial, param_name, param_distribution):
        del study, trial, param_name
        return param_distribution.choices[-1]


def make_last(seed, task) -> Last:
    del task
    return Last(seed=seed)
