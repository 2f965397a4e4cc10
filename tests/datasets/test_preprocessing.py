"""What an image goes through before the network, as a record."""

import json

import pytest

from seplace.datasets.preprocessing import Preprocessing
from seplace.errors import InputError

IMAGES = {"channels": 3, "image_size": 32, "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.25]}


def test_record_goes_through_json():
    steps = Preprocessing.of_study(IMAGES, data="cifar10")
    assert Preprocessing.of_record(json.loads(json.dumps(steps.to_record()))) == steps
    assert steps.to_record() == {
        "channel_order": "RGB",
        "crop": "center_square",
        "size": 32,
        "interpolation": "bilinear",
        "resampling": "torch",
        "divisor": 255,
        "mean": [0.5, 0.4, 0.3],
        "std": [0.2, 0.2, 0.25],
    }


@pytest.mark.parametrize(
    ("recorded", "data", "resampling"),
    [
        ({}, "cifar10", "torch"),
        ({}, "image_folder", "pillow"),
        ({"resampling": "torch"}, "mine:arrays", "torch"),
        ({"resampling": "pillow"}, "mine:files", "pillow"),
    ],
)
def test_library_that_resized_is_known(recorded, data, resampling):
    """Studies before 0.15 did not record it."""
    assert Preprocessing.of_study(IMAGES | recorded, data=data).resampling == resampling


@pytest.mark.parametrize("images", [IMAGES | {"mean": []}, IMAGES | {"std": []}, IMAGES | {"channels": 4}])
def test_nothing_is_claimed_of_images_that_are_not_described(images):
    assert Preprocessing.of_study(images, data="image_folder") is None


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"mean": [0.5]}, "3 channels need as many means"),
        ({"std": [0.2, 0.0, 0.25]}, "deviations over 0"),
        ({"mean": [0.5, 0.4, float("nan")]}, "means are finite"),
        ({"image_size": 0}, "size and divisor are at least 1"),
        ({"resampling": "opencv"}, "resampling of images is pillow or torch, got 'opencv'"),
    ],
)
def test_steps_that_cannot_be_are_refused(change, problem):
    with pytest.raises(InputError, match=problem):
        Preprocessing.of_study(IMAGES | change, data="image_folder")
