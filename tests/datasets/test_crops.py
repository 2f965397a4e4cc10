import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seplace.datasets.crops import RandomResizedCrop, crop_boxes, draw_crops
from seplace.errors import InputError

USUAL = RandomResizedCrop(scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3))


@given(
    width=st.integers(1, 3000),
    height=st.integers(1, 3000),
    scale=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)).map(sorted).map(tuple),
    ratio=st.tuples(st.floats(0.1, 10), st.floats(0.1, 10)).map(sorted).map(tuple),
    seed=st.integers(0, 2**40),
)
def test_every_box_lies_in_the_image(width, height, scale, ratio, seed):
    crop = RandomResizedCrop(scale=scale, ratio=ratio)
    left, top, across, down = crop_boxes(draw_crops(20, seed=seed, epoch=0), crop, width=width, height=height).T
    assert (left >= 0).all()
    assert (top >= 0).all()
    assert (across >= 1).all()
    assert (down >= 1).all()
    assert (left + across <= width).all()
    assert (top + down <= height).all()


def test_areas_ratios_and_places_are_uniform():
    """In a square, large enough for rounding not to matter, of crops so small that all fit."""
    crop = RandomResizedCrop(scale=(0.1, 0.3), ratio=(1 / 2, 2.0))
    side, count = 10_000, 20_000
    left, top, across, down = crop_boxes(draw_crops(count, seed=3, epoch=1), crop, width=side, height=side).T
    samples = {
        "area": (across * down / side**2 - 0.1) / 0.2,
        "ratio": (np.log2(across / down) + 1) / 2,
        "left": left / (side - across),
        "top": top / (side - down),
    }
    for name, values in samples.items():
        farthest = np.abs(np.sort(values) - (np.arange(count) + 0.5) / count).max()
        assert farthest < 1.95 / math.sqrt(count), name  # Kolmogorov-Smirnov, one in a thousand


@pytest.mark.parametrize(
    ("width", "height", "box"),
    [(1000, 100, [434, 0, 133, 100]), (100, 1000, [0, 434, 100, 133]), (1, 7, [0, 3, 1, 1])],
)
def test_the_largest_box_in_the_center_where_none_fits(width, height, box):
    whole = RandomResizedCrop(scale=(1.0, 1.0), ratio=USUAL.ratio)
    assert crop_boxes(draw_crops(1, seed=0, epoch=0), whole, width=width, height=height).tolist() == [box]


def test_numbers_are_those_of_seed_epoch_and_position():
    draws = draw_crops(30, seed=5, epoch=2)
    assert np.array_equal(draws, draw_crops(30, seed=5, epoch=2))
    assert not np.array_equal(draws, draw_crops(30, seed=5, epoch=3))
    widths, heights = np.arange(100, 130), np.arange(200, 230)
    boxes = crop_boxes(draws, USUAL, width=widths, height=heights)
    for at in range(30):
        alone = crop_boxes(draws[at : at + 1], USUAL, width=int(widths[at]), height=int(heights[at]))
        assert alone.tolist() == boxes[at : at + 1].tolist()


def test_a_range_that_is_none():
    with pytest.raises(InputError, match=r"over 0 to 1, got \(0\.5, 0\.2\)"):
        RandomResizedCrop(scale=(0.5, 0.2), ratio=(1, 1))
    with pytest.raises(InputError, match="two numbers over 0"):
        RandomResizedCrop(scale=(0.5, 1), ratio=(0, 1))
