"""What every evaluator must do, whether it trains or not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from seplace.evaluators import EVALUATORS
from seplace.testing import evaluators
from seplace.testing.evaluators import Case


@pytest.fixture(scope="module")
def case_of(tmp_path_factory: pytest.TempPathFactory, trained_table: Path) -> Callable[[str], Case]:
    """A function that makes the case of each evaluator once; those that answer from a folder get trained results."""
    made: dict[str, Case] = {}

    def make(name: str) -> Case:
        if name not in made:
            made[name] = Case(name, tmp_path_factory.mktemp(name), results=trained_table)
        return made[name]

    return make


@pytest.mark.parametrize("name", EVALUATORS)
@pytest.mark.parametrize("check", evaluators.CHECKS, ids=lambda check: check.__name__)
def test_an_entry_does_what_its_shelf_asks(name: str, case_of: Callable[[str], Case], check) -> None:
    check(case_of(name))


@pytest.mark.parametrize("name", EVALUATORS)
def test_evaluators_count_the_costs_of_the_same_choices(name: str, case_of: Callable[[str], Case]) -> None:
    assert case_of(name).evaluator.cost_table() == case_of("stand_alone").evaluator.cost_table()
