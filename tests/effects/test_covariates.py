"""The references are dense normal distributions over all accuracies, written out with NumPy."""

import itertools
from statistics import NormalDist

import numpy as np
import pytest

from seplace.effects.covariates import learn_covariate, normal_scores, tables_of
from seplace.effects.design import Design
from seplace.effects.level_tables import Tables
from seplace.effects.model import Observation, Posterior
from seplace.placement import Placement
from tests.effects.toy import SMALL, all_levels, observed, parse, space_with

MARK = Placement.parse("se16-se16-se16")
CHOICES = "none se4 se8 se4.parallel se8.parallel eca eca.parallel cbam4 cbam8 cbam8.parallel"
WIDE = space_with(*[parse(*CHOICES.split())] * 3)
"""1,000 candidates."""


def tables_by_hand(space, *, seed: int, pairs: float = 0.4) -> Tables:
    """Numbers for each choice and each pair of them, of an sd of about 1, also for the choices of baselines."""
    random = np.random.default_rng(seed)
    design = Design(space)
    counts = [len(design.variants), *map(len, design.stages)]
    couples = itertools.combinations(range(1, len(counts)), 2)
    return Tables(
        shape=design.shape,
        main=tuple(random.normal(size=count) / np.sqrt(len(counts)) for count in counts),
        pairs={(a, b): pairs * random.normal(size=(counts[a], counts[b])) for a, b in couples},
    )


def sum_by_hand(tables: Tables, levels) -> float:
    mains = sum(tables.main[factor][level] for factor, level in enumerate(levels))
    return mains + sum(table[levels[a], levels[b]] for (a, b), table in tables.pairs.items())


def some_observations(space, truth, *, count: int, seed: int, noise: float) -> list[Observation]:
    random = np.random.default_rng(seed)
    candidates = [space.placement_at(int(index)) for index in random.choice(len(space), size=count, replace=False)]
    true = {each: float(truth[space.index(each)]) for each in candidates}
    return observed(true, seeds=1, noise=noise, random=random)


def test_the_posterior_is_that_of_a_regression_with_these_columns():
    covariates = {"good": tables_by_hand(SMALL, seed=1), "other": tables_by_hand(SMALL, seed=2)}
    random = np.random.default_rng(0)
    candidates = [*(SMALL.placement_at(int(at)) for at in random.choice(27, size=8, replace=False)), MARK]
    observations = observed(
        {each: 80 + float(random.normal()) for each in candidates}, seeds=2, noise=0.3, random=random
    )
    posterior = Posterior(Design(SMALL, covariates=covariates), observations, draws=1, random=random)
    (draw,) = posterior.draws
    sd = dict(zip(posterior.kinds, draw.group_sd, strict=True))
    bare = Design(SMALL)
    placements = [*(each.placement for each in observations), *SMALL]
    levels = bare.levels(placements)
    rows = bare.rows(levels)
    columns = {name: np.array([sum_by_hand(tables, each) for each in levels]) for name, tables in covariates.items()}
    prior = 100.0 + (rows * [sd[group] ** 2 for group in bare.groups]) @ rows.T
    for name, column in columns.items():
        prior += sd[f"covariate {name}"] ** 2 * np.outer(column, column)
    known = {each.placement for each in observations}
    prior += draw.unit_sd**2 * np.array([[one == other and one in known for other in placements] for one in placements])
    n = len(observations)
    paired = np.array([[one.seed == other.seed for other in observations] for one in observations])
    data = prior[:n, :n] + draw.noise_sd**2 * np.eye(n) + sd["seed"] ** 2 * paired
    accuracies = np.array([each.score for each in observations])
    centre, unit = accuracies.mean(), accuracies.std()
    solved = np.linalg.solve(data, (accuracies - centre) / unit)
    assert posterior.mean().everywhere() == pytest.approx(centre + unit * prior[n:, :n] @ solved, abs=1e-6)
    # The weights: normal too, with covariance sd² x' with the observations.
    samples = posterior.sample_weights(20_000, random=random)
    for at, (name, column) in enumerate(columns.items()):
        shared = sd[f"covariate {name}"] ** 2 * column[:n]
        deviation = unit * np.sqrt(sd[f"covariate {name}"] ** 2 - shared @ np.linalg.solve(data, shared))
        assert samples[:, at].mean() == pytest.approx(unit * shared @ solved, abs=4 * deviation / np.sqrt(20_000))
        assert samples[:, at].std() == pytest.approx(deviation, rel=0.03)


def test_surfaces_agree_everywhere_with_covariates():
    design = Design(WIDE, covariates={"score": tables_by_hand(WIDE, seed=3)})
    truth = 80 + tables_by_hand(WIDE, seed=3).everywhere()
    posterior = Posterior(
        design,
        some_observations(WIDE, truth, count=9, seed=1, noise=0.1),
        draws=2,
        random=np.random.default_rng(2),
    )
    levels = all_levels(design.shape)
    for surface in (posterior.mean(), posterior.sample()):
        assert surface.everywhere() == pytest.approx(surface.at(levels), abs=1e-9)
        change = surface.effects.for_factor(2, levels[:50])
        moved = levels[:50].copy()
        moved[:, 2] = 4
        expected = surface.effects.at(moved) - surface.effects.at(levels[:50])
        here = np.take_along_axis(change, levels[:50, [2]], axis=1)[:, 0]
        assert change[:, 4] - here == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_perfect_covariate_tells_far_off_accuracies_after_a_few_trainings(sign):
    tables = tables_by_hand(WIDE, seed=4)
    truth = 80 + 2.0 * sign * tables.everywhere()
    observations = some_observations(WIDE, truth, count=8, seed=5, noise=0.1)

    def error(design: Design) -> float:
        surface = Posterior(design, observations, draws=8, random=np.random.default_rng(6)).mean()
        return float(np.sqrt(np.mean((surface.everywhere() - truth) ** 2)) / truth.std())

    assert error(Design(WIDE, covariates={"perfect": tables})) < 0.2
    assert error(Design(WIDE)) > 0.6
    posterior = Posterior(
        Design(WIDE, covariates={"perfect": tables}), observations, draws=8, random=np.random.default_rng(6)
    )
    weights = posterior.sample_weights(2000, random=np.random.default_rng(0))
    assert weights.mean() == pytest.approx(2.0 * sign, abs=0.3)


def test_a_useless_covariate_has_hardly_any_weight():
    truth = 80 + tables_by_hand(WIDE, seed=7).everywhere()
    observations = some_observations(WIDE, truth, count=60, seed=8, noise=0.2)
    useless = tables_by_hand(WIDE, seed=9)
    with_it, without = (
        Posterior(design, observations, draws=8, random=np.random.default_rng(0)).mean().everywhere()
        for design in (Design(WIDE, covariates={"useless": useless}), Design(WIDE))
    )
    assert np.sqrt(np.mean((with_it - without) ** 2)) < 0.2 * truth.std()
    errors = [np.sqrt(np.mean((each - truth) ** 2)) for each in (with_it, without)]
    assert errors[0] < 1.1 * errors[1]


def scores_of(tables: Tables, *, count: int, seed: int) -> dict[Placement, float]:
    random = np.random.default_rng(seed)
    values = tables.everywhere()
    chosen = random.choice(len(WIDE), size=count, replace=False)
    return {WIDE.placement_at(int(at)): float(values[at]) for at in chosen}


def test_what_64_placements_say_holds_for_the_others():
    tables = tables_by_hand(WIDE, seed=10, pairs=0.1)
    scores = scores_of(tables, count=64, seed=1)
    learned = learn_covariate(Design(WIDE), scores)
    assert learned.reason == ""
    assert learned.scored == 64
    found, true = learned.tables.everywhere(), tables.everywhere()
    unscored = np.array([placement not in scores for placement in WIDE])
    share = np.corrcoef(found[unscored], true[unscored])[0, 1] ** 2
    assert share > 0.6
    assert learned.fit == pytest.approx(share, abs=0.25)
    assert found[0] == 0  # relative to none
    scored = [found[WIDE.index(placement)] for placement in scores]
    assert np.std(scored) == pytest.approx(1.0)


def test_only_the_order_of_scores_matters():
    """Neither how they grow, nor in which order they came."""
    scores = scores_of(tables_by_hand(WIDE, seed=11), count=40, seed=2)
    plain = learn_covariate(Design(WIDE), scores)
    exploding = learn_covariate(Design(WIDE), {each: np.exp(9 * value) for each, value in reversed(scores.items())})
    assert exploding.tables.everywhere() == pytest.approx(plain.tables.everywhere(), abs=1e-9)
    assert tables_of({"a": plain, "b": learn_covariate(Design(WIDE), {})}) == {"a": plain.tables}


def test_what_the_choices_do_not_explain_is_left_out():
    random = np.random.default_rng(12)
    chaos = {WIDE.placement_at(int(at)): float(random.normal()) for at in random.choice(1000, 64, replace=False)}
    learned = learn_covariate(Design(WIDE), chaos)
    assert learned.tables is None
    assert learned.fit < 0.1
    assert "do not explain it" in learned.reason


def test_equal_or_few_scores_are_left_out():
    scores = scores_of(tables_by_hand(WIDE, seed=13), count=30, seed=3)
    assert learn_covariate(Design(WIDE), dict.fromkeys(scores, 7.0)).reason == "all scores are equal"
    few = dict(itertools.islice(scores.items(), 4))
    assert learn_covariate(Design(WIDE), few).reason == "only 4 placements have a score"


def test_normal_scores_are_quantiles_of_ranks():
    values = np.array([3.0, -1e9, 3.0, 1e30, 5.0])
    ranks = [2.5, 1, 2.5, 5, 4]
    expected = [NormalDist().inv_cdf((rank - 3 / 8) / (5 + 1 / 4)) for rank in ranks]
    assert normal_scores(values) == pytest.approx(expected)


def test_an_observation_left_out_is_predicted_by_the_others_alone():
    random = np.random.default_rng(14)
    candidates = [SMALL.placement_at(int(at)) for at in random.choice(27, size=7, replace=False)]
    observations = observed({each: float(random.normal()) for each in candidates}, seeds=2, noise=0.3, random=random)
    posterior = Posterior(Design(SMALL), observations, draws=1, random=random)
    (draw,) = posterior.draws
    sd = dict(zip(posterior.kinds, draw.group_sd, strict=True))
    rows = posterior.design.rows(posterior.design.levels([each.placement for each in observations]))
    covariance = 100.0 + (rows * [sd[group] ** 2 for group in posterior.design.groups]) @ rows.T
    for one, other in itertools.product(range(len(observations)), repeat=2):
        covariance[one, other] += draw.noise_sd**2 * (one == other)
        covariance[one, other] += draw.unit_sd**2 * (observations[one].placement == observations[other].placement)
        covariance[one, other] += sd["seed"] ** 2 * (observations[one].seed == observations[other].seed)
    y = np.array([each.score for each in observations])
    expected = []
    for at in range(len(y)):
        others = np.arange(len(y)) != at
        weights = np.linalg.solve(covariance[np.ix_(others, others)], covariance[others, at])
        expected.append(y.mean() + weights @ (y[others] - y.mean()))
    assert posterior.left_out() == pytest.approx(expected, abs=1e-8)


def test_each_covariate_has_a_scale_of_its_own():
    design = Design(SMALL, covariates={"a": tables_by_hand(SMALL, seed=1), "b": tables_by_hand(SMALL, seed=2)})
    assert design.groups[-2:] == ["covariate a", "covariate b"]
    assert design.groups[:-2] == Design(SMALL).groups
    assert design.scales["covariate a"] == design.scales["covariate"]
