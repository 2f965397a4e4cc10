"""What every proxy must do, whatever it thinks of the placements."""

from __future__ import annotations

import math
import pickle
import random
from pathlib import Path

import numpy as np
import torch

from seplace.evaluators.study_networks import StudyNetworks
from seplace.placement import Placement
from seplace.proxies import PROXIES
from seplace.proxies.proxy import Effort
from seplace.study.config import load_study
from seplace.testing.expectations import expect
from seplace.testing.studies import write_study

PLACEMENTS = tuple(map(Placement.parse, ("none-none-none", "se4-cbam4-eca", "none-eca.parallel-se4")))
EFFORT = Effort(images=16, gate_init="paper", short_epochs=1, supernet_epochs=3, recalibration_batches=2)


def tiny_networks(folder: Path) -> StudyNetworks:
    """Return the networks of a study of 64 digits in batches of 32, and 64 further ones to score on."""
    changes = {"data": {"train_images": 64, "validation_images": 64}, "training": {"batch_size": 32}}
    return StudyNetworks(load_study(write_study(folder, changes)), device="cpu")


def scores(name: str, networks: StudyNetworks, *, seed: int = 7) -> list[float]:
    """Return the scores of PLACEMENTS."""
    proxy = PROXIES[name](networks, seed=seed, effort=EFFORT)
    return [proxy.score(placement) for placement in PLACEMENTS]


def scores_are_repeatable(name: str, networks: StudyNetworks) -> None:
    """Check that scores are finite floats, not all equal, the same again, and leave the global random states alone."""
    before = _random_states()
    first = scores(name, networks)
    expect(_random_states() == before, f"proxy {name} changes a global random state")
    is_number = all(isinstance(score, float) and math.isfinite(score) for score in first)
    expect(is_number, f"proxy {name} gives {first}, wanted: finite floats")
    expect(len(set(first)) > 1, f"proxy {name} gives all placements one score")
    expect(scores(name, networks) == first, f"proxy {name} gives other scores for the same seed")


def ignores_the_order(name: str, networks: StudyNetworks) -> None:
    """Check that the score of a placement does not depend on which were scored before it."""
    proxy = PROXIES[name](networks, seed=7, effort=EFFORT)
    backwards = [proxy.score(placement) for placement in reversed(PLACEMENTS)]
    expect(backwards[::-1] == scores(name, networks), f"proxy {name}: a score depends on what was scored before")


CHECKS = (scores_are_repeatable, ignores_the_order)


def _random_states() -> tuple[object, ...]:
    return torch.get_rng_state().tolist(), random.getstate(), pickle.dumps(np.random.get_state())
