import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from seplace import __version__
from seplace.errors import DataError, InputError, UnknownName
from seplace.report.simulation_tables import calibration_table
from seplace.results.evaluation import Job
from seplace.results.ledger import Ledger
from seplace.simulation.comparison import Comparison, Outcome, Repetition, repeat
from seplace.simulation.curves import calibration, hypervolumes, summary
from seplace.simulation.landscapes import landscape
from seplace.simulation.problem_name import problem_of
from seplace.simulation.replay import Phases, budget_in, replay
from seplace.simulation.tabular import tabular_problem
from tests.simulation.tables import write_scored_table

SHORT = Phases(trainings=14, seeds=2)


def test_a_replay_is_a_search_of_the_driver():
    problem = landscape("usual", seed=0)
    found = replay(problem, SHORT, sampler="random", seed=1)
    assert len(found.evaluations) == found.searched == 14
    assert [str(row.placement) for row in found.evaluations[:7]] == [
        str(mark) for mark in problem.space.baselines.values()
    ]
    assert all(row.value == problem.observe(row.placement, row.seed) for row in found.evaluations)
    assert 0 < found.expected_regret < 1
    assert replay(problem, SHORT, sampler="random", seed=1) == found
    assert replay(problem, SHORT, sampler="random", seed=2) != found


def test_a_replay_with_rungs_is_evaluated_by_the_epochs_that_it_spent():
    problem = landscape("usual", seed=0)
    found = replay(problem, Phases(trainings=24, seeds=1, rungs=(0.11, 33)), sampler="random", seed=0)
    assert found.rungs["stopped"] > 0
    assert [rung["epochs"] for rung in found.rungs["rungs"]] == [11, 33]
    assert len(found.spent) == len(found.evaluations) < 24
    assert found.spent[:10] == list(range(1, 11))
    stopped = found.rungs["rungs"]
    epochs = 100 * len(found.evaluations) + sum(rung["epochs"] * rung["stopped"] for rung in stopped)
    assert found.total == pytest.approx(epochs / 100)
    assert 23 < found.total <= 24
    ends = [row for row in hypervolumes(problem, found, [24]) if row["recommendation"] == "observed"]
    assert len(ends) == 1
    assert hypervolumes(problem, found, [25]) == []


def test_rungs_that_do_not_fit_are_refused():
    problem = landscape("usual", seed=0)
    assert budget_in(problem, Phases(trainings=12, seeds=1, rungs=(0.11, 0.33))).rungs == (11, 33)
    for rungs in ((0.5, 0.2), (100.0,), (0.001,)):
        with pytest.raises(InputError, match="must rise, from 1 to less than the 100 epochs of a training"):
            budget_in(problem, Phases(trainings=12, seeds=1, rungs=rungs))


def test_a_benchmark_answers_at_the_epochs_at_which_it_was_scored(table):
    problem = tabular_problem(table, seed=0)
    placement = problem.space.placement_at(7)
    assert problem.early(placement, 0, 1) == round(problem.observe(placement, 0)) - 20
    with pytest.raises(DataError, match="not all was scored after 2 epochs, but after 1"):
        problem.early(placement, 0, 2)
    found = replay(problem, Phases(trainings=8, seeds=1, rungs=(1,)), sampler="random", seed=0)
    assert [rung["epochs"] for rung in found.rungs["rungs"]] == [1]


def test_a_replay_may_confirm():
    phases = Phases(trainings=12, seeds=1, confirm_seeds=3, confirm_trainings=6)
    found = replay(landscape("usual", seed=0), phases, sampler="random", seed=0)
    assert found.searched == 12
    assert 12 < len(found.evaluations) <= 18


@pytest.mark.parametrize("sampler", ["effects", "random"])
def test_a_replay_learns_from_the_proxy_of_its_problem(sampler):
    problem, plain = landscape("usual", seed=0, correlation=0.6), landscape("usual", seed=0)
    phases = Phases(trainings=9, seeds=2)
    found, without = (replay(each, phases, sampler=sampler, seed=1) for each in (problem, plain))
    (tables,) = found.design.covariates.values()
    assert without.design.covariates == {}
    assert np.corrcoef(tables.everywhere(), problem.proxy)[0, 1] > 0.8
    # The proposals of other samplers are estimated with it, too.
    assert found.expected_regret != without.expected_regret
    assert (found.evaluations == without.evaluations) == (sampler == "random")
    assert hypervolumes(problem, found, [9]) != hypervolumes(problem, replace(found, design=without.design), [9])


def test_the_share_of_the_whole_truth_is_one():
    problem = landscape("usual", seed=0)
    order = np.argsort(problem.priced_space.cost.everywhere(), kind="stable")
    best = np.maximum.accumulate(problem.truth[order])
    front = order[np.concatenate([[True], best[1:] > best[:-1]])]
    placements = [problem.space.placement_at(int(index)) for index in front]
    assert problem.share(placements) == pytest.approx(1.0)
    assert problem.share(placements[:1]) == 0.0  # the plain backbone alone
    assert 0 < problem.share(placements[::3]) < 1


def test_fronts_are_evaluated_at_the_checkpoints():
    problem = landscape("usual", seed=0)
    rows = hypervolumes(problem, replay(problem, SHORT, sampler="random", seed=0), [10, 14, 99])
    assert [(row["recommendation"], row["trainings"]) for row in rows] == [
        ("observed", 10),
        ("posterior", 10),
        ("observed", 14),
        ("posterior", 14),
    ]
    assert all(0 <= row["hypervolume"] <= 1 for row in rows)


def test_a_tabular_benchmark_is_a_problem(table):
    problems = [tabular_problem(table, seed=seed) for seed in range(6)]
    problem = problems[0]
    space = problem.space
    assert len(problem.truth) == 8
    assert problem.truth[space.index(space.placement_at(7))] == pytest.approx(54, abs=0.3)
    assert problem.lowest == problem.truth.min()
    firsts = {round(each.observe(space.placement_at(0), 0)) for each in problems}
    assert firsts == {50, 51, 52}  # the order of the benchmark's seeds is shuffled
    assert sorted(round(problem.observe(space.placement_at(7), seed)) for seed in range(3)) == [53, 54, 55]
    found = replay(problem, Phases(trainings=8, seeds=3), sampler="effects", seed=0)
    assert len({row.placement for row in found.evaluations}) >= 4


def test_a_benchmark_has_cross_entropies(tmp_path):
    scores = 50 + np.random.default_rng(0).standard_normal((8, 3))
    losing = tabular_problem(write_scored_table(tmp_path / "losing", scores, lose=lambda score: 3 - score / 45), seed=0)
    job = Job(placement=losing.space.placement_at(5), seed=1, epochs=3)
    answer = losing.evaluate(job, on_epoch=lambda _: None)
    assert answer.cross_entropy == pytest.approx(3 - answer.value / 45)
    early = replace(losing, scored=(1,)).evaluate(replace(job, epochs=1), on_epoch=lambda _: None)
    assert early.cross_entropy is None
    plain = tabular_problem(write_scored_table(tmp_path / "plain", scores), seed=0)
    assert plain.evaluate(job, on_epoch=lambda _: None).cross_entropy is None


def test_a_benchmark_answers_no_more_seeds_than_it_has(table):
    phases = Phases(trainings=40, seeds=5, confirm_seeds=7, confirm_trainings=8)
    found = replay(tabular_problem(table, seed=0), phases, sampler="random", seed=0)
    assert len({row.key for row in found.evaluations}) == len(found.evaluations) == 8 * 3


def test_a_benchmark_is_named_with_its_truth(table):
    assert problem_of(str(table), number=0).seeds == 3
    assert problem_of(f"{table}[truth=shrunken]", number=0).seeds is None
    with pytest.raises(UnknownName, match=r"unknown truth of a tabular benchmark 'effect'. Did you mean 'effects'"):
        problem_of(f"{table}[truth=effect]", number=0)
    with pytest.raises(UnknownName, match="unknown landscape or results folder"):
        problem_of("results/nowhere[truth=effects]", number=0)


def test_an_incomplete_benchmark_is_refused(table, tmp_path):
    for name in ("study.yaml", "space.yaml", "costs.json"):
        (tmp_path / name).write_text((table / name).read_text())
    with Ledger(table / "ledger.sqlite", read_only=True) as whole, Ledger(tmp_path / "ledger.sqlite") as half:
        half.set_fact("study_folder", "..")
        for row in whole.evaluations()[:-4]:
            half.add(row)
    with pytest.raises(DataError, match="is no tabular benchmark: 2 of 8 placements lack one of 3 seeds"):
        tabular_problem(tmp_path, seed=0)


def test_a_benchmark_of_failures_is_refused(tmp_path):
    folder = write_scored_table(tmp_path, np.full((8, 1), np.nan))
    with pytest.raises(DataError, match="no placement of its space was trained to the end"):
        tabular_problem(folder, seed=0)


@pytest.mark.long
def test_a_comparison_goes_on_where_it_was_interrupted(tmp_path):
    one, two = (Repetition(problem="usual", sampler="random", number=number) for number in range(2))
    first = Comparison(tmp_path, SHORT)
    first.run([one], workers=1, on_done=lambda _: None)
    with (tmp_path / "repetitions.jsonl").open("a") as file:
        file.write('[{"problem": "usual", "sam')  # torn
    left: list[int] = []
    again = Comparison(tmp_path, SHORT)
    assert again.outcomes == first.outcomes
    again.run([one, two], workers=1, on_done=left.append)
    assert left == [0]
    assert Comparison(tmp_path, SHORT).outcomes == again.outcomes
    again.write()
    curves = pd.read_csv(tmp_path / "curves.csv")
    assert sorted(curves["repetition"].unique()) == [0, 1]
    assert (tmp_path / "curves.png").exists()
    with pytest.raises(InputError, match="other phases"):
        Comparison(tmp_path, Phases(trainings=20, seeds=2))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Outcome:
    """The outcome of one search."""
    comparison = Comparison(tmp_path_factory.mktemp("made"), SHORT)
    comparison.run([Repetition(problem="usual", sampler="random", number=0)], workers=1, on_done=lambda _: None)
    (outcome,) = comparison.outcomes.values()
    return outcome


def test_a_comparison_records_the_versions_that_searched(tmp_path, made):
    """A comparison that goes on with another version mixes them."""
    comparison = Comparison(tmp_path, SHORT)
    comparison.outcomes[Repetition(problem="usual", sampler="random", number=0)] = made
    assert made.version == __version__
    for number, version in enumerate(["0.6.0", None], start=1):
        repetition = Repetition(problem="usual", sampler="random", number=number)
        comparison.outcomes[repetition] = replace(made, version=version)
    comparison.write()
    provenance = json.loads((tmp_path / "provenance.json").read_text())
    assert provenance["searched_with"] == {__version__: 1, "0.6.0": 1, "unknown": 1}


def test_an_earlier_version_did_not_note_how_many_are_recommended(tmp_path, made):
    comparison = Comparison(tmp_path, SHORT)
    comparison.outcomes[Repetition(problem="usual", sampler="random", number=0)] = made
    recommended = [row["front_points"] for row in made.curve]
    assert min(recommended) > 1
    without = [{key: value for key, value in row.items() if key != "front_points"} for row in made.curve]
    comparison.outcomes[Repetition(problem="usual", sampler="random", number=1)] = replace(made, curve=without)
    curves = comparison.curves()
    assert curves["front_points"].dropna().tolist() == recommended
    assert summary(curves)["front_points"].tolist() == recommended


def test_the_gains_of_all_trained_placements_are_held_against_the_truth():
    problem = landscape("usual", seed=0)
    replayed = replay(problem, SHORT, sampler="random", seed=0)
    found = calibration(problem, replayed, trainings=14)
    assert found.compared == len({row.placement for row in replayed.evaluations}) - 1 >= found.front_points - 1
    assert found.gains_covered <= found.compared_gains_covered <= found.compared - found.compared_gains_below
    assert abs(found.compared_gain_bias) <= found.compared_gain_error < found.compared_gain_width
    low = calibration(
        replace(problem, truth=np.where(problem.truth == problem.truth[0], 90, 0.0)), replayed, trainings=14
    )
    assert (low.compared_gains_covered, low.compared_gains_below) == (0, low.compared)
    assert low.compared_gain_bias == pytest.approx(90, abs=5)


def test_a_confirmed_search_is_calibrated_before_and_after(tmp_path):
    phases = Phases(trainings=9, seeds=1, confirm_seeds=3, confirm_trainings=4)
    one = Repetition(problem="usual[images=200]", sampler="random", number=0)
    comparison = Comparison(tmp_path, phases)
    comparison.outcomes[one] = repeat(one, phases, (9,))
    (row,) = comparison.calibrations().to_dict("records")
    assert row["searched"] == 9 < row["trained"] <= 13
    assert row["search_compared"] <= row["compared"]
    assert row["search_compared_gain_width"] != row["compared_gain_width"]
    alone = repeat(one, replace(phases, confirm_seeds=0, confirm_trainings=0), (9,))
    assert comparison.outcomes[one].search_calibration == alone.calibration
    assert alone.search_calibration is None


def test_an_earlier_version_did_not_hold_all_gains_against_the_truth(tmp_path):
    one, other = (Repetition(problem="usual", sampler="random", number=number) for number in range(2))
    made = repeat(one, SHORT, (14,))
    older = {name: value for name, value in made.calibration.items() if not name.startswith("compared")}
    comparison = Comparison(tmp_path, SHORT)

    def all_gains_covered() -> str:
        table = calibration_table(comparison.calibrations())
        at = [column.heading for column in table.columns].index("all gains covered")
        return table.rows[0].cells[at]

    comparison.outcomes[other] = replace(made, calibration=older)
    assert all_gains_covered() == ""
    comparison.outcomes[one] = made
    share = f"{100 * made.calibration['compared_gains_covered'] / made.calibration['compared']:.0f} %"
    assert all_gains_covered() == share


def test_an_unknown_problem_is_named_with_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean 'private'"):
        problem_of("privat", number=0)
    with pytest.raises(UnknownName, match="Did you mean 'private'"):
        problem_of("privat[proxy=0.5]", number=0)


@pytest.mark.parametrize("text", ["usual[proxy=1.5]", "usual[proxy=good]", "usual[proxy=nan]", "usual[proxy=]"])
def test_a_correlation_lies_between_minus_one_and_one(text):
    with pytest.raises(InputError, match="proxy is a correlation from -1 to 1"):
        problem_of(text, number=0)


def test_the_summary_has_the_interval_of_the_mean():
    curves = pd.DataFrame(
        {
            "problem": "usual",
            "sampler": "random",
            "recommendation": "observed",
            "repetition": range(4),
            "trainings": 10,
            "hypervolume": [0.5, 0.6, 0.7, 0.8],
            "front_points": [3, 4, 5, 6],
        }
    )
    (row,) = summary(curves).to_dict("records")
    half = 1.96 * np.std([0.5, 0.6, 0.7, 0.8], ddof=1) / 2
    assert row["hypervolume"] == pytest.approx(0.65)
    assert (row["hypervolume_lower"], row["hypervolume_upper"]) == pytest.approx((0.65 - half, 0.65 + half))
    assert row["repetitions"] == 4
    assert row["front_points"] == 4.5


def test_there_is_no_regret_if_nothing_helps():
    problem = landscape("nothing-helps", seed=0)
    found = replay(problem, Phases(trainings=9, seeds=1), sampler="random", seed=0)
    assert {row["hypervolume"] for row in hypervolumes(problem, found, [9])} == {1.0}
