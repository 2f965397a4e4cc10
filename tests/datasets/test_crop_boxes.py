import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seplace.datasets.augmentation import RandomResizedCrop
from seplace.datasets.crop_boxes import BOX_NUMBERS, crop_box

RISING = {
    "scale": st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)).map(sorted).map(tuple),
    "ratio": st.tuples(st.floats(0.1, 10), st.floats(0.1, 10)).map(sorted).map(tuple),
}


def boxes(count: int, crop: RandomResizedCrop, *, height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return top, left, height and width of the boxes of images of one size, (4, N)."""
    numbers = np.random.default_rng(seed).random((count, *BOX_NUMBERS))
    return np.array([crop_box(each, height=height, width=width, crop=crop) for each in numbers]).T


@settings(max_examples=25)
@given(width=st.integers(1, 3000), height=st.integers(1, 3000), seed=st.integers(0, 2**40), **RISING)
def test_every_box_lies_in_the_image(width, height, scale, ratio, seed):
    crop = RandomResizedCrop(scale=scale, ratio=ratio)
    top, left, down, across = boxes(20, crop, height=height, width=width, seed=seed)
    assert min(map(np.min, (top, left))) >= 0
    assert min(map(np.min, (down, across))) >= 1
    assert (top + down <= height).all()
    assert (left + across <= width).all()


def test_areas_ratios_and_places_are_uniform():
    """In a square, large enough for rounding not to matter, of boxes so small that all fit."""
    crop = RandomResizedCrop(scale=(0.1, 0.3), ratio=(1 / 2, 2.0))
    side, count = 10_000, 20_000
    top, left, down, across = boxes(count, crop, height=side, width=side, seed=3)
    samples = {
        "area": (across * down / side**2 - 0.1) / 0.2,
        "ratio": (np.log2(across / down) + 1) / 2,
        "left": left / (side - across),
        "top": top / (side - down),
    }
    for name, values in samples.items():
        farthest = np.abs(np.sort(values) - (np.arange(count) + 0.5) / count).max()
        assert farthest < 1.95 / math.sqrt(count), name  # Kolmogorov-Smirnov, one in a thousand


def test_the_first_of_ten_that_fits_is_taken():
    """The first box is wider than its square, the second fits: half of the area, as high as it is wide."""
    numbers = np.full(BOX_NUMBERS, 0.5)
    numbers[0] = (1.0, 1.0)
    numbers[1] = ((0.5 - 0.08) / 0.92, 0.5)
    numbers[-1] = (0.0, 0.999)
    found = crop_box(numbers, height=100, width=100, crop=RandomResizedCrop(ratio=(0.5, 2.0)))
    assert found == (0, 29, 71, 71)  # √(100² / 2) = 70.7, and 30 places from left to right


@pytest.mark.parametrize(
    ("height", "width", "ratio", "box"),
    [
        (100, 1000, (0.75, 1.3333), [0, 433, 100, 133]),
        (1000, 100, (0.75, 1.3333), [433, 0, 133, 100]),
        (7, 1, (3.0, 4.0), [3, 0, 1, 1]),
    ],
)
def test_the_largest_box_in_the_center_where_none_fits(height, width, ratio, box):
    crop = RandomResizedCrop(scale=(1.0, 1.0), ratio=ratio)
    assert boxes(1, crop, height=height, width=width)[:, 0].tolist() == box
