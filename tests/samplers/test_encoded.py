"""The encoded copy of a study is kept between proposals, without any effect on them."""

import random

import pytest

from seplace.effects.model import Observation
from seplace.placement import Placement, StageChoice
from seplace.samplers import encoded
from seplace.testing.samplers import KEPT, proposals


def training(accuracy: float) -> Observation:
    return Observation(placement=Placement.uniform(StageChoice(), 3), seed=0, score=accuracy)


class Forgetful(dict):
    """A dictionary that stays empty."""

    def __setitem__(self, key, value):
        pass


def proposed(name: str, *, count: int) -> list[str]:
    """Ask three at a time, which finish in any order; some fail."""
    made, order = proposals(name), random.Random(0)
    found: list[str] = []
    running: list[int] = []
    for step in range(count):
        while len(running) < 3:
            number, placement = made.ask(None)
            running.append(number)
            found.append(str(placement))
        number = running.pop(order.randrange(3) if step % 7 == 0 else 0)
        if number % 5 == 0:
            made.tell_failed(number)
            continue
        accuracy = 50.0 + number % 3
        made.tell(number, score=accuracy, cost=100.0 + number % 4, constraints=KEPT, training=training(accuracy))
    return found


@pytest.mark.parametrize("name", ["tpe_factors", "tpe_ordered"])
def test_a_kept_copy_gives_the_proposals_of_a_new_one(name, monkeypatch):
    kept = proposed(name, count=30)
    monkeypatch.setattr(encoded, "_COPIES", Forgetful())
    assert proposed(name, count=30) == kept


def test_each_finished_trial_is_copied_once(monkeypatch):
    written = []
    create = encoded.create_trial
    monkeypatch.setattr(encoded, "create_trial", lambda **given: written.append(1) or create(**given))
    made = proposals("tpe_ordered")
    for step in range(20):
        number, _ = made.ask(None)
        made.tell(number, score=50.0 + step, cost=100.0, constraints=KEPT, training=training(50.0))
    assert len(written) == 20  # the one added first, and all finished trials but the last
