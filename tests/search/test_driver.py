import random
from collections import Counter
from contextlib import nullcontext

import optuna
import pytest

from seplace.api import Results
from seplace.backbones.describe import describe
from seplace.baselines import baselines
from seplace.costs import COSTS
from seplace.errors import InputError, MissingWeights, StudyBusy, TooManyFailures
from seplace.executors import EXECUTORS
from seplace.executors.executor import EvaluatorMaker
from seplace.executors.processes import Processes
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation
from seplace.results.ledger import Ledger
from seplace.search import driver, plan, run_study, search_phase
from seplace.search.execution import make_executor
from seplace.search.lock import study_lock
from seplace.study.config import load_study
from tests.marks import in_the_long_form
from tests.networks import shaped_network_of
from tests.search.toy import Scrambled, Shelf, Stop, accuracy_of, go, keys_in, left_in, read_on_test_split
from tests.studies import write_small_space, write_study

BASELINES = [str(placement) for placement in baselines(describe("cifar_resnet8[width=0.5]")).values()]
CONFIRM = {"seeds": 3, "trainings": 15}


@pytest.mark.usefixtures("no_optuna_file")
def test_baselines_come_first_and_the_budget_is_met_exactly(tmp_path, toy):
    go(write_study(tmp_path, search={"trainings": 17}), tmp_path / "out")
    assert [text for text, _seed, _epochs in toy.trained[:7]] == BASELINES
    assert len(toy.trained) == len(set(toy.trained)) == 17
    assert keys_in(tmp_path / "out") == toy.trained


@pytest.mark.parametrize("sampler", [in_the_long_form("random"), "nsga2", in_the_long_form("tpe"), "gp"])
def test_other_backbones_are_searched_and_have_costs_and_estimates(tmp_path, toy, sampler):
    wider = "cifar_resnet8[width=0.5]"
    path = write_study(
        tmp_path,
        space=write_small_space(tmp_path, variants=[wider]),
        search={"trainings": 16, "seeds": 1, "sampler": sampler},
    )
    go(path, tmp_path / "out")
    found = Results.load(tmp_path / "out")
    space = found.config.search_space
    assert [text for text, _seed, _epochs in toy.trained[:8]] == list(map(str, space.baselines.values()))
    assert toy.trained[7][0] == f"none-none-none@{wider}"
    table = found.placements.set_index("placement")
    assert {"", wider} == set(table["variant"])
    assert sum(text.endswith(f"@{wider}") for text, _, _ in toy.trained) > 1
    for text in table.index:
        placement = Placement.parse(text)
        network = shaped_network_of(space.backbone_of(placement).text, str(placement.on_backbone), in_channels=1)
        params = COSTS["params"].measure(network, None)
        assert (table.loc[text, "params"], params - table.loc["none-none-none", "params"]) == (
            params,
            table.loc[text, "extra_params"],
        )
    # The copy for dashboards knows the backbone as a parameter.
    study = optuna.load_study(study_name=path.stem, storage=f"sqlite:///{tmp_path / 'out' / 'optuna.db'}")
    assert {trial.params["backbone"] for trial in study.trials} == {space.backbone.text, wider}


@pytest.mark.usefixtures("no_optuna_file")
@pytest.mark.parametrize("executor", ["inline", "scrambled"])
def test_a_repeated_placement_gets_its_next_seed(tmp_path, toy, monkeypatch, executor):
    monkeypatch.setattr(
        "seplace.search.execution.EXECUTORS", Shelf(inline=Scrambled) if executor == "scrambled" else EXECUTORS
    )
    path = write_study(
        tmp_path, space=write_small_space(tmp_path), search={"trainings": 20, "seeds": 3}, run={"workers": 3}
    )
    go(path, tmp_path / "out")
    seeds = Counter(text for text, _, _ in toy.trained)
    assert len(toy.trained) == len(set(toy.trained)) == 20
    for text, count in seeds.items():
        assert {seed for other, seed, _ in toy.trained if other == text} == set(range(count))
    assert max(seeds.values()) == 3
    # Four baselines lie outside the space.
    outlook = Results.load(tmp_path / "out").outlook
    assert outlook.startswith("The search ended after 16 trainings of candidates of the space; baselines ")


@pytest.mark.usefixtures("no_optuna_file")
def test_a_space_that_is_exhausted_ends_the_search(tmp_path, toy):
    # Eight placements with two seeds each; the plain one and two with ECA are baselines, four others lie outside.
    path = write_study(tmp_path, space=write_small_space(tmp_path), search={"trainings": None, "hours": 1.0})
    go(path, tmp_path / "out")
    assert len(toy.trained) == len(set(toy.trained)) == 8 * 2 + 4


@pytest.mark.usefixtures("no_optuna_file")
def test_what_is_over_a_limit_is_never_trained(tmp_path, toy):
    path = write_study(tmp_path, objective={"cost": "flops", "limits": {"flops": 200_000}}, search={"trainings": 25})
    go(path, tmp_path / "out")
    with Ledger(tmp_path / "out" / "ledger.sqlite", read_only=True) as ledger:
        assert len(ledger.evaluations()) == 25
        assert max(row.costs["flops"] for row in ledger.evaluations()) <= 200_000
        assert len(ledger.proposals()) > 25  # some proposals were over it
    assert "cbam8-cbam16-cbam16" not in [text for text, _, _ in toy.trained]


def test_a_limit_below_the_range_is_refused_with_the_range_and_can_be_mended(tmp_path, toy):
    path = write_study(tmp_path, objective={"cost": "flops", "limits": {"flops": 1000}})
    with pytest.raises(InputError, match=r"limits\.flops: .* spans 197,184 to [\d,]+ FLOP"):
        go(path, tmp_path / "out")
    go(write_study(tmp_path, objective={"cost": "flops", "limits": {"flops": 200_000}}), tmp_path / "out")
    assert len(toy.trained) == 10


def test_data_that_do_not_fit_are_refused_and_can_be_mended(tmp_path, toy):
    with pytest.raises(InputError, match="5000 training images asked for"):
        go(write_study(tmp_path, data={"train_images": 5000}), tmp_path / "out")
    go(write_study(tmp_path), tmp_path / "out")
    assert len(toy.trained) == 10


@pytest.mark.usefixtures("no_optuna_file")
@pytest.mark.parametrize("sampler", ["nsga2", in_the_long_form("tpe")])
def test_the_order_in_which_trainings_finish_does_not_matter(tmp_path, toy, monkeypatch, sampler):
    path = write_study(tmp_path, search={"trainings": 40, "sampler": sampler}, confirm=CONFIRM, run={"workers": 4})
    go(path, tmp_path / "straight")
    monkeypatch.setattr("seplace.search.execution.EXECUTORS", Shelf(inline=Scrambled))
    for seed in range(3):
        monkeypatch.setattr(Scrambled, "order", random.Random(seed))
        go(path, tmp_path / f"scrambled{seed}")
        assert left_in(tmp_path / f"scrambled{seed}") == left_in(tmp_path / "straight")
    assert len(toy.trained) == 4 * (40 + 15)


@pytest.mark.usefixtures("no_optuna_file")
@pytest.mark.parametrize(
    ("executor", "sampler"),
    [
        ("inline", "nsga2"),
        ("scrambled", "tpe"),
        in_the_long_form("inline", "random"),
        in_the_long_form("scrambled", "nsga2"),
    ],
)
def test_an_interrupted_study_equals_one_that_was_not(tmp_path, toy, monkeypatch, sampler, executor):
    monkeypatch.setattr(
        "seplace.search.execution.EXECUTORS", Shelf(inline=Scrambled) if executor == "scrambled" else EXECUTORS
    )
    path = write_study(tmp_path, search={"trainings": 40, "sampler": sampler}, confirm=CONFIRM, run={"workers": 3})
    go(path, tmp_path / "whole")
    toy.trained.clear()
    for stop_after in (0, 3, 12, 25, 31, 39, 44, 53):
        toy.stop_after = stop_after
        with pytest.raises(Stop):
            go(path, tmp_path / "parts")
    toy.stop_after = None
    go(path, tmp_path / "parts")
    assert left_in(tmp_path / "parts") == left_in(tmp_path / "whole")
    committed = keys_in(tmp_path / "parts")
    assert len(committed) == len(set(committed)) == 55
    if executor == "inline":  # nothing is lost between a training and its commit
        assert len(toy.trained) == 55


@pytest.mark.usefixtures("no_optuna_file", "toy")
@pytest.mark.parametrize("sampler", ["nsga2", in_the_long_form("tpe")])
def test_a_budget_that_grew_gives_the_longer_study(tmp_path, sampler):
    for trainings in (7, 15, 34):
        go(write_study(tmp_path, search={"trainings": trainings, "sampler": sampler}), tmp_path / "grown")
        assert len(keys_in(tmp_path / "grown")) == trainings
    go(write_study(tmp_path, search={"trainings": 34, "sampler": sampler}), tmp_path / "long")
    grown, long = left_in(tmp_path / "grown"), left_in(tmp_path / "long")
    assert grown["evaluations"] == long["evaluations"]
    assert grown["proposals"] == long["proposals"]


@pytest.mark.usefixtures("no_optuna_file", "toy")
def test_a_smaller_budget_warns_and_keeps_the_trainings(tmp_path):
    go(write_study(tmp_path, search={"trainings": 9}), tmp_path / "out")
    with pytest.warns(UserWarning, match=r"the budget was search.trainings 9 and is now search.trainings 8: "):
        go(write_study(tmp_path, search={"trainings": 8}), tmp_path / "out")
    assert len(keys_in(tmp_path / "out")) == 9


@pytest.mark.usefixtures("no_optuna_file", "toy")
def test_an_address_of_a_cluster_that_is_not_used_is_warned_of(tmp_path):
    path = write_study(tmp_path, run={"address": "10.0.0.1:6379"})
    with pytest.warns(UserWarning, match="address has no effect with executor inline, only with ray"):
        go(path, tmp_path / "out")


def test_a_finished_study_is_not_trained_again(tmp_path, toy):
    path = write_study(tmp_path, confirm=CONFIRM)
    go(path, tmp_path / "out")
    before, trained, tested = left_in(tmp_path / "out"), len(toy.trained), len(toy.tested)
    go(path, tmp_path / "out")
    assert left_in(tmp_path / "out") == before
    assert (len(toy.trained), len(toy.tested)) == (trained, tested)


def test_a_study_of_hours_that_ran_out_keeps_its_optuna_study(tmp_path, toy, monkeypatch):
    path = write_study(tmp_path, search={"trainings": None, "hours": 1.0})
    clock = [0.0]
    monkeypatch.setattr(search_phase.time, "monotonic", lambda: clock[0])
    evaluate = toy.evaluate

    def take_five_minutes(job, *, on_epoch):
        clock[0] += 300.0
        return evaluate(job, on_epoch=on_epoch)

    toy.evaluate = take_five_minutes
    shares, later = [], {}

    def observe(news):
        shares.append((news.phase, news.done, clock[0] / 3600))
        later[news.phase] = news.later

    go(path, tmp_path / "out", observer=observe)
    assert later == {"baselines": None, "search": 0, "test": 0}  # hours are not counted in trainings
    # During the search, progress is the share of its hour that has passed; the baselines come before.
    assert all(done <= now - 7 * 300 / 3600 + 1e-9 for phase, done, now in shares if phase == "search")
    first = numbers_of(tmp_path / "out")
    assert len(toy.trained) == 7 + 12
    go(path, tmp_path / "out")
    assert len(toy.trained) == 7 + 12
    assert numbers_of(tmp_path / "out") == first


def study_in(folder) -> optuna.Study:
    storage = f"sqlite:///{folder / 'optuna.db'}"
    return optuna.load_study(study_name="tiny", storage=storage, sampler=optuna.samplers.RandomSampler())


def numbers_of(folder) -> list[tuple[str, list[float]]]:
    return [(trial.user_attrs["placement"], trial.values) for trial in study_in(folder).get_trials()]


def test_the_optuna_study_holds_every_proposal_and_none_running(tmp_path, toy):
    path = write_study(tmp_path, search={"trainings": 20}, run={"workers": 3})
    go(path, tmp_path / "whole")
    toy.stop_after = len(toy.trained) + 13
    with pytest.raises(Stop):
        go(path, tmp_path / "out")
    half = study_in(tmp_path / "out").get_trials()
    toy.stop_after = None
    go(path, tmp_path / "out")
    trials = study_in(tmp_path / "out").get_trials()
    proposals = left_in(tmp_path / "out")["proposals"]
    assert all(trial.state == optuna.trial.TrialState.COMPLETE for trial in (*half, *trials))
    trial_of = {trial.number: trial.user_attrs["placement"] for trial in trials if "baseline" not in trial.user_attrs}
    assert trial_of == {number: str(placement) for number, placement in proposals.items()}
    assert numbers_of(tmp_path / "out") == numbers_of(tmp_path / "whole")
    assert study_in(tmp_path / "out").metric_names == ["accuracy", "flops"]


def test_the_optuna_study_is_appended_to(tmp_path, toy):
    path = write_study(tmp_path, search={"trainings": 14})
    go(path, tmp_path / "whole")
    toy.stop_after = len(toy.trained) + 11
    with pytest.raises(Stop):
        go(path, tmp_path / "out")
    toy.stop_after = None
    left = study_in(tmp_path / "out")
    before = left.get_trials()
    left.set_user_attr("note", "mine")
    left.add_trial(optuna.trial.create_trial(values=[1.0, 2.0]))  # of a user's own
    file = (tmp_path / "out" / "optuna.db").stat().st_ino
    go(path, tmp_path / "out")
    after = study_in(tmp_path / "out")
    assert (tmp_path / "out" / "optuna.db").stat().st_ino == file
    assert after.user_attrs == {"note": "mine"}
    assert after.get_trials()[: len(before)] == before
    ours = [(t.user_attrs["placement"], t.values) for t in after.get_trials() if "placement" in t.user_attrs]
    assert ours == numbers_of(tmp_path / "whole")


def test_a_repeated_training_has_a_further_trial(tmp_path, toy):
    path = write_study(tmp_path, space=write_small_space(tmp_path), search={"trainings": 16, "seeds": 2})
    toy.failing = {"eca-none-none": "crashed", "none-eca-none": "oom"}
    go(path, tmp_path / "out")
    first = study_in(tmp_path / "out").get_trials()
    toy.failing = {}
    for _ in range(2):
        go(path, tmp_path / "out")
    left = study_in(tmp_path / "out")
    trials = left.get_trials()
    assert trials[: len(first)] == first
    superseded = left.user_attrs["superseded"]
    assert all(trials[new].user_attrs["proposal"] == int(old) for old, new in superseded.items())
    trial_of = {str(trial.number): trial.user_attrs["placement"] for trial in first}
    assert {trial_of[old] for old in superseded} == {"eca-none-none", "none-eca-none"}
    valid = [trial for trial in trials if str(trial.number) not in superseded]
    assert all(trial.values and max(trial.constraints.values()) <= 0 for trial in valid)
    proposals = [trial.user_attrs.get("proposal", trial.number) for trial in valid]
    assert sorted(proposals) == list(range(len(proposals)))


def test_a_long_study_goes_on_before_its_evaluations_are_read(tmp_path, toy, monkeypatch):
    monkeypatch.setattr(driver, "_LOOKED_AT", 0)
    toy.failing = {"eca-none-none": "diverged"}
    space = write_small_space(tmp_path)
    grown = write_study(tmp_path, space=space, search={"trainings": 12, "seeds": 2})
    go(grown, tmp_path / "out")
    read, begun = [], []
    parse, train = Evaluation.from_record, toy.evaluate
    monkeypatch.setattr(
        Evaluation, "from_record", lambda record, **given: read.append(record) or parse(record, **given)
    )
    monkeypatch.setattr(toy, "evaluate", lambda job, **given: begun.append(len(read)) or train(job, **given))
    path = write_study(tmp_path, space=space, search={"trainings": 15, "seeds": 2})
    go(path, tmp_path / "out")
    baselines, failed = 7, 1
    assert begun[0] <= baselines + failed
    assert len(begun) == 3
    go(path, tmp_path / "whole")
    assert left_in(tmp_path / "out") == left_in(tmp_path / "whole")
    assert numbers_of(tmp_path / "out") == numbers_of(tmp_path / "whole")


def test_a_damaged_optuna_study_is_written_again(tmp_path, toy):
    path = write_study(tmp_path)
    go(path, tmp_path / "out")
    first = numbers_of(tmp_path / "out")
    for content in (b"", b"no database " * 100, None):
        if content is None:
            (tmp_path / "out" / "optuna.db").unlink()
        else:
            (tmp_path / "out" / "optuna.db").write_bytes(content)
        with pytest.warns(match="is kept as optuna.damaged.db") if content else nullcontext():
            go(path, tmp_path / "out")
        assert numbers_of(tmp_path / "out") == first
    assert len(toy.trained) == 10


def test_a_placement_that_fails_violates_a_constraint(tmp_path, toy):
    path = write_study(tmp_path, space=write_small_space(tmp_path), search={"trainings": 16, "seeds": 2})
    toy.failing = {"eca-none-none": "diverged", "none-eca-none": "oom"}
    go(path, tmp_path / "out")
    trial_of = {trial.user_attrs["placement"]: trial for trial in study_in(tmp_path / "out").get_trials()}
    for text, trial in trial_of.items():
        assert (trial.constraints["training failed"] > 0) == (text in toy.failing)
    assert trial_of.keys() >= toy.failing.keys()
    accuracies = [trial.values[0] for text, trial in trial_of.items() if text not in toy.failing]
    assert trial_of["eca-none-none"].values[0] <= max(accuracies)
    assert len(set(toy.trained)) == 16


def test_a_dead_worker_says_nothing_about_the_placement(tmp_path, toy):
    path = write_study(tmp_path, space=write_small_space(tmp_path), search={"trainings": 16, "seeds": 2})
    toy.failing = {"eca-none-none": "crashed"}
    go(path, tmp_path / "out")
    states = {t.state for t in study_in(tmp_path / "out").get_trials() if t.user_attrs["placement"] in toy.failing}
    assert optuna.trial.TrialState.FAIL in states


@pytest.mark.usefixtures("no_optuna_file")
def test_failures_in_a_row_end_the_run(tmp_path, toy):
    path = write_study(tmp_path, run={"stop_after_failures": 3})
    toy.failing = dict.fromkeys(BASELINES[2:5], "diverged")
    with pytest.raises(TooManyFailures, match=f"3 trainings failed in a row, last {BASELINES[4]} on seed 0: diverged"):
        go(path, tmp_path / "out")
    assert len(toy.trained) == 5
    toy.failing = {BASELINES[5]: "oom", **dict.fromkeys(BASELINES[2:4], "diverged")}
    go(path, tmp_path / "spread")


@pytest.mark.usefixtures("no_optuna_file")
def test_the_test_split_is_read_once_after_all_trainings(tmp_path, toy):
    path = write_study(tmp_path, confirm=CONFIRM)
    evaluate = toy.evaluate

    def watch(job, *, on_epoch):
        assert toy.tested == []
        return evaluate(job, on_epoch=on_epoch)

    toy.evaluate = watch
    go(path, tmp_path / "out")
    assert len(toy.tested) == len(set(toy.tested)) > len(BASELINES)
    with Ledger(tmp_path / "out" / "ledger.sqlite", read_only=True) as ledger:
        assert set(ledger.tests()) == set(toy.tested)
        for key, (accuracy, _) in ledger.tests().items():
            assert accuracy == accuracy_of(Placement.parse(key[0]), key[1]) - 1


@pytest.mark.usefixtures("toy", "no_optuna_file")
def test_what_was_trained_is_timed_at_the_end(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        run_study.PlacementCosts, "measure_latencies", lambda _, placements: asked.append(list(placements))
    )
    monkeypatch.setattr(driver, "_TIMED_TRAINED", 3)
    go(write_study(tmp_path, search={"trainings": 17}), tmp_path / "out")
    found = Results.load(tmp_path / "out")
    [timed] = asked
    assert len(timed) == len(set(timed))
    marks_and_front = {*found.config.search_space.baselines.values(), *found.estimates.front}
    assert set(timed[: len(marks_and_front)]) == marks_and_front
    alone = [text for text in map(str, timed) if text.count("none") == 2]
    others = [each for each in timed if each not in marks_and_front and str(each) not in alone]
    assert len(alone) > 6
    assert len(others) == 3
    assert set(others) < {row.placement for row in found.rows}


@pytest.mark.usefixtures("no_optuna_file")
def test_what_has_no_weights_left_is_not_tested(tmp_path, toy):
    test = toy.test

    def without_the_first(evaluation):
        if evaluation.key == (BASELINES[1], 0, 1):
            raise MissingWeights("se.safetensors: the trained weights are not there")
        return test(evaluation)

    toy.test = without_the_first
    with pytest.warns(UserWarning, match="se.safetensors: .* not there; the test split is not read for it"):
        go(write_study(tmp_path), tmp_path / "out")
    assert set(BASELINES) - read_on_test_split(tmp_path / "out") == {BASELINES[1]}


@pytest.mark.usefixtures("toy")
def test_a_study_that_is_being_run_is_refused(tmp_path):
    with study_lock(tmp_path / "out" / "lock"), pytest.raises(StudyBusy, match=r"already being run by process \d+ on "):
        go(write_study(tmp_path), tmp_path / "out")


@pytest.mark.usefixtures("toy")
def test_progress_counts_up_to_the_whole(tmp_path):
    seen = []
    go(write_study(tmp_path, confirm=CONFIRM), tmp_path / "out", observer=seen.append)
    assert list(dict.fromkeys(news.phase for news in seen)) == ["baselines", "search", "confirm", "test"]
    for phase in ("baselines", "search", "test"):
        done = [news.done for news in seen if news.phase == phase]
        assert done[-1] == [news.total for news in seen if news.phase == phase][-1]
    assert all(0 <= news.done <= news.total for news in seen)
    assert seen[-1].trained == 25
    # 10 trainings of baselines and search, and up to 15 that confirm.
    left = {news.phase: news.total - news.done + news.later for news in reversed(seen)}
    assert left == {"baselines": 25, "search": 18, "confirm": 15, "test": seen[-1].total}
    # Six of the seven baselines are outside the space, and stay out of the best.
    assert seen[-1].standing.is_of_space
    assert 0 < seen[-1].standing.hypervolume < 1


@pytest.mark.usefixtures("toy")
def test_a_plan_says_what_a_run_does(tmp_path):
    config = load_study(write_study(tmp_path, confirm=CONFIRM))
    made = plan.make_plan(config, tmp_path / "out", with_batch=False)
    assert (made.budget.trainings, made.budget.confirm_trainings, made.spans, made.seconds) == (10, 15, None, None)
    made = plan.make_plan(config, tmp_path / "out", with_batch=True)
    flops = next(span for span in made.spans if span.name == "flops")
    assert flops.plain == flops.cheapest == 197_184
    assert flops.dearest > flops.plain
    assert made.seconds > 25 * made.estimate.training > 0
    again = plan.make_plan(config, tmp_path / "out", with_batch=False)
    assert again.spans == made.spans


def test_a_training_that_may_be_ended_runs_where_it_can_be(tmp_path):
    config = load_study(write_study(tmp_path, run={"executor": "inline", "workers": 3, "timeout_minutes": 1.5}))
    executor = make_executor(config, EvaluatorMaker(config, tmp_path), lambda: None)
    assert isinstance(executor, Processes)
    assert len(executor.workers) == 1
    assert executor.jobs.timeout_minutes == 1.5
