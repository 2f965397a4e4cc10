import json

import pytest

from seplace.evaluators.stand_alone import StandAlone
from seplace.search import run_study
from tests.search.toy import ToyEvaluations


@pytest.fixture(scope="module")
def counted():
    return {}


@pytest.fixture
def toy(monkeypatch, counted) -> ToyEvaluations:
    """No training, no timing, and each space counted once."""
    toy = ToyEvaluations()
    monkeypatch.setattr(StandAlone, "evaluate", lambda _, job, *, on_epoch: toy.evaluate(job, on_epoch=on_epoch))
    monkeypatch.setattr(StandAlone, "test", lambda _, evaluation: toy.test(evaluation))
    monkeypatch.setattr("seplace.search.cost_table.PlacementCosts.measure_latencies", lambda *_: None)

    count = StandAlone.cost_table

    def cost_table(evaluator):
        key = json.dumps(evaluator.config.cost_key(), sort_keys=True)
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
