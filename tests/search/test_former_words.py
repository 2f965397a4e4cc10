"""A study that version 0.11 began goes on, though its files have other words than those of today."""

from pathlib import Path

import optuna

from seplace.api import Results
from seplace.costs.table import CostTable
from seplace.evaluators.stand_alone import StandAlone
from seplace.evaluators.study_costs import counted_choices
from seplace.placement import StageChoice
from tests.ledgers import make_of_0_11
from tests.search.toy import ToyEvaluations, go, left_in
from tests.studies import write_study

SPACE = """\
schema: 1
backbone: mobilenet_v3_small
gate: {init: paper}
stages:
  - modules: [native, none]
  - modules: [none]
  - modules: [none, native]
  - modules: [native, none]
"""


def run(folder: Path, *, trainings: int, space: str) -> None:
    (folder.parent / "own.yaml").write_text(space)
    search = {"trainings": trainings, "seeds": 3}
    go(write_study(folder.parent, space="own.yaml", data={"image_size": 32}, search=search), folder)


def trials_in(folder: Path) -> list[tuple[dict, dict]]:
    study = optuna.load_study(study_name="tiny", storage=f"sqlite:///{folder / 'optuna.db'}")
    return [(trial.params, trial.user_attrs) for trial in study.trials]


def made_up_costs(evaluator: StandAlone) -> CostTable:
    """Return costs that rise with the position of a choice: to count a MobileNet takes seconds."""
    choices = counted_choices(evaluator.config.search_space, "")
    extras = tuple(
        {choice: (at, at, at) for at, choice in enumerate(dict.fromkeys([StageChoice(), *unit]))} for unit in choices
    )
    return CostTable(names=("flops", "macs", "params"), plain=(100, 90, 80), extras=extras)


def test_a_study_of_0_11_goes_on_with_native_attention(tmp_path, toy: ToyEvaluations, monkeypatch):
    monkeypatch.setattr(StandAlone, "cost_table", made_up_costs)
    straight, folder = tmp_path / "straight", tmp_path / "former"
    run(straight, trainings=14, space=SPACE)
    run(folder, trainings=10, space=SPACE)
    before = left_in(folder)
    make_of_0_11(folder)
    data = (folder / "ledger.sqlite").read_bytes()
    assert left_in(folder) == before
    assert "none-none-native-native" in Results.load(folder).placements["placement"].to_list()
    assert (folder / "ledger.sqlite").read_bytes() == data  # a reader leaves the file as it is
    known = len(toy.trained)
    run(folder, trainings=14, space=SPACE.replace("native", "paper"))
    assert len(toy.trained) == known + 4
    without_tests = {"tests": None}  # the shorter study has read the split of other placements, too
    assert left_in(folder) | without_tests == left_in(straight) | without_tests
    assert trials_in(folder) == trials_in(straight)
    assert (folder / "costs.json").is_file()
    assert not (folder / "prices.json").exists()
    kept = {path.name for path in folder.iterdir() if path.suffix in (".sqlite", ".db")}
    assert kept == {"ledger.sqlite", "ledger.schema2.sqlite", "optuna.db", "optuna.former.db"}
