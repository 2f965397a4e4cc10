import math
from dataclasses import replace

import pytest

from seplace.evaluators.stand_alone import StandAlone
from seplace.placement import Placement
from seplace.proxies.proxy import rescaled
from seplace.proxies.short_training import make
from seplace.results.evaluation import Job
from tests.proxies.toy import EFFORT, networks_for

PLACEMENT = Placement.parse("se4-none-eca")


def test_is_a_whole_training_of_the_short_length(tmp_path) -> None:
    """Of a study whose trainings are that short, the score is what the study itself measures on that seed."""
    recipe = {"batch_size": 32, "schedule": "one_cycle"}
    long = networks_for(tmp_path, training={**recipe, "epochs": 6, "warmup_epochs": 3})
    (tmp_path / "short").mkdir()
    short = networks_for(tmp_path / "short", training={**recipe, "epochs": 2, "warmup_epochs": 1})
    evaluator = StandAlone(short.config, tmp_path / "results", device="cpu")
    evaluation = evaluator.evaluate(Job(placement=PLACEMENT, seed=5, epochs=2), on_epoch=lambda _: None)
    assert make(long, seed=5, effort=replace(EFFORT, short_epochs=2)).score(PLACEMENT) == -evaluation.cross_entropy


def test_a_training_that_diverges_is_the_worst(tmp_path) -> None:
    networks = networks_for(tmp_path, training={"batch_size": 32, "learning_rate": 1e30})
    assert make(networks, seed=5, effort=EFFORT).score(PLACEMENT) == -math.inf


def test_the_warm_up_keeps_its_share(tmp_path) -> None:
    recipe = networks_for(tmp_path, training={"epochs": 10, "warmup_epochs": 2}).config.training
    short = rescaled(recipe, epochs=3)
    assert (short.epochs, short.warmup_epochs) == (3, pytest.approx(0.6))
    assert rescaled(short, epochs=10) == recipe
