"""A table instead of trainings: the same study comes out, and what a table cannot answer for is refused."""

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from seplace.costs.table import CostTable
from seplace.errors import InvalidStudy, StudyChanged
from seplace.evaluators.tabular import TabularEvaluator
from seplace.evaluators.tabular_benchmark import TabularBenchmark
from seplace.placement import Placement, StageChoice
from seplace.results.evaluation import Evaluation, Job
from seplace.results.ledger import Ledger
from seplace.search.plan import make_plan
from seplace.search.run_study import run_study
from seplace.study.config import load_study
from seplace.study.differences import differences
from tests.search.toy import left_in
from tests.studies import write_small_space, write_study
from tests.trained import placements_of, write_table

ROOT = Path(__file__).resolve().parents[2]
SEARCH = {"trainings": 14, "seeds": 2, "sampler": "tpe"}
CONFIRM = {"seeds": 2, "trainings": 5}


def run(study: Path, folder: Path) -> None:
    run_study(load_study(study), folder, observer=lambda _: None)


@pytest.mark.filterwarnings("ignore:.*the test split is not read for it")
def test_a_study_is_the_same_whether_it_trains_or_reads(tmp_path: Path, trained_table: Path) -> None:
    space = write_small_space(tmp_path)
    common: dict[str, Any] = {"space": space, "training": {"epochs": 2}, "search": SEARCH, "confirm": CONFIRM}
    run(write_study(tmp_path, name="trains", **common), tmp_path / "trains")
    reading = {"name": "table", "folder": str(trained_table)}
    run(write_study(tmp_path, name="reads", evaluator=reading, **common), tmp_path / "reads")
    trained, read = left_in(tmp_path / "trains"), left_in(tmp_path / "reads")
    assert len(read["evaluations"]) > 14
    for name in ("evaluations", "proposals", "finished"):
        assert read[name] == trained[name]
    # The table knows test accuracies of seed 0 alone.
    assert {key: score[0] for key, score in read["tests"].items()} == {
        key: score[0] for key, score in trained["tests"].items() if key[1] == 0
    }
    assert read["test images"] == {key: right for key, right in trained["test images"].items() if key[1] == 0} != {}
    with Ledger(tmp_path / "reads" / "ledger.sqlite", read_only=True) as ledger:
        rows, images = ledger.evaluations(), ledger.fact("images")
    before = TabularBenchmark.load(trained_table)
    for row in rows:
        origin = before.rows[row.key]
        assert (row.cross_entropy, row.curve, row.seconds) == (origin.cross_entropy, origin.curve, origin.seconds)
        assert (row.device, row.versions) == (origin.device, origin.versions)
        assert row.weights is None
        assert row.correct == origin.correct is not None
    assert images == before.images


def accuracy_of(placement: Placement, seed: int) -> float:
    gates = sum(choice.module != "none" for choice in placement.choices)
    return 50 + 2 * gates + math.sin(31 * seed + 7 * gates)


def row_of(placement: Placement, seed: int, **changes: Any) -> Evaluation:
    measured = {"value": accuracy_of(placement, seed), "cross_entropy": 1.0, "seconds": 60.0, "device": "afar"}
    return Evaluation(**{"placement": placement, "seed": seed, "epochs": 1, "state": "complete", **measured, **changes})


def made_up_costs(config: Any) -> CostTable:
    """Every choice adds its place in the list to one, two and three units of the three counted costs."""
    units = zip(*(placement.choices for placement in placements_of(config)), strict=True)
    extras = tuple(
        {choice: (at, 2 * at, 3 * at) for at, choice in enumerate(dict.fromkeys([StageChoice(), *unit]))}
        for unit in units
    )
    return CostTable(names=("flops", "macs", "params"), plain=(1000, 900, 800), extras=extras)


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a table in `tmp_path/table` and a study beside it that reads it; returns the study."""

    def make(
        *, seeds: int = 3, epochs: int = 1, rows: Any = None, facts: Any = None, tests: Any = None, **changes: Any
    ) -> Path:
        space = write_small_space(tmp_path)
        trained = write_study(tmp_path, name="trained", space=space, training={"epochs": epochs})
        config = load_study(trained)
        if rows is None:
            curve = tuple({"epoch": at, "value": 10.0 * at, "cross_entropy": 2.0 / at} for at in (1, epochs))
            rows = [
                row_of(placement, seed, epochs=epochs, curve=curve)
                for placement in placements_of(config)
                for seed in range(seeds)
            ]
        write_table(tmp_path / "table", trained, rows, cost_table=made_up_costs(config), facts=facts, tests=tests)
        blocks = {"space": space, "evaluator": {"name": "table", "folder": "table"}} | changes
        return write_study(tmp_path, name="a", **blocks)

    return make


def problems_of(study: Path) -> list[str]:
    config = load_study(study)
    with pytest.raises(InvalidStudy) as caught:
        TabularEvaluator(config, study.parent / "out", worker=0)
    assert caught.value.exit_code == 2
    return [line.replace(f"{study.parent}{os.sep}", "") for line in str(caught.value).splitlines()]


def position(study: Path, *keys: str) -> str:
    """Where the value at `keys` stands, found by PyYAML's own composer."""
    node: Any = yaml.compose(study.read_text())
    for key in keys:
        node = next(value for name, value in node.value if name.value == key)
    return f"a.yaml:{node.start_mark.line + 1}:{node.start_mark.column + 1}: {'.'.join(keys)}: "


@pytest.mark.parametrize(
    ("changes", "keys", "rule"),
    [
        ({"training": {"learning_rate": 0.2}}, ("training", "learning_rate"), "0.1 -> 0.2"),
        ({"training": {"epochs": 2}}, ("training", "epochs"), "1 -> 2"),
        ({"training": {"freeze": "backbone"}}, ("training", "freeze"), '"nothing" -> "backbone"'),
        ({"data": {"noise": 0.5}}, ("data", "noise"), "0.0 -> 0.5"),
        ({"data": {"train_images": 100}}, ("data", "train_images"), "128 -> 100"),
    ],
)
def test_another_recipe_is_refused_key_by_key(made, changes: dict[str, Any], keys: tuple[str, ...], rule: str) -> None:
    study = made(**changes)
    assert problems_of(study) == [f"{position(study, *keys)}must be as in the tabular benchmark table ({rule})"]


def test_everything_that_differs_is_said_at_once(made, tmp_path: Path) -> None:
    study = made(training={"momentum": 0.5, "flip": True}, search={"seeds": 9})
    text = (tmp_path / "small.yaml").read_text()
    (tmp_path / "small.yaml").write_text(text.replace("init: paper", "init: identity").replace("0.25", "0.5"))
    said = problems_of(study)
    assert [line.split(": ")[1] for line in said] == [
        "space.backbone",
        "space.gate.init",
        "training.flip",
        "training.momentum",
    ]
    assert 'space.gate.init: must be as in the tabular benchmark table ("paper" -> "identity")' in said[1]


def test_where_the_data_lie_is_no_matter(made) -> None:
    study = made(data={"root": "/nowhere"}, run={"workers": 3}, search={"sampler": "gp", "seed": 4})
    assert TabularEvaluator(load_study(study), study.parent, worker=0).table.rows


@pytest.mark.parametrize(
    ("lacks", "named"),
    [
        pytest.param("eca-none-eca", "eca-none-eca", id="of the space"),
        pytest.param("se4-se8-se16", "se4-se8-se16", id="a baseline"),
    ],
)
def test_a_placement_that_the_table_lacks_is_named(made, tmp_path: Path, lacks: str, named: str) -> None:
    config = load_study(write_study(tmp_path, space=write_small_space(tmp_path)))
    rows = [row_of(each, seed) for each in placements_of(config) for seed in (0, 1) if str(each) != lacks]
    study = made(rows=rows)
    whole = "every placement of the space and every baseline must be in it"
    assert problems_of(study) == [
        f"{position(study, 'space')}the tabular benchmark table has no training of {named}; {whole}"
    ]


def test_more_seeds_than_the_table_has_are_refused(made) -> None:
    study = made(seeds=2, search={"seeds": 3}, confirm={"seeds": 5, "trainings": 9})
    assert problems_of(study) == [
        f"{position(study, 'confirm', 'seeds')}must be at most 2, the seeds that the tabular benchmark table has of "
        "none-none-none (got 5)",
        f"{position(study, 'search', 'seeds')}must be at most 2, the seeds that the tabular benchmark table has of "
        "none-none-none (got 3)",
    ]


def test_a_baseline_beside_the_space_needs_its_seeds_for_the_confirmation_only(made, tmp_path: Path) -> None:
    config = load_study(write_study(tmp_path, space=write_small_space(tmp_path)))
    rows = [
        row_of(each, seed) for each in placements_of(config) for seed in range(2 if each in config.search_space else 1)
    ]
    assert TabularEvaluator(load_study(made(rows=rows)), tmp_path, worker=0)
    study = write_study(
        tmp_path,
        name="a",
        space="small.yaml",
        evaluator={"name": "table", "folder": "table"},
        confirm={"seeds": 2, "trainings": 9},
    )
    (said,) = problems_of(study)
    assert said.endswith("must be at most 1, the seeds that the tabular benchmark table has of se4-se8-se16 (got 2)")


@pytest.mark.parametrize(
    ("file", "rule"),
    [
        ("ledger.sqlite", "no results here (looked for ledger.sqlite)"),
        ("costs.json", "costs.json is missing, or belongs to another space; run the study first"),
    ],
)
def test_a_folder_that_is_no_table_is_refused(made, tmp_path: Path, file: str, rule: str) -> None:
    study = made()
    (tmp_path / "table" / file).unlink()
    assert problems_of(study) == [
        f"{position(study, 'evaluator', 'folder')}is not a tabular benchmark: table: {rule} (got 'table')"
    ]


def test_a_latency_that_was_not_measured_is_refused(made) -> None:
    study = made(objective={"cost": "latency_ms"})
    rule = "the tabular benchmark table has no latency_ms of none-none-none; it has flops, macs, params"
    assert problems_of(study) == [f"{position(study, 'objective', 'cost')}{rule}"]


def test_a_latency_that_was_measured_is_answered(made, tmp_path: Path) -> None:
    config = load_study(write_study(tmp_path, space=write_small_space(tmp_path)))
    times = {
        str(each): {"latency_ms": 1.0 + at, "extra_latency_ms": float(at), "device": "afar"}
        for at, each in enumerate(placements_of(config))
    }
    study = made(
        facts={"latencies": times},
        objective={"cost": "latency_ms", "limits": {"latency_ms": 9.5}},
        tests={row_of(each, seed).key: 40.0 for each in placements_of(config) for seed in range(3)},
    )
    run(study, tmp_path / "out")
    with Ledger(tmp_path / "out" / "ledger.sqlite", read_only=True) as ledger:
        rows = ledger.evaluations()
    assert {row.costs["latency_ms"] for row in rows} == {times[str(row.placement)]["latency_ms"] for row in rows}
    assert max(row.costs["latency_ms"] for row in rows) <= 9.5


def test_a_training_that_failed_is_answered_as_a_failure(made, tmp_path: Path) -> None:
    config = load_study(write_study(tmp_path, space=write_small_space(tmp_path)))
    fails = {"state": "failed", "value": None, "reason": "diverged", "message": "the loss is nan"}
    rows = [
        row_of(each, seed, **(fails if str(each) == "eca-none-none" else {}))
        for each in placements_of(config)
        for seed in range(2)
    ]
    evaluator = TabularEvaluator(load_study(made(rows=rows)), tmp_path, worker=0)
    job = Job(placement=Placement.parse("eca-none-none"), seed=1, epochs=1)
    assert evaluator.evaluate(job, on_epoch=lambda _: None) == rows[[row.key for row in rows].index(job.key)]


def test_a_training_read_early_is_answered_from_its_learning_curve(made, tmp_path: Path) -> None:
    study = made(epochs=4, training={"epochs": 4}, search={"rungs": [1]})
    evaluator = TabularEvaluator(load_study(study), tmp_path, worker=0)
    placement = Placement.parse("eca-none-none")
    early, end = (
        evaluator.evaluate(Job(placement=placement, seed=1, epochs=epochs), on_epoch=lambda _: None)
        for epochs in (1, 4)
    )
    assert (early.epochs, early.value, early.cross_entropy, early.seconds) == (1, 10.0, 2.0, 15.0)
    assert [point["epoch"] for point in early.curve] == [1]
    assert end.value == accuracy_of(placement, 1)
    assert early.correct is None
    assert end.value_after(1) == early.value


def test_a_rung_at_which_the_table_was_not_scored_is_refused(made) -> None:
    study = made(epochs=4, training={"epochs": 4}, search={"rungs": [1, 3]})
    (problem,) = problems_of(study)
    assert problem.endswith(
        "search.rungs[2]: the tabular benchmark table has the scores of none-none-none after 1 and 4 epochs (got 3)"
    )


def test_a_part_of_the_space_has_the_same_costs(made, tmp_path: Path) -> None:
    study = made()
    whole = TabularEvaluator(load_study(study), tmp_path, worker=0)
    text = (tmp_path / "small.yaml").read_text().partition("choices:")[0]
    listed = "stages: [{modules: [eca]}, {modules: [none, eca]}, {modules: [none]}]\n"
    (tmp_path / "part.yaml").write_text(text + listed)
    changed = yaml.safe_load(study.read_text()) | {"space": "part.yaml"}
    study.write_text(yaml.safe_dump(changed))
    part = TabularEvaluator(load_study(study), tmp_path, worker=0)
    space = part.config.search_space
    assert len(space) == 2
    assert part.cost_table().all_costs(space.choices, "flops").tolist() == [
        whole.cost_table().costs_of(placement)["flops"] for placement in space
    ]
    assert [str(choice) for choice in part.cost_table().extras[2]] == ["none", "se16", "cbam16", "eca"]


def test_costs_of_other_backbones_are_kept_apart() -> None:
    def table(plain: int, **variants: CostTable) -> CostTable:
        extras = ({StageChoice(): (0,), StageChoice("eca"): (1,), StageChoice("se", 4): (5,)},)
        return CostTable(names=("flops",), plain=(plain,), extras=extras, variants=variants)

    eca, se = [[StageChoice("eca")]], [[StageChoice("se", 4)]]
    only = table(100, wide=table(200), wider=table(300)).only({"": eca, "wider": se})
    assert only.variants.keys() == {"wider"}
    assert only.extras[0] == {StageChoice(): (0,), StageChoice("eca"): (1,)}
    assert only.variants["wider"].extras[0] == {StageChoice(): (0,), StageChoice("se", 4): (5,)}
    assert (only.plain, only.variants["wider"].plain) == ((100,), (300,))


def test_a_missing_test_score_is_left_out_with_a_warning(made, tmp_path: Path) -> None:
    config = load_study(write_study(tmp_path, space=write_small_space(tmp_path)))
    scores = {row_of(each, 0).key: 40.0 + at for at, each in enumerate(placements_of(config))}
    del scores["se4-se8-se16", 0, 1]
    with pytest.warns(UserWarning, match=r"no test score of se4-se8-se16, seed 0; the test split is not read for it$"):
        run(made(seeds=1, search={"trainings": 11, "seeds": 1}, tests=scores), tmp_path / "out")
    with Ledger(tmp_path / "out" / "ledger.sqlite", read_only=True) as ledger:
        tests = ledger.tests()
    assert len(tests) >= 6
    assert all(accuracy == scores[key] for key, (accuracy, _) in tests.items())


def test_a_refused_study_does_not_claim_its_folder(made, tmp_path: Path) -> None:
    study = made(seeds=1, search={"seeds": 2})
    with pytest.raises(InvalidStudy):
        run(study, tmp_path / "out")
    assert not (tmp_path / "out" / "study.yaml").exists()
    content = yaml.safe_load(study.read_text())
    content["search"] |= {"seeds": 1, "trainings": 8}
    study.write_text(yaml.safe_dump(content))
    with pytest.warns(UserWarning, match="no test score") as warnings:
        run(study, tmp_path / "out")
    (warning,) = warnings
    assert re.search(r"for it, nor for \d+ others$", str(warning.message))
    (tmp_path / "table").rename(tmp_path / "elsewhere")
    content["evaluator"]["folder"] = "elsewhere"
    study.write_text(yaml.safe_dump(content))
    with pytest.raises(StudyChanged, match=r'evaluator\.folder: "table" -> "elsewhere"'):
        run(study, tmp_path / "out")


def test_a_plan_asks_the_table_also_without_a_batch(made, tmp_path: Path) -> None:
    with pytest.raises(InvalidStudy, match="must be at most 1, the seeds that the tabular benchmark"):
        make_plan(load_study(made(seeds=1, search={"seeds": 2})), tmp_path / "out", with_batch=False)
    study = write_study(
        tmp_path, name="a", space="small.yaml", evaluator={"name": "table", "folder": "table"}, search={"seeds": 1}
    )
    plan = make_plan(load_study(study), tmp_path / "out", with_batch=False)
    assert [(span.name, span.plain) for span in plan.spans] == [("flops", 1000), ("macs", 900), ("params", 800)]
    assert plan.estimate.training == 0


def test_the_evaluator_is_part_of_the_meaning(made, tmp_path: Path) -> None:
    reads, trains = (
        load_study(study).fingerprint() for study in (made(), write_study(tmp_path, name="b", space="small.yaml"))
    )
    assert differences(trains, reads) == [
        'evaluator.folder: null -> "table"',
        'evaluator.name: "stand_alone" -> "tabular"',
    ]
    earlier = {key: value for key, value in trains.items() if not key.startswith("evaluator.")}
    assert differences(earlier, trains) == []
    assert len(differences(earlier, reads)) == 2


def test_a_table_needs_no_torch(made, tmp_path: Path) -> None:
    """Neither does a worker; the module that stands in for torch notes that it was imported."""
    poison = tmp_path / "poison"
    poison.mkdir()
    for name in ("torch", "pytorch_lightning", "fvcore"):
        (poison / f"{name}.py").write_text("open(__file__ + '.imported', 'w').close()\nraise ImportError('not here')\n")
    config = load_study(write_study(tmp_path, space=write_small_space(tmp_path)))
    tests = {row_of(each, seed).key: 40.0 for each in placements_of(config) for seed in range(3)}
    study = made(tests=tests, search={"sampler": "effects"}, run={"executor": "processes"})
    program = "from seplace.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "run", str(study), "--results", str(tmp_path / "out")],
        env=os.environ | {"PYTHONPATH": f"{poison}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(poison.glob("*.imported")) == []
    rows = pd.read_csv(tmp_path / "out" / "evaluations.csv")
    assert len(rows) == 10
    for row in rows.to_dict("records"):
        assert row["accuracy"] == pytest.approx(accuracy_of(Placement.parse(row["placement"]), row["seed"]), abs=1e-3)
    assert set(rows["device"]) == {"afar"}
    assert json.loads((tmp_path / "out" / "provenance.json").read_text())["training_seconds"] == 600
