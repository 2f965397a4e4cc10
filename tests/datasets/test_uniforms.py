import numpy as np

from seplace.datasets.uniforms import Uniforms


def uniforms(**changes) -> Uniforms:
    return Uniforms(**({"seed": 3, "purpose": "crop", "epoch": 1, "shape": (2, 3)} | changes))


def test_any_positions_have_the_numbers_of_the_whole_epoch():
    whole = uniforms().at(np.arange(3000))
    assert whole.shape == (3000, 2, 3)
    some = np.array([2999, 0, 1024, 1023, 7, 7])
    assert np.array_equal(uniforms().at(some), whole[some])
    assert uniforms().at(np.arange(0)).shape == (0, 2, 3)


def test_seed_purpose_epoch_and_position_give_other_numbers():
    numbers = [uniforms(**changes).at(np.arange(1500)) for changes in ({}, {"seed": 4}, {"purpose": "a"}, {"epoch": 2})]
    every = np.concatenate([each.ravel() for each in numbers])
    assert len(np.unique(every)) == len(every)
    assert every.min() >= 0
    assert every.max() < 1
    assert abs(every.mean() - 0.5) < 0.01
