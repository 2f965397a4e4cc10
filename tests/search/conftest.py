import json

import pytest

from seplace.evaluators.stand_alone import StandAlone
from seplace.files.atomic import write_atomically
from seplace.search import run_study
from tests.search.toy import ToyEvaluations


@pytest.fixture(autouse=True)
def _figures(monkeypatch):
    """A figure takes longer than a search that trains nothing; its file is written as ever."""
    monkeypatch.setattr("seplace.api.Results._draw", lambda _results, _plot, path: write_atomically(path, b"a figure"))


@pytest.fixture(scope="session")
def counted():
    return {}


@pytest.fixture
def toy(monkeypatch, request, counted) -> ToyEvaluations:
    """No training, no timing, and each space counted once; one with code of a test's own, once for its file."""
    toy = ToyEvaluations()
    monkeypatch.setattr(StandAlone, "evaluate", lambda _, job, *, on_epoch: toy.evaluate(job, on_epoch=on_epoch))
    monkeypatch.setattr(StandAlone, "test", lambda _, evaluation: toy.test(evaluation))
    monkeypatch.setattr("seplace.search.cost_table.PlacementCosts.measure_latencies", lambda *_: None)

    count = StandAlone.cost_table

    def cost_table(evaluator):
        space = evaluator.config.search_space
        choices = [choice for listed in space.choices for choice in listed]
        is_own = any(backbone.is_own for backbone in space.backbones.values()) or any(
            choice.is_external for choice in choices
        )
        known_by = [evaluator.config.cost_key(), sorted(evaluator.config.wanted_costs)]
        key = json.dumps([*known_by, request.path.name if is_own else None], sort_keys=True)
        if key not in counted:
            counted[key] = count(evaluator)
        return counted[key]

    monkeypatch.setattr(StandAlone, "cost_table", cost_table)
    return toy


@pytest.fixture
def no_optuna_file(monkeypatch) -> None:
    """The copy for dashboards costs more than all else in a study that trains nothing."""

    class Nothing:
        def __init__(self, path) -> None: ...

        is_due = False

        def update(self, known, *, is_end=False) -> None: ...

    monkeypatch.setattr(run_study, "OptunaFile", Nothing)
    monkeypatch.setattr("seplace.search.optuna_trainings.OptunaTrainings.update", Nothing.update)
