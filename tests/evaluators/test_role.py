"""What every evaluator must do, whether it trains or not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from seplace.evaluators import EVALUATORS
from seplace.testing import evaluators
from seplace.testing.evaluators import Case

OF_THE_RECIPE = [name for name in EVALUATORS if name != "lightning"]
"""The suite's case trains by the built-in recipe; `test_lightning.py` has a training of one's own."""


@pytest.fixture(scope="module")
def case_of(tmp_path_factory: pytest.TempPathFactory, trained_table: Path) -> Callable[[str], Case]:
    """A function that makes the case of each evaluator once; those that answer from a folder get trained results."""
    made: dict[str, Case] = {}

    def make(name: str) -> Case:
        if name not in made:
            made[name] = Case(name, tmp_path_factory.mktemp(name), results=trained_table)
        return made[name]

    return make


@pytest.mark.parametrize("name", OF_THE_RECIPE)
@pytest.mark.parametrize("check", evaluators.CHECKS, ids=lambda check: check.__name__)
def test_an_entry_does_what_its_shelf_asks(name: str, case_of: Callable[[str], Case], check) -> None:
    check(case_of(name))


@pytest.mark.parametrize("name", OF_THE_RECIPE)
def test_evaluators_count_the_costs_of_the_same_choices(name: str, case_of: Callable[[str], Case]) -> None:
    assert case_of(name).evaluator.cost_table() == case_of("stand_alone").evaluator.cost_table()
