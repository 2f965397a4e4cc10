"""Every command that reads results, while little is trained yet: an answer or one line, no traceback."""

import pytest

from seplace.costs.table import CostTable
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation
from seplace.study.config import load_study
from tests.studies import write_small_space, write_study
from tests.trained import write_table

NONE, ECA, LAST = "none-none-none", "eca-eca-eca", "none-none-eca"
STATES = {
    "nothing": [],
    "only failures": [(NONE, 0, None), (ECA, 0, None), (NONE, 1, None)],
    "one training of none": [(NONE, 0, 80.0)],
    "one training of another": [(ECA, 0, 80.0)],
    "others, and none failed": [(NONE, 0, None), (ECA, 0, 80.0), (LAST, 0, 81.0), (LAST, 1, 82.0)],
    "equal accuracies of 100 %": [(NONE, 0, 100.0), (ECA, 0, 100.0), (LAST, 0, 100.0)],
}
COMMANDS = [
    ("status",),
    ("front",),
    ("front", "--format", "csv"),
    ("recommend",),
    ("effects", "--plot", "effects.svg"),
    ("effects", "--format", "json"),
    ("noise",),
    ("plot", "--output", "front.png"),
    ("export", "--pick", "knee"),
    ("export", "--pick", NONE),
    ("proxy",),
]


def leave(folder, rows, *, cost):
    """Write the results of a study of which only `rows` are there: placement, seed, and accuracy unless it failed."""
    study = write_study(folder, space=write_small_space(folder), objective={"cost": cost})
    config = load_study(study)
    extras = tuple({choice: (100 * at, at) for at, choice in enumerate(each)} for each in config.search_space.choices)
    for placement in config.search_space.baselines.values():
        for stage, choice in enumerate(placement.choices):
            extras[stage].setdefault(choice, (500, 5))
    cost_table = CostTable(names=("flops", "params"), plain=(1000, 10), extras=extras)
    evaluations = [
        Evaluation(
            placement=Placement.parse(text),
            seed=seed,
            epochs=1,
            state="failed" if accuracy is None else "complete",
            value=accuracy,
            cross_entropy=None if accuracy is None else 1.0,
            costs=dict(cost_table.costs_of(Placement.parse(text)))
            | ({"latency_ms": 1.0} if cost == "latency_ms" and accuracy is not None else {}),
            reason="" if accuracy is not None else "diverged",
            message="" if accuracy is not None else "it diverged",
        )
        for text, seed, accuracy in rows
    ]
    facts = {"images": {"classes": ["a", "b"], "channels": 1, "image_size": 8, "mean": [0.5], "std": [0.5]}}
    return write_table(folder / "out", study, evaluations, cost_table=cost_table, facts=facts)


@pytest.mark.parametrize(
    ("state", "cost"), [*((state, "flops") for state in STATES), ("others, and none failed", "latency_ms")]
)
def test_commands_answer_on_what_is_there(cli, tmp_path, monkeypatch, state, cost):
    results = leave(tmp_path, STATES[state], cost=cost)
    monkeypatch.chdir(tmp_path)
    for command, *options in COMMANDS:
        code, output, errors = cli(command, results, *options)
        assert code in (0, 2, 3), (command, errors)
        if code:
            assert errors.strip().startswith("error: "), (command, errors)
            assert errors.strip().count("\n") == 0, (command, errors)
        else:
            assert output.strip() or "no training is complete yet" in errors, (command, options)
