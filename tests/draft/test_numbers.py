"""The numbers of a first study fit the images, the time and the machine."""

import itertools

import pytest

from seplace.draft.numbers import choose
from seplace.errors import DataError, UnknownName
from tests.draft.toy import ToyClock, found

MANY = [
    (counts, side, hours, macs)
    for counts, side, (hours, macs) in itertools.product(
        [(2, 2), (7, 90), (100,) * 10, (1, 300), (3000, 2000), (5000,) * 10, (130,) * 365],
        [8, 28, 32, 64, 224, 500],
        [(0.05, 1e10), (4.0, 1e10), (24.0, 1e13)],
    )
]


def test_they_are_sane_for_any_folder() -> None:
    for counts, side, hours, macs in MANY:
        clock = ToyClock(macs_per_second=macs)
        numbers = choose(found(counts=counts, side=side), clock, backbone=None, hours=hours)
        recipe, split = numbers.recipe, numbers.split
        case = (counts[:2], len(counts), side, hours, macs)
        assert split.validation + split.of == sum(counts), case
        assert 1 <= split.train <= split.of, case
        assert recipe.batch_size <= split.train, case
        assert recipe.backbone.min_image_size <= recipe.image_size <= max(side, 32), case
        assert recipe.epochs > 1, case
        if min(counts) > 1:
            assert split.validation * min(counts) / sum(counts) >= 1, case  # each class is validated on
            assert split.validation <= sum(counts) / 2, case
        assert 16 <= numbers.trainings <= 80, case
        assert numbers.confirm_trainings == 9 * (numbers.confirm_seeds - 1), case
        assert numbers.estimated_hours <= 1.1 * hours or not numbers.is_enough, case
        assert len(clock.measured) <= 4, case


def test_a_faster_machine_takes_larger_networks_and_images() -> None:
    sides, epochs = [], []
    for macs in (1e10, 1e12, 1e15):
        numbers = choose(found(counts=(2000,) * 5, side=224), ToyClock(macs_per_second=macs), backbone=None, hours=4)
        sides.append(numbers.recipe.image_size)
        epochs.append(numbers.recipe.epochs)
    assert sides == sorted(sides)
    assert sides[0] < sides[-1] == 224
    assert numbers.recipe.backbone.text == "resnet18"
    assert epochs[-1] == 40


def test_a_slow_one_takes_fewer_images() -> None:
    numbers = choose(found(counts=(5000,) * 10), ToyClock(macs_per_second=1e9), backbone=None, hours=4)
    assert numbers.split.train < numbers.split.of
    assert numbers.recipe.backbone.text == "cifar_resnet8[width=0.5]"


def test_a_named_backbone_is_kept() -> None:
    numbers = choose(found(side=100), ToyClock(), backbone="mobilenet_v2", hours=4)
    assert (numbers.recipe.backbone.text, numbers.recipe.attachments) == ("mobilenet_v2", ("serial",))
    assert numbers.recipe.ratios == (4, 8)
    with pytest.raises(UnknownName, match="Did you mean 'resnet18'"):
        choose(found(), ToyClock(), backbone="resnet19", hours=4)


def test_the_sets_own_validation_split_is_used_beside_a_test_split() -> None:
    split = choose(found(validation=30, test=20), ToyClock(), backbone=None, hours=4).split
    assert (split.validation, split.is_held_out, split.train) == (60, False, 200)
    split = choose(found(validation=30), ToyClock(), backbone=None, hours=4).split
    assert split.is_held_out


def test_too_few_images_are_refused() -> None:
    with pytest.raises(DataError, match="a: 3 training images of 2 classes are too few"):
        choose(found(counts=(1, 2)), ToyClock(), backbone=None, hours=4)
