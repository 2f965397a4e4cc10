import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seplace.datasets import opening
from seplace.datasets.image_set import load_image_set
from seplace.datasets.raw_set import ArrayImages, RawSet
from seplace.errors import DataError, InputError, UnknownName

VALUES = {
    "root": None,
    "image_size": None,
    "train_images": None,
    "validation_images": 100,
    "noise": 0.0,
    "seed": 1,
}


def arrays(root):  # noqa: ARG001
    """Forty images that are each told apart by their gray level; classes of 20, 12 and 8."""
    pixels = np.broadcast_to(np.arange(40, dtype=np.uint8)[:, None, None, None] * 6, (40, 1, 8, 12)).copy()
    labels = np.repeat([0, 1, 2], [20, 12, 8])
    return RawSet(classes=("a", "b", "c"), train=ArrayImages(pixels, labels), test=lambda: TEST)


TEST = ArrayImages(np.zeros((3, 1, 8, 12), dtype=np.uint8), np.arange(3))


def load(**changes):
    return load_image_set(f"{__name__}:arrays", **(VALUES | {"image_size": 8, "validation_images": 10} | changes))


def levels(split):
    return split.images[:, 0, 0, 0].tolist()


@given(validation=st.integers(0, 12), train=st.integers(12, 28) | st.none(), seed=st.integers(0, 2**63))
def test_parts_are_disjoint_and_stratified(validation, train, seed):
    images = load(validation_images=validation, train_images=train, seed=seed)
    assert len(images.validation) == validation
    assert len(images.train) == (40 - validation if train is None else train)
    assert not set(levels(images.validation)) & set(levels(images.train))
    assert len(set(levels(images.train))) == len(images.train)
    for part in (images.train, images.validation):
        counts = np.bincount(part.labels, minlength=3)
        assert (np.abs(counts - len(part) * np.array([0.5, 0.3, 0.2])) <= 1.5).all()


@given(st.integers(0, 2**63), st.integers(12, 29))
def test_a_larger_subset_holds_the_smaller(seed, count):
    smaller, larger = load(train_images=count, seed=seed), load(train_images=count + 1, seed=seed)
    assert set(levels(smaller.train)) < set(levels(larger.train))
    assert levels(smaller.validation) == levels(larger.validation)


def test_seeds_choose_other_images():
    assert levels(load(seed=1).validation) == levels(load(seed=1).validation)
    assert len({tuple(levels(load(seed=seed).validation)) for seed in range(5)}) == 5


def test_noise():
    plain, noisy = (load_image_set("digits", **VALUES | {"noise": noise}) for noise in (0.0, 0.2))
    for before, after in (
        (plain.train, noisy.train),
        (plain.validation, noisy.validation),
        (plain.test(), noisy.test()),
    ):
        difference = after.images.astype(int) - before.images
        middle = difference[(before.images > 100) & (before.images < 155)]
        assert middle.std() == pytest.approx(0.2 * 255, rel=0.1)
        assert abs(middle.mean()) < 4 * middle.std() / len(middle) ** 0.5
    fewer = load_image_set("digits", **VALUES | {"noise": 0.2, "train_images": 500})
    assert {image.tobytes() for image in fewer.train.images} <= {image.tobytes() for image in noisy.train.images}
    other = load_image_set("digits", **VALUES | {"noise": 0.2, "seed": 2})
    assert (other.test().images != noisy.test().images).mean() > 0.3


def test_statistics_of_noisy_images_are_those_of_what_is_trained_on():
    images = load_image_set("digits", **VALUES | {"noise": 0.3})
    assert images.mean[0] == pytest.approx(images.train.images.mean() / 255)
    assert images.std[0] == pytest.approx(images.train.images.std() / 255)


def test_a_constant_channel_has_a_deviation_that_can_be_divided_by(monkeypatch):
    black = ArrayImages(np.zeros((40, 1, 8, 8), dtype=np.uint8), np.arange(40) % 3)
    monkeypatch.setitem(globals(), "arrays", lambda root: RawSet(("a", "b", "c"), black, lambda: TEST))  # noqa: ARG005
    monkeypatch.setitem(opening.DATASETS._resolved, f"{__name__}:arrays", arrays)
    assert load().std == (1 / 255,)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"validation_images": 40}, "40 validation images asked for, its training split has 40"),
        ({"train_images": 31}, "31 training images asked for, 30 are left of 40 beside 10 for validation"),
        ({"train_images": 2}, "leave none for class"),
        ({"image_size": None}, "12x8, not square: give an image_size"),
        ({"image_size": 0}, "image_size is at least 1"),
        ({"train_images": 0}, "train_images is at least 1"),
        ({"validation_images": -1}, "validation_images is at least 0"),
        ({"noise": -0.1}, "noise is a finite standard deviation"),
        ({"noise": float("nan")}, "noise is a finite standard deviation"),
    ],
)
def test_numbers_that_do_not_fit(changes, message):
    with pytest.raises(InputError, match=message):
        load(**changes)


def test_an_unknown_name():
    with pytest.raises(UnknownName, match="Did you mean 'digits'"):
        load_image_set("digit", **VALUES)


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (
            ArrayImages(np.zeros((3, 3, 8, 8), np.uint8), np.arange(3)),
            r"images of test have the shape .*\(3, 8, 8\)",
        ),
        (ArrayImages(np.zeros((2, 1, 8, 8), np.uint8), np.arange(2)), "2 of the 3 classes; without any: c"),
        (
            ArrayImages(np.zeros((4, 1, 8, 8), np.uint8), np.arange(4)),
            "labels up to 3, but there are 3 classes",
        ),
    ],
)
def test_a_test_split_that_does_not_fit(monkeypatch, test, message):
    images = load()
    monkeypatch.setitem(globals(), "TEST", test)
    with pytest.raises(DataError, match=message):
        images.test()


def test_scaling_arrays_averages():
    images = load_image_set("digits", **VALUES | {"image_size": 4})
    full = load_image_set("digits", **VALUES)
    assert images.train.images.mean() == pytest.approx(full.train.images.mean(), rel=0.05)
    assert load_image_set("digits", **VALUES | {"image_size": 16}).train.images.shape[2:] == (16, 16)
