"""The model beside statsmodels on crossed data: placements times seeds, with main effects, private effects and noise.

The data say more than the priors: differences of placements are large beside the noise of their means.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from statsmodels.regression.linear_model import OLS
from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMResults, VCSpec

from seplace.arrays import Floats, ImageBits
from seplace.effects.design import Design
from seplace.effects.estimates import Estimates
from seplace.effects.images import image_variance
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
    *,
    seed: int,
    seeds: int,
    noise: float,
    interaction: float = 0.0,
    placements: tuple[Placement, ...] = PLACEMENTS,
    left_out: int = 0,
) -> Crossed:
    """Draw accuracies in points: choices N(0, 2), placements N(0, 1), seeds N(0, 1), and what a seed does to a choice.

    Trainings are left out at random.
    """
    random = np.random.default_rng(seed)
    levels = DESIGN.levels(placements)[:, 1:]
    choices = 2 * random.standard_normal((levels.shape[1], levels.max() + 1))
    values = 70 + choices[np.arange(levels.shape[1]), levels].sum(axis=1) + random.standard_normal(len(placements))
    truth = dict(zip(placements, values.tolist(), strict=True))
    trained = observed(truth, seeds=seeds, noise=noise, random=random, luck=1.0)
    gates = indicators_of_gates(placements)
    on_seed = interaction * random.standard_normal((gates.shape[1], seeds))
    shifts = (gates @ on_seed).ravel().tolist()
    trained = [replace(each, score=each.score + shift) for each, shift in zip(trained, shifts, strict=True)]
    kept = sorted(random.choice(len(trained), size=len(trained) - left_out, replace=False).tolist())
    observations = [trained[at] for at in kept]
    appeared = list(dict.fromkeys(each.placement for each in observations))
    return Crossed(
        observations=observations,
        placements=appeared,
        by_placement=np.array([[float(each.placement == other) for other in appeared] for each in observations]),
        by_seed=np.array([[float(each.seed == other) for other in range(seeds)] for each in observations]),
        accuracies=np.array([each.score for each in observations]),
    )


def indicators_of_gates(placements: Sequence[Placement]) -> Floats:
    """Return one column for each choice of each stage but the first, `none`: (placements, 6)."""
    return np.hstack([np.eye(3)[level][:, 1:] for level in DESIGN.levels(placements)[:, 1:].T])


def estimated_differences(data: Crossed) -> tuple[Floats, Floats]:
    """Return means and standard errors of the accuracy of each placement minus that of the first."""
    estimates = Estimates(DESIGN, data.observations, dict.fromkeys(data.placements, 1.0))
    assert estimates.placements == data.placements
    differences = estimates.scores[:, 1:] - estimates.scores[:, [0]]
    return differences.mean(axis=0), differences.std(axis=0)


def differences_by_least_squares(data: Crossed) -> tuple[Floats, Floats]:
    """Return the same from one dummy for each placement and each seed but one: nothing is pooled."""
    columns = np.hstack([data.by_placement, data.by_seed[:, 1:]])
    others = len(data.placements) - 1
    contrasts = np.hstack([-np.ones((others, 1)), np.eye(others), np.zeros((others, columns.shape[1] - 1 - others))])
    tested = OLS(data.accuracies, columns).fit().t_test(contrasts)
    return tested.effect, tested.sd.ravel()


def fitted_by_reml(data: Crossed, fixed: Floats, random_effects: dict[str, Floats]) -> MixedLMResults:
    """Fit a mixed model: `fixed` columns (n, columns), and a variance for each group of columns of random effects."""
    parts = list(random_effects.values())
    components = VCSpec(
        list(random_effects),
        [[[str(column) for column in range(part.shape[1])]] for part in parts],
        [[part] for part in parts],
    )
    accuracies = data.accuracies - data.accuracies.mean()
    fit = MixedLM(accuracies, fixed, groups=np.zeros(len(accuracies)), exog_vc=components).fit(reml=True)
    assert fit.converged
    return fit


def differences_by_reml(data: Crossed) -> tuple[Floats, Floats]:
    """Return the same with random effects of seeds, and of seeds on choices; nothing is pooled over placements."""
    gates = data.by_placement @ indicators_of_gates(data.placements)
    together = (data.by_seed[:, :, None] * gates[:, None, :]).reshape(len(gates), -1)
    fit = fitted_by_reml(data, data.by_placement, {"seed": data.by_seed, "seed x choice": together})
    others = len(data.placements) - 1
    contrasts = np.hstack([-np.ones((others, 1)), np.eye(others)])
    covariance = fit.cov_params()[: others + 1, : others + 1]
    return contrasts @ fit.fe_params, np.sqrt(np.diag(contrasts @ covariance @ contrasts.T))


CASES = [
    pytest.param(4, 0, id="each placement on four seeds"),
    pytest.param(5, 45, id="90 of 135 trainings, so that it matters which share a seed"),
]


@pytest.mark.parametrize(("seeds", "left_out"), CASES)
@pytest.mark.parametrize(
    ("interaction", "differences_of"),
    [
        pytest.param(0.0, differences_by_least_squares, id="seeds that shift all placements alike"),
        pytest.param(0.3, differences_by_reml, id="seeds that interact with choices"),
    ],
)
def test_differences_and_their_standard_errors_are_those_of_the_peer(
    interaction: float,
    differences_of: Callable[[Crossed], tuple[Floats, Floats]],
    seeds: int,
    left_out: int,
):
    away, ratios = [], []
    for seed in range(3):
        data = crossed(seed=seed, seeds=seeds, noise=0.2, interaction=interaction, left_out=left_out)
        means, errors = estimated_differences(data)
        expected, standard_errors = differences_of(data)
        away.append((means - expected) / standard_errors)
        ratios.append(errors / standard_errors)
    assert np.sqrt(np.mean(np.concatenate(away) ** 2)) < 0.15
    assert np.mean(np.concatenate(ratios)) == pytest.approx(1.0, abs=0.1)
    assert np.concatenate(ratios) == pytest.approx(1.0, abs=0.2)


def scales_by_reml(data: Crossed, fixed: Floats) -> dict[str, float]:
    """Return the standard deviations by restricted maximum likelihood beside fixed columns (placements, columns)."""
    parts = {"private": data.by_placement, "seed": data.by_seed}
    fit = fitted_by_reml(data, data.by_placement @ fixed, parts)
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
    main = np.split(indicators_of_gates(data.placements), 3, axis=1)
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


def test_the_variance_over_images_is_that_of_reml():
    """Two placements on three seeds: the estimate plus a standard error, which is a third of it for 250 images."""
    random = np.random.default_rng(0)
    images, seeds, chosen = 250, 3, (PLACEMENTS[0], PLACEMENTS[14])
    difficulty = random.standard_normal(images)
    right = {
        (placement, seed): margin + 0.5 * random.standard_normal(images) > -0.7
        for placement in chosen
        for margin in [difficulty + 0.6 * random.standard_normal(images)]
        for seed in range(seeds)
    }
    found = image_variance(
        DESIGN,
        [placement for placement, _ in right],
        [seed for _, seed in right],
        [ImageBits.of(each) for each in right.values()],
    )
    gains = np.array([100.0 * right[chosen[1], seed] - 100.0 * right[chosen[0], seed] for seed in range(seeds)])
    centered = (gains - gains.mean(axis=1, keepdims=True)).T.ravel()
    fit = MixedLM(centered, np.ones((len(centered), 1)), groups=np.repeat(np.arange(images), seeds)).fit(reml=True)
    estimated = found.difference(*DESIGN.rows(DESIGN.levels(chosen)))
    assert 1.0 < estimated * images / float(fit.cov_re.item()) < 1.6
