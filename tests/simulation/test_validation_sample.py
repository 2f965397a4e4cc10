from dataclasses import replace

import numpy as np
import pytest

from seplace.errors import InputError, UnknownName
from seplace.results.evaluation import Job
from seplace.simulation.landscapes import landscape
from seplace.simulation.problem_name import problem_of
from seplace.simulation.tabular import tabular_problem
from seplace.simulation.validation_sample import Shares, with_images
from tests.simulation.tables import write_scored_table

PROBLEM = landscape("usual", seed=0)
PLAIN, ONE, OTHER = (PROBLEM.space.placement_at(index) for index in (0, 12345, 200000))
"""The last two have other choices in every stage."""


def at_accuracy(accuracy: float, **shares: float):
    """Return the problem with a given accuracy of every training on infinitely many images, on a large split."""
    flat = replace(PROBLEM, observe=lambda placement, seed: accuracy)  # noqa: ARG005 - equal for all
    return with_images(flat, images=100_000, seed=3, shares=replace(Shares(), **shares))


def bits(problem, placement, seed: int) -> np.ndarray:
    return problem.correct(placement, seed).unpacked()


@pytest.mark.parametrize("accuracy", [12.0, 50.0, 93.0])
def test_the_expected_accuracy_is_that_on_infinitely_many_images(accuracy):
    assert at_accuracy(accuracy).observe(ONE, 5) == pytest.approx(accuracy, abs=0.35)


def test_splits_differ_and_their_mean_is_the_accuracy_of_the_training():
    splits = [with_images(PROBLEM, images=1000, seed=seed) for seed in range(150)]
    seen = np.array([split.observe(ONE, 1) for split in splits])
    # 1,000 images at 90 %: a standard deviation of 0.95 points.
    assert seen.std() == pytest.approx(100 * np.sqrt(0.9 * 0.1 / 1000), rel=0.2)
    assert seen.mean() == pytest.approx(PROBLEM.observe(ONE, 1), abs=0.25)


@pytest.mark.parametrize(
    ("first", "second", "common"),
    [
        # At 50 % two bits agree with probability 1/2 + arcsin(r) / pi, where r is the correlation of z.
        pytest.param((ONE, 0), (ONE, 0), 1.0, id="the same training"),
        pytest.param((ONE, 0), (ONE, 1), 0.70 + 4 * 0.02 + 0.05, id="another seed"),
        pytest.param((ONE, 0), (OTHER, 0), 0.70 + 0.06, id="another placement"),
        pytest.param((ONE, 0), (OTHER, 1), 0.70, id="both"),
    ],
)
def test_trainings_have_in_common_what_their_shares_say(first, second, common):
    problem = at_accuracy(50.0, image=0.70, choice=0.02, placement=0.05, seed=0.06, seed_choice=0.01)
    agreed = (bits(problem, *first) == bits(problem, *second)).mean()
    assert agreed == pytest.approx(0.5 + np.arcsin(common) / np.pi, abs=0.004)


def test_pairs_of_different_seeds_tell_the_variance_of_a_gain_over_images():
    """What no seed reduces: Var over images of the difference of two placements, each averaged over seeds."""
    problem = at_accuracy(80.0, image=0.6, choice=0.04, placement=0.1, seed=0.05, seed_choice=0.01)
    gains = np.array([bits(problem, ONE, seed).astype(float) - bits(problem, OTHER, seed) for seed in range(8)])
    by_pairs = np.mean([np.cov(gains[at], gains[at + 1])[0, 1] for at in range(0, 8, 2)])
    # The mean over many seeds has this variance, and that of the seeds divided by their number.
    within = gains.var(axis=0, ddof=1).mean()
    assert by_pairs == pytest.approx(gains.mean(axis=0).var() - within / 8, rel=0.05)
    assert by_pairs > 0.02
    same = at_accuracy(80.0, choice=0.0, placement=0.0)
    alike = np.array([bits(same, ONE, seed).astype(float) - bits(same, OTHER, seed) for seed in range(2)])
    assert np.cov(alike)[0, 1] == pytest.approx(0.0, abs=0.002)


def test_bits_do_not_depend_on_the_order_of_asking():
    trainings = [(PLAIN, 0), (ONE, 1), (OTHER, 0), (ONE, 0)]
    first, again, other = (with_images(PROBLEM, images=300, seed=seed) for seed in (7, 7, 8))
    forwards = [first.correct(*each) for each in trainings]
    assert [again.correct(*each) for each in reversed(trainings)] == forwards[::-1]
    assert [other.correct(*each) for each in trainings] != forwards


def test_an_evaluation_holds_its_bits_and_an_early_one_does_not():
    problem = replace(with_images(PROBLEM, images=500, seed=0), scored=(33,))
    job = Job(placement=ONE, seed=2, epochs=100)
    found = problem.evaluate(job, on_epoch=lambda _: None)
    assert found.correct == problem.correct(ONE, 2)
    assert found.value == found.correct.accuracy == problem.early(ONE, 2, 100)
    stopped = problem.evaluate(replace(job, epochs=33), on_epoch=lambda _: None)
    assert stopped.correct is None
    assert stopped.value == pytest.approx(PROBLEM.early(ONE, 2, 33), abs=5.0)
    assert 5 * stopped.value == pytest.approx(round(5 * stopped.value))
    assert PROBLEM.evaluate(job, on_epoch=lambda _: None).correct is None
    assert np.array_equal(problem.truth, PROBLEM.truth)


def test_a_cross_entropy_has_an_error_of_the_split_too(tmp_path):
    scores = 60 + np.random.default_rng(0).standard_normal((8, 3))
    table = tabular_problem(write_scored_table(tmp_path, scores, lose=lambda score: 3 - score / 45), seed=0)
    placement = table.space.placement_at(5)
    splits = [with_images(table, images=400, seed=seed) for seed in range(200)]
    errors = np.array(
        [
            [each.observe(placement, 1), each.cross_entropy(placement, 1) - table.cross_entropy(placement, 1)]
            for each in splits
        ]
    )
    assert errors[:, 1].mean() == pytest.approx(0.0, abs=4 * errors[:, 1].std() / np.sqrt(200))
    assert -0.95 < np.corrcoef(errors.T)[0, 1] < -0.7


def test_shares_of_too_many_stages_are_refused():
    assert Shares().of_a_training(4) == pytest.approx(1 - 0.66 - 0.02 - 0.10 - 4 * 0.02)
    with pytest.raises(ValueError, match="shares of 40 stages sum to"):
        Shares().of_a_training(40)


def test_a_problem_is_named_with_its_images(table):
    assert problem_of("usual", number=4).correct is None
    small = problem_of("usual[proxy=0.6,images=50]", number=4)
    assert small.proxy is not None
    assert small.correct(ONE, 0).count == 50
    assert problem_of("usual[images=50]", number=4).correct(ONE, 0) == small.correct(ONE, 0)
    resampled = problem_of(f"{table}[truth=shrunken,images=20]", number=0)
    assert resampled.correct(resampled.space.placement_at(3), 0).count == 20
    recorded = problem_of(f"{table}[images=20]", number=0)
    assert (recorded.seeds, recorded.correct(recorded.space.placement_at(3), 2).count) == (3, 20)


@pytest.mark.parametrize("count", ["0", "-5", "many", "", "1.5", "1000001"])
def test_images_are_a_whole_number(count):
    with pytest.raises(InputError, match=r"images is a whole number from 1 to 1,000,000 \(got " + count):
        problem_of(f"usual[images={count}]", number=0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("usual[image=5]", "unknown option of a landscape 'image'. Did you mean 'images'"),
        ("usual[truth=effects]", "unknown option of a landscape 'truth'"),
        ("usual[images=5,images=6]", "images is given twice"),
        ("usal[images=5]", "unknown landscape or results folder .* 'usal'. Did you mean 'usual'"),
    ],
)
def test_options_that_cannot_be_read_are_named(text, said):
    with pytest.raises((InputError, UnknownName), match=said):
        problem_of(text, number=0)


def test_a_benchmark_has_no_proxy(table):
    with pytest.raises(UnknownName, match="unknown option of a tabular benchmark 'proxy'"):
        problem_of(f"{table}[proxy=0.5]", number=0)
