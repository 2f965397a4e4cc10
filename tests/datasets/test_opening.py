import numpy as np
import pytest

from seplace.datasets.opening import open_raw_set
from seplace.datasets.raw_set import ArrayImages, RawSet
from seplace.errors import UserCodeError

PIXELS, LABELS = np.zeros((4, 1, 8, 8), np.uint8), np.arange(4) % 2
SOUND = ArrayImages(PIXELS, LABELS)
given: list[object] = []


def own(root):  # noqa: ARG001
    """Return, or raise, what a test has given."""
    if isinstance(given[0], Exception):
        raise given[0]
    return given[0]


def fail() -> ArrayImages:
    raise KeyError("test")


def raw(train=SOUND, test=lambda: SOUND, classes=("a", "b")) -> RawSet:
    return RawSet(classes=classes, train=train, test=test)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (ValueError("no such file"), r"cannot be loaded: ValueError: no such file \(test_opening.py:\d+\)"),
        ([1, 2], "returns a list, wanted: a seplace.datasets.raw_set.RawSet"),
        (raw(classes=()), r"names no classes \(got \(\)\)"),
        (raw(ArrayImages(PIXELS, [0, 1, 0, 1])), r"labels of its training split are list, wanted: int64 \(N,\)"),
        (raw(ArrayImages(PIXELS, LABELS.astype(np.int32))), r"are int32 \(4,\), wanted: int64"),
        (raw(ArrayImages(PIXELS, LABELS - 1)), "its training split has the negative label -1"),
        (raw(ArrayImages(PIXELS / 255, LABELS)), r"are float64 \(4, 1, 8, 8\), wanted: uint8 \(N, C, H, W\)"),
        (raw(ArrayImages(PIXELS[:, 0], LABELS)), r"are uint8 \(4, 8, 8\), wanted"),
        (raw(ArrayImages(PIXELS[:3], LABELS)), "wanted: .* N 4"),
        (raw(test=fail), "its test split cannot be opened: KeyError: 'test'"),
        (raw(test=lambda: ArrayImages(PIXELS, None)), "labels of its test split are NoneType"),
    ],
)
def test_what_a_users_data_set_gives_otherwise_is_is_reported_as_an_error_of_theirs(value, message):
    given[:] = [value]
    with pytest.raises(UserCodeError, match=f"data set {__name__}:own.*{message}"):
        open_raw_set(f"{__name__}:own", None).test()


def test_a_sound_one_is_opened():
    given[:] = [raw()]
    opened = open_raw_set(f"{__name__}:own", None)
    assert opened.test().labels is LABELS
    assert opened.validation is None
