"""`workers: auto`: measured once, kept, told, and the same search as with that number."""

import re

import pytest

from seplace.api import Results
from seplace.errors import InputError
from seplace.evaluators.stand_alone import StandAlone
from seplace.evaluators.stepping import Window
from seplace.executors import packing
from seplace.executors.packing import Packing
from seplace.executors.ray_cluster import Cluster
from seplace.overrides import Overrides
from seplace.placement import Placement
from seplace.search import plan, workers
from seplace.search.room import Room
from seplace.search.run_study import run_study
from seplace.search.workers import WorkerCount, choose_workers, with_workers
from seplace.study.config import load_study
from tests.search.toy import left_in
from tests.studies import write_small_space, write_study
from tests.study_texts import write

SENTENCE = "workers: 3 (measured: 1 -> 310, 2 -> 540, 4 -> 530 steps/s)"
COUNT = WorkerCount(number=3, rates={1: 310.0, 2: 540.2, 4: 530.0}, held_bytes=10**9, limit="")


@pytest.fixture
def chosen(monkeypatch) -> list[str]:
    """The placements that were measured; three workers pay."""
    measured: list[str] = []

    def choose(config, maker, placement, *, on_progress):
        on_progress()
        measured.append(str(placement))
        assert config.run.workers == "auto"
        assert maker is not None
        return COUNT

    monkeypatch.setattr("seplace.search.execution.choose_workers", choose)
    monkeypatch.setattr(plan, "choose_workers", choose)
    return measured


def study(folder, *, name="tiny", **run):
    space = write_small_space(folder)
    return load_study(write_study(folder, name=name, space=space, search={"trainings": 10, "seeds": 2}, run=run))


@pytest.mark.usefixtures("toy", "no_optuna_file")
def test_it_is_measured_once_and_searches_as_that_number_does(tmp_path, chosen, monkeypatch):
    monkeypatch.setattr(workers, "with_workers", with_workers)
    monkeypatch.setattr("seplace.search.execution.with_workers", inline)
    told = []
    for _ in range(2):
        run_study(study(tmp_path, workers="auto"), tmp_path / "a", observer=lambda _: None, on_workers=told.append)
    run_study(study(tmp_path, workers=3), tmp_path / "b", observer=lambda _: None)
    assert chosen == ["eca-eca-eca"]
    assert told == [workers.MEASURING, SENTENCE, SENTENCE]
    assert left_in(tmp_path / "a") == left_in(tmp_path / "b")
    results = Results.load(tmp_path / "a")
    assert (results.workers, results.provenance["workers"]) == (SENTENCE, SENTENCE)
    assert "workers" not in Results.load(tmp_path / "b").provenance
    again = plan.make_plan(study(tmp_path, workers="auto"), tmp_path / "a", with_batch=False)
    assert again.workers_note == SENTENCE
    assert again.budget.workers == 3


def inline(config, number):
    """Three at once, in this process."""
    resolved = with_workers(config, number)
    assert resolved.run.executor == "processes"
    run = resolved.run.model_copy(update={"executor": "inline"})
    return type(config)(**{**vars(resolved), "file": resolved.file.model_copy(update={"run": run})})


@pytest.mark.usefixtures("toy")
def test_a_plan_measures_and_tells(tmp_path, chosen, monkeypatch):
    config = study(tmp_path, workers="auto")
    made = plan.make_plan(config, tmp_path / "out", with_batch=False)
    assert (made.workers_note, made.budget.workers, made.room, chosen) == (workers.OPEN, 1, None, [])
    monkeypatch.setattr(StandAlone, "estimate_seconds", lambda *_: 100.0)
    made = plan.make_plan(config, tmp_path / "out", with_batch=True)
    assert (made.workers_note, made.budget.workers, chosen) == (SENTENCE, 3, ["eca-eca-eca"])
    assert made.estimate.at_once == 3
    assert made.estimate.training == 100  # three were not measured
    assert made.room.workers == 3
    assert made.room.each >= 10**9  # what a worker held, or this process if that is more


def test_a_training_beside_others_takes_longer():
    count = WorkerCount(number=2, rates={1: 300.0, 2: 400.0}, held_bytes=0, limit="")
    assert count.slowdown == 1.5
    assert WorkerCount.from_fact(count.to_fact()) == count


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"run": {"workers": "auto", "threads": 900}}, "900 threads a worker, and ", id="no cores"),
        pytest.param(
            {"evaluator": {"name": "tests.executors.toy:Toy"}, "run": {"workers": "auto"}},
            "the evaluator tests.executors.toy:Toy is not measured",
            id="a user's own evaluator",
        ),
        pytest.param(
            {"run": {"workers": "auto", "executor": "tests.search.toy:Scrambled"}},
            "executor tests.search.toy:Scrambled is not of this machine",
            id="a user's own executor",
        ),
    ],
)
def test_one_where_nothing_can_be_measured(tmp_path, changes, said):
    config = load_study(write_study(tmp_path, **changes))
    count = choose_workers(config, None, Placement.parse("none-none-none"), on_progress=lambda: None)
    assert (count.number, count.rates) == (1, {})
    assert count.sentence.startswith(f"workers: 1 ({said}")
    assert with_workers(config, 1).run.executor == config.run.executor


@pytest.mark.parametrize(
    ("nodes", "run", "room"),
    [
        pytest.param([{"CPU": 8.0}, {"CPU": 3.0}, {}], {"threads": 2}, 5, id="processors of three machines"),
        pytest.param([{"CPU": 8.0, "GPU": 2.0}, {"CPU": 8.0}], {"gpus": 0.5}, 4, id="shares of two GPUs"),
        pytest.param([{"CPU": 8.0, "GPU": 2.0}], {"accelerator": "cpu"}, 8, id="no GPUs wanted"),
        pytest.param([{"CPU": 1.0}], {"threads": 2}, 1, id="no room yet"),
    ],
)
def test_as_many_as_a_cluster_has_room_for(tmp_path, monkeypatch, nodes, run, room):
    monkeypatch.setattr(Cluster, "call", lambda _, function: function())
    monkeypatch.setattr(Cluster, "resources", lambda _: nodes)
    monkeypatch.setattr(Cluster, "leave", lambda *_: None)
    has_gpus = any("GPU" in node for node in nodes)
    share = 0.0 if run.get("accelerator") == "cpu" or not has_gpus else run.get("gpus", 1.0)
    monkeypatch.setattr(Cluster, "gpus_of_training", lambda _: share)
    for address in ("10.0.0.1:6379", None):
        made = write_study(tmp_path, run={"workers": "auto", "executor": "ray", "address": address, **run})
        monkeypatch.setattr(workers, "usable_cores", lambda: 6)
        count = choose_workers(load_study(made), None, Placement.parse("none-none-none"), on_progress=lambda: None)
        assert count.number == (room if address else 6 // run.get("threads", 1))
    assert count.sentence.endswith("(as many as the Ray cluster has room for)")


def test_what_the_executors_measure_is_what_is_told(tmp_path, monkeypatch):
    config = load_study(write_study(tmp_path, run={"workers": "auto", "accelerator": "cpu"}))
    tried = []

    def measure(*_, numbers, **__):
        tried.append(numbers)
        return Packing(rates={1: 10.0, 2: 10.1}, held_bytes=5, limit="the memory of 4 is not there")

    monkeypatch.setattr(packing, "measure_packing", measure)
    monkeypatch.setattr(workers, "usable_cores", lambda: 5)
    count = choose_workers(config, None, Placement.parse("none-none-none"), on_progress=lambda: None)
    assert tried == [[1, 2, 4, 5]]
    assert count.sentence == "workers: 1 (measured: 1 -> 10, 2 -> 10.1 steps/s; the memory of 4 is not there)"


@pytest.mark.parametrize(
    ("trainer", "numbers", "sentence"),
    [
        ("", [[1, 2, 4]], "workers: 2 (measured: 1 -> 10, 2 -> 19 steps/s)"),
        (
            ", devices: 2",
            [],
            "workers: 1 (trainings on several devices are not measured: give a number if there is room for more)",
        ),
    ],
)
def test_trainings_of_the_users_own_are_measured_too(trainer, numbers, sentence, tmp_path, monkeypatch):
    text = (
        "schema: 1\nspace: digits-canvas\n"
        "training: {module: seplace.examples.tasks:segmentation, data: seplace.examples.canvas:DigitsCanvas, "
        f"trainer: {{max_epochs: 2{trainer}}}, input: [1, 48, 48]}}\n"
        "objective: {metric: {name: val_miou, goal: maximize}, cost: flops}\n"
        "run: {workers: auto, accelerator: cpu}\nsearch: {trainings: 10, seeds: 1, seed: 0}\n"
    )
    tried = []
    monkeypatch.setattr(
        packing, "measure_packing", lambda *_, numbers, **__: tried.append(numbers) or Packing(rates={1: 10.0, 2: 19.0})
    )
    monkeypatch.setattr(workers, "usable_cores", lambda: 4)
    config = load_study(write(tmp_path, text))
    count = choose_workers(config, None, Placement.parse("none-none-none"), on_progress=lambda: None)
    assert tried == numbers
    assert count.sentence == sentence


def test_a_training_in_windows(tmp_path):
    config = load_study(write_study(tmp_path, space=write_small_space(tmp_path)))
    evaluator = StandAlone(config, tmp_path, device="cpu")
    seconds, windows = iter([0.01, 0.05, None]), []
    evaluator.train_in_windows(
        Placement.parse("eca-none-eca"), next_window=lambda: next(seconds), on_window=windows.append
    )
    assert [type(each) for each in windows] == [Window, Window]
    for window in windows:
        assert window.steps >= 2
        assert window.seconds > 0
        assert window.held_bytes > 10**7
    assert windows[1].seconds >= 0.05


@pytest.mark.parametrize(
    ("room", "sentence", "warning"),
    [
        pytest.param(
            Room(each=10**9, workers=2, gpus=0, free=3 * 10**9),
            "memory: 1 GB a training, 2 at once 2 GB; 3 GB of this machine are free",
            "",
            id="it fits",
        ),
        pytest.param(
            Room(each=10**9, workers=8, gpus=2, free=3 * 10**9),
            "memory: 1 GB a training, 4 at once 4 GB; 3 GB of a GPU are free",
            "8 trainings at once will not fit into memory: 1 GB each, and 3 GB are free on each GPU; run with "
            "--workers 6",
            id="four on each of two GPUs",
        ),
        pytest.param(
            Room(each=10**10, workers=1, gpus=0, free=10**9),
            "memory: 10 GB a training; 1 GB of this machine are free",
            "1 training at once will not fit into memory: 10 GB each, and 1 GB are free; take a smaller batch_size, or "
            "training: accumulate",
            id="not even one",
        ),
        pytest.param(Room(each=10**9, workers=1, gpus=0, free=None), "memory: 1 GB a training", "", id="not known"),
    ],
)
def test_the_memory_of_trainings(room, sentence, warning):
    assert (room.sentence, room.warning) == (sentence, warning)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param("many", r"workers must be a whole number or auto \(got 'many'\)", id="a word"),
        pytest.param("2", "workers must be a whole number, without quotes", id="in quotes"),
        pytest.param(0, r"workers must be at least 1 \(got 0\)", id="none"),
        pytest.param(2.5, "workers must be a whole number", id="a fraction"),
        pytest.param(True, "workers must be a whole number", id="a boolean"),
    ],
)
def test_what_is_no_number_of_workers(tmp_path, given, said):
    config = load_study(write_study(tmp_path))
    assert Overrides(workers="auto").apply(config).run.workers == "auto"
    with pytest.raises(InputError, match=said):
        Overrides(workers=given).apply(config)
    with pytest.raises(InputError, match=re.escape("tiny.yaml:") + r"\d+:\d+: run\.workers: must be "):
        load_study(write_study(tmp_path, run={"workers": given}))
