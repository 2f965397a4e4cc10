"""The model beside statsmodels on crossed data: placements times seeds, with main effects, private effects and noise.

The data speak louder than the priors: differences of placements are large beside the noise of their means.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
from statsmodels.regression.linear_model import OLS
from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec

from seplace.arrays import Floats
from seplace.effects.design import Design
from seplace.effects.estimates import Estimates
from seplace.effects.model import Observation, Posterior
from seplace.placement import Placement
from tests.effects.toy import SMALL, observed

DESIGN = Design(SMALL)
PLACEMENTS = tuple(SMALL)


@dataclass(frozen=True, kw_only=True)
class Crossed:
    """Trainings of placements on seeds, as indicators and accuracies."""

    observations: list[Observation]
    placements: list[Placement]
    by_placement: Floats
    """(n, placements)."""
    by_seed: Floats
    """(n, seeds)."""
    accuracies: Floats


def crossed(
    *, seed: int, seeds: int, noise: float, placements: tuple[Placement, ...] = PLACEMENTS, left_out: int = 0
) -> Crossed:
    """Draw accuracies in points: choices N(0, 2), placements N(0, 1), seeds N(0, 1); leave out trainings at random."""
    random = np.random.default_rng(seed)
    levels = DESIGN.levels(placements)[:, 1:]
    choices = 2 * random.standard_normal((levels.shape[1], levels.max() + 1))
    values = 70 + choices[np.arange(levels.shape[1]), levels].sum(axis=1) + random.standard_normal(len(placements))
    truth = dict(zip(placements, values.tolist(), strict=True))
    trained = observed(truth, seeds=seeds, noise=noise, random=random, luck=1.0)
    kept = sorted(random.choice(len(trained), size=len(trained) - left_out, replace=False).tolist())
    observations = [trained[at] for at in kept]
    appeared = list(dict.fromkeys(each.placement for each in observations))
    return Crossed(
        observations=observations,
        placements=appeared,
        by_placement=np.array([[float(each.placement == other) for other in appeared] for each in observations]),
        by_seed=np.array([[float(each.seed == other) for other in range(seeds)] for each in observations]),
        accuracies=np.array([each.accuracy for each in observations]),
    )


def estimated_differences(data: Crossed) -> tuple[Floats, Floats]:
    """Return means and standard errors of the accuracy of each placement minus that of the first."""
    estimates = Estimates(DESIGN, data.observations, dict.fromkeys(data.placements, 1.0))
    assert estimates.placements == data.placements
    differences = estimates.accuracies[:, 1:] - estimates.accuracies[:, [0]]
    return differences.mean(axis=0), differences.std(axis=0)


def differences_by_least_squares(data: Crossed) -> tuple[Floats, Floats]:
    """Return the same from one dummy for each placement and each seed but one: nothing is pooled."""
    columns = np.hstack([data.by_placement, data.by_seed[:, 1:]])
    others = len(data.placements) - 1
    contrasts = np.hstack([-np.ones((others, 1)), np.eye(others), np.zeros((others, columns.shape[1] - 1 - others))])
    tested = OLS(data.accuracies, columns).fit().t_test(contrasts)
    return tested.effect, tested.sd.ravel()


@pytest.mark.parametrize(
    ("seeds", "left_out"),
    [
        pytest.param(4, 0, id="each placement on four seeds"),
        pytest.param(5, 50, id="85 of 135 trainings, so that it matters which share a seed"),
    ],
)
def test_differences_and_their_standard_errors_are_those_of_least_squares(seeds: int, left_out: int):
    away, ratios = [], []
    for seed in range(4):
        data = crossed(seed=seed, seeds=seeds, noise=0.2, left_out=left_out)
        means, errors = estimated_differences(data)
        expected, standard_errors = differences_by_least_squares(data)
        away.append((means - expected) / standard_errors)
        ratios.append(errors / standard_errors)
    assert np.sqrt(np.mean(np.square(away))) < 0.15
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.1)
    assert np.array(ratios) == pytest.approx(np.ones((4, len(PLACEMENTS) - 1)), abs=0.15)


def scales_by_reml(data: Crossed, fixed: Floats) -> dict[str, float]:
    """Return the standard deviations by restricted maximum likelihood beside fixed columns (placements, columns)."""
    parts = {"private": data.by_placement, "seed": data.by_seed}
    components = VCSpec(
        list(parts),
        [[[str(column) for column in range(part.shape[1])]] for part in parts.values()],
        [[part] for part in parts.values()],
    )
    fit = MixedLM(
        data.accuracies - data.accuracies.mean(),
        data.by_placement @ fixed,
        groups=np.zeros(len(data.accuracies)),
        exog_vc=components,
    ).fit(reml=True)
    assert fit.converged
    return {"noise": float(np.sqrt(fit.scale)), **dict(zip(parts, np.sqrt(fit.vcomp).tolist(), strict=True))}


def learned_scales(data: Crossed) -> dict[str, float]:
    posterior = Posterior(DESIGN, data.observations, draws=200, random=np.random.default_rng(0))
    seeds = posterior.kinds.index("seed")
    drawn = np.array([(draw.noise_sd, draw.unit_sd, draw.group_sd[seeds]) for draw in posterior.draws])
    noise, private, seed = np.average(drawn, axis=0, weights=[draw.weight for draw in posterior.draws])
    points = posterior.noise_sd / noise
    return {"noise": noise * points, "private": private * points, "seed": seed * points}


def effects_and_interactions(data: Crossed) -> Floats:
    """Return an intercept, main effects and interactions of two stages, none of three: (placements, 19)."""
    main = [np.eye(3)[level][:, 1:] for level in DESIGN.levels(data.placements)[:, 1:].T]
    pairs = [
        (one[:, :, None] * other[:, None, :]).reshape(len(one), -1) for one, other in itertools.combinations(main, 2)
    ]
    return np.hstack([np.ones((len(data.placements), 1)), *main, *pairs])


def log_ratios(data: Crossed, fixed: Floats) -> dict[str, float]:
    """Return the logarithm of each learned scale over that of REML."""
    learned, expected = learned_scales(data), scales_by_reml(data, fixed)
    return {name: float(np.log(learned[name] / expected[name])) for name in learned}


def test_scales_of_noise_and_private_effects_are_those_of_reml():
    """REML has 8 degrees of freedom for the private effects: its standard error in each study is 25 %."""
    found = []
    for seed in range(4):
        data = crossed(seed=seed, seeds=4, noise=0.3)
        found.append(log_ratios(data, effects_and_interactions(data)))
    assert [each["noise"] for each in found] == pytest.approx([0.0] * 4, abs=0.06)
    assert [each["private"] for each in found] == pytest.approx([0.0] * 4, abs=0.25)
    assert np.mean([each["private"] for each in found]) == pytest.approx(0.0, abs=0.1)


def test_the_scale_of_seeds_is_that_of_reml():
    """Nine placements on 13 seeds."""
    for seed in range(3):
        data = crossed(seed=seed, seeds=13, noise=0.3, placements=PLACEMENTS[::3])
        found = log_ratios(data, np.ones((9, 1)))
        assert found["noise"] == pytest.approx(0.0, abs=0.06)
        assert found["seed"] == pytest.approx(0.0, abs=0.1)
