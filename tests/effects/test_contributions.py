import itertools

import numpy as np
import pytest

from seplace.effects.contributions import Contributions
from seplace.effects.design import Design
from seplace.effects.model import Observation, Posterior
from seplace.placement import StageChoice
from seplace.study.space_file import load_space

SPACE = load_space("digits-resnet8")
SE, PARALLEL, CBAM = StageChoice("se", 4), StageChoice("se", 4, "parallel"), StageChoice("cbam", 4)


def contributions(gain, *, noise: float = 0.05, count: int = 343) -> Contributions:
    """Learn from trainings of the space whose accuracies are 80 and a gain of the placement's choices."""
    random = np.random.default_rng(0)
    candidates = [SPACE.placement_at(int(index)) for index in random.permutation(len(SPACE))[:count]]
    observations = [
        Observation(placement=placement, seed=0, score=80 + gain(placement.choices) + noise * random.normal())
        for placement in candidates
    ]
    return Contributions(Posterior(Design(SPACE), observations, draws=6, random=np.random.default_rng(1)))


def by_name(found) -> dict[tuple[int | None, str], float]:
    return {(each.stage, each.name): each.effect.value for each in found}


def test_an_additive_truth_is_found_by_stage_and_choice():
    worth = [{SE: 1.0, CBAM: -0.5}, {SE: 0.3}, {PARALLEL: 2.0}]
    found = contributions(lambda choices: sum(gains.get(one, 0.0) for gains, one in zip(worth, choices, strict=True)))
    effects = by_name(found.choices())
    assert len(effects) == sum(choice.module != "none" for listed in SPACE.choices for choice in listed)
    for (stage, name), effect in effects.items():
        assert effect == pytest.approx(worth[stage - 1].get(StageChoice.parse(name), 0.0), abs=0.12)


def test_an_effect_is_an_average_over_the_other_stages():
    """With an interaction it is neither the effect alone nor that beside a certain module."""
    found = contributions(lambda choices: 1.0 * (choices[0] == SE and choices[2] != StageChoice()))
    share = sum(choice.module != "none" for choice in SPACE.choices[2]) / len(SPACE.choices[2])
    effects = by_name(found.choices())
    assert effects[1, "se4"] == pytest.approx(share, abs=0.15)
    assert effects[2, "se4"] == pytest.approx(0.0, abs=0.1)


def test_groups_average_their_choices():
    found = contributions(lambda choices: 1.0 * (choices[0] == SE) + 0.2 * (choices[1] == SE))
    choices = {(each.stage, each.name): each for each in found.choices()}
    modules = {(each.stage, each.name): each for each in found.modules()}
    here = [each.effect.value for (stage, name), each in choices.items() if stage == 1 and name.startswith("se")]
    assert modules[1, "se"].effect.value == pytest.approx(np.mean(here))
    everywhere = [each.effect.value for (_, name), each in choices.items() if name.startswith("se")]
    assert modules[None, "se"].effect.value == pytest.approx(np.mean(everywhere))
    attachments = by_name(found.attachments())
    assert attachments[1, "se.serial"] > 0.6 > 0.4 > attachments[1, "se.parallel"]


def test_intervals_and_probabilities_say_what_is_known():
    found = contributions(lambda choices: 1.0 * (choices[0] == SE), noise=0.8, count=40)
    for each in found.choices():
        assert each.effect.lower < each.effect.value < each.effect.upper
        assert 0 <= each.positive <= 1
    sharp = contributions(lambda choices: 1.0 * (choices[0] == SE), noise=0.05)
    widths = [
        {(each.stage, each.name): each.effect.upper - each.effect.lower for each in one.choices()}[1, "se4"]
        for one in (found, sharp)
    ]
    assert widths[0] > 3 * widths[1]


def test_only_a_real_interaction_is_named():
    together = contributions(lambda choices: 1.0 * (choices[0].module == "se" and choices[1].module == "cbam"))
    named = together.interactions(sure=0.99)
    assert (named[0].first, named[0].second) == ("se in stage 1", "cbam in stage 2")
    assert named[0].effect.value == pytest.approx(1.0, abs=0.35)
    assert named[0].positive > 0.99
    apart = contributions(lambda choices: 0.5 * (choices[0] == SE), noise=0.3)
    assert len(apart.interactions(sure=0.99)) <= 1


def test_spaces_of_several_backbones_tell_what_the_backbone_adds():
    space = load_space("cifar-resnet8-or-wider")
    random = np.random.default_rng(0)
    observations = [
        Observation(
            placement=placement,
            seed=number % 8,
            score=50 + 2.0 * bool(placement.variant) + 0.1 * random.standard_normal(),
        )
        for number, placement in enumerate(itertools.islice(iter(space), 0, None, 3))
    ]
    posterior = Posterior(Design(space), observations, draws=4, random=np.random.default_rng(0))
    backbones = Contributions(posterior).backbones()
    assert [each.name for each in backbones] == [variant.text for variant in space.variants]
    assert [each.effect.value for each in backbones] == pytest.approx([2.0] * len(backbones), abs=0.3)
