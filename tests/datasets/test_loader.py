from dataclasses import replace

import numpy as np
import pytest
import torch
from made_up import make_parquet

from seplace.datasets.augmentation import Augmentation, Mixing, RandAugment, RandomResizedCrop
from seplace.datasets.image_set import Split, load_image_set
from seplace.datasets.loader import BatchLoader
from seplace.errors import InputError

OFF = Augmentation(crop_padding=0, flip=False, cutout=0)
FULL = Augmentation(crop_padding=2, flip=True, cutout=3)
PARTS = Augmentation(
    crop_padding=0,
    flip=True,
    cutout=3,
    random_resized_crop=RandomResizedCrop(),
    randaugment=RandAugment(layers=2, magnitude=9),
)
MIXED = replace(PARTS, mixup=Mixing(alpha=0.4, probability=0.5), cutmix=Mixing(alpha=1.0, probability=0.5))
EACH = pytest.mark.parametrize("augmentation", [FULL, MIXED], ids=["padded crops", "mixed parts"])
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
FORMATS = [torch.contiguous_format, torch.channels_last]


def numbered(count: int = 50, height: int = 6, width: int = 8) -> Split:
    """Random images; the label is the image's own index."""
    images = np.random.default_rng(0).integers(0, 256, (count, 3, height, width), dtype=np.uint8)
    return Split(images, np.arange(count))


def loader(split: Split | None = None, **changes) -> BatchLoader:
    values = {
        "batch_size": 8,
        "mean": MEAN,
        "std": STD,
        "device": torch.device("cpu"),
        "augmentation": FULL,
        "shuffle_seed": 7,
        "memory_format": torch.contiguous_format,
        "classes": 50,
    }
    return BatchLoader(numbered() if split is None else split, **(values | changes))


def whole(batches: BatchLoader) -> tuple[torch.Tensor, torch.Tensor]:
    images, labels = zip(*batches, strict=True)
    return torch.cat(images), torch.cat(labels)


def normalized(images: np.ndarray) -> torch.Tensor:
    pixels = torch.from_numpy(images).double() / 255
    return ((pixels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]).float()


@pytest.mark.parametrize("memory_format", FORMATS)
def test_in_order_without_a_seed(memory_format):
    split = numbered()
    batches = loader(split, augmentation=None, shuffle_seed=None, memory_format=memory_format)
    assert [len(labels) for _, labels in batches] == [8] * 6 + [2]
    assert len(batches) == 7
    images, labels = whole(batches)
    assert images.dtype == torch.float32
    assert labels.dtype == torch.int64
    assert labels.tolist() == list(range(50))
    torch.testing.assert_close(images, normalized(split.images))
    for batch, _ in batches:
        assert batch.is_contiguous(memory_format=memory_format)


@pytest.mark.parametrize("memory_format", FORMATS)
def test_shuffled_without_augmentation(memory_format):
    split = numbered()
    batches = loader(split, augmentation=None, memory_format=memory_format)
    images, labels = whole(batches)
    assert len(batches) == 6
    assert len(labels) == len(set(labels.tolist())) == 48
    torch.testing.assert_close(images, normalized(split.images[labels]))


def test_each_image_once_where_batches_divide_the_set():
    _, labels = whole(loader(batch_size=10))
    assert sorted(labels.tolist()) == list(range(50))


@pytest.mark.parametrize("memory_format", FORMATS)
def test_every_crop_is_a_window_of_the_padded_image(memory_format):
    split = numbered()
    augmentation = Augmentation(crop_padding=2, flip=False, cutout=0)
    batches = loader(split, batch_size=10, augmentation=augmentation, memory_format=memory_format)
    gray = (np.array(MEAN) * 255).round().astype(np.uint8)
    padded = np.broadcast_to(gray[:, None, None], (50, 3, 10, 12)).copy()
    padded[:, :, 2:-2, 2:-2] = split.images
    offsets = set()
    for epoch in range(4):
        batches.set_epoch(epoch)
        for image, label in zip(*whole(batches), strict=True):
            found = [
                (top, left)
                for top in range(5)
                for left in range(5)
                if torch.allclose(image, normalized(padded[label, :, top : top + 6, left : left + 8]), atol=1e-5)
            ]
            assert len(found) == 1
            offsets.update(found)
    assert len(offsets) == 25


def test_padding_has_the_mean_color():
    black = Split(np.zeros((8, 3, 6, 8), dtype=np.uint8), np.arange(8))
    images, _ = whole(loader(black, augmentation=Augmentation(crop_padding=2, flip=False, cutout=0)))
    half_a_level = 0.5 / 255 / min(STD)
    outside = images.abs().amax(dim=1) <= half_a_level
    assert outside.any()
    assert (images.permute(1, 0, 2, 3)[:, ~outside] < -1.5).all()


@pytest.mark.parametrize("memory_format", FORMATS)
def test_half_of_the_images_are_mirrored(memory_format):
    split = numbered(400)
    batches = loader(split, augmentation=Augmentation(crop_padding=0, flip=True, cutout=0), memory_format=memory_format)
    images, labels = whole(batches)
    plain = normalized(split.images[labels])
    straight = torch.isclose(images, plain, atol=1e-5).all(dim=(1, 2, 3))
    mirrored = torch.isclose(images, plain.flip(3), atol=1e-5).all(dim=(1, 2, 3))
    assert (straight ^ mirrored).all()
    assert 150 < mirrored.sum() < 250


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize("side", [1, 2, 3, 20])
def test_cutout_clears_a_square(memory_format, side):
    split = numbered(48)
    batches = loader(
        split, augmentation=Augmentation(crop_padding=0, flip=False, cutout=side), memory_format=memory_format
    )
    images, labels = whole(batches)
    plain = normalized(split.images[labels])
    cleared = (images == 0).all(dim=1)
    torch.testing.assert_close(images, plain * ~cleared[:, None])
    for mask in cleared:
        rows, columns = mask.any(dim=1), mask.any(dim=0)
        assert (mask == rows[:, None] & columns).all()
        assert 1 <= rows.sum() <= min(side, 6)
        assert 1 <= columns.sum() <= min(side, 8)
    if side == 2:
        assert (cleared.sum(dim=(1, 2)) == 4).any()


@EACH
def test_layouts_hold_the_same_numbers(augmentation):
    first, last = (whole(loader(augmentation=augmentation, memory_format=memory_format)) for memory_format in FORMATS)
    assert torch.equal(first[0], last[0])
    assert torch.equal(first[1], last[1])


@EACH
def test_an_epoch_is_a_function_of_seed_and_number(augmentation):
    batches = loader(augmentation=augmentation)
    epochs = []
    for epoch in range(3):
        batches.set_epoch(epoch)
        epochs.append(whole(batches))
    batches.set_epoch(1)
    assert torch.equal(whole(batches)[0], epochs[1][0])
    resumed = loader(augmentation=augmentation)
    resumed.set_epoch(2)
    assert all(torch.equal(*pair) for pair in zip(whole(resumed), epochs[2], strict=True))
    assert not torch.equal(epochs[0][1], epochs[1][1])
    assert not torch.equal(whole(loader(augmentation=augmentation, shuffle_seed=8))[1], epochs[0][1])


def test_an_image_is_the_same_in_batches_of_any_size():
    by_size = [
        dict(zip(labels.tolist(), images, strict=True))
        for images, labels in (whole(loader(augmentation=PARTS, batch_size=size)) for size in (5, 8))
    ]
    assert all(torch.equal(image, by_size[0][label]) for label, image in by_size[1].items())


def test_parts_are_those_of_their_boxes_and_keep_the_order():
    alone = replace(OFF, random_resized_crop=RandomResizedCrop(scale=(0.2, 0.5)))
    whole_images, labels = whole(loader(augmentation=OFF))
    parts, same_labels = whole(loader(augmentation=alone))
    assert torch.equal(labels, same_labels)
    assert not torch.isclose(parts, whole_images).flatten(1).all(dim=1).any()
    lowest, highest = whole_images.amin(dim=(2, 3)), whole_images.amax(dim=(2, 3))
    assert (parts.amin(dim=(2, 3)) >= lowest - 1e-5).all()
    assert (parts.amax(dim=(2, 3)) <= highest + 1e-5).all()


def test_mixed_batches_have_labels_in_shares():
    images, labels = whole(loader(augmentation=replace(OFF, mixup=Mixing(alpha=1.0))))
    plain, classes = whole(loader(augmentation=OFF))
    assert labels.shape == (48, 50)
    by_class = torch.zeros(50, *plain.shape[1:]).index_copy(0, classes, plain)
    torch.testing.assert_close(images, torch.einsum("bk,kchw->bchw", labels, by_class), rtol=1e-4, atol=1e-5)


@EACH
def test_global_random_state_plays_no_part_and_is_left_alone(augmentation):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = whole(loader(augmentation=augmentation))[0]
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    assert torch.equal(whole(loader(augmentation=augmentation))[0], first)


def test_order_and_crops_do_not_depend_on_the_rest_of_the_recipe():
    both = whole(loader())
    alone = whole(loader(augmentation=Augmentation(crop_padding=2, flip=True, cutout=0)))
    assert torch.equal(both[1], alone[1])
    kept = (both[0] != 0).all(dim=1, keepdim=True).expand_as(both[0])
    assert torch.equal(both[0][kept], alone[0][kept])


def test_on_demand_equals_in_memory(tmp_path):
    make_parquet(tmp_path)
    values = {"image_size": None, "train_images": None, "validation_images": 6, "noise": 0.1, "seed": 1}
    memory, demand = (
        load_image_set("image_parquet", root=tmp_path, memory_limit=limit, **values) for limit in (2**30, 100)
    )
    for memory_format in FORMATS:
        for part, changes in (("train", {}), ("validation", {"augmentation": None, "shuffle_seed": None})):
            first, second = (
                whole(loader(getattr(images, part), memory_format=memory_format, **changes))
                for images in (memory, demand)
            )
            assert torch.equal(first[0], second[0])
            assert torch.equal(first[1], second[1])


def test_an_empty_split():
    empty = Split(np.empty((0, 3, 6, 8), dtype=np.uint8), np.empty(0, dtype=np.int64))
    batches = loader(empty, augmentation=None, shuffle_seed=None)
    assert len(batches) == len(list(batches)) == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 51}, "batch size 51 is larger than the set of 50 images"),
        ({"batch_size": 0}, "at least 1"),
        ({"shuffle_seed": None}, "augmentation needs a shuffle_seed"),
        ({"mean": (0.5,)}, "3 channels"),
        ({"augmentation": MIXED, "classes": None}, "need the number of classes"),
        ({"memory_format": torch.preserve_format}, "memory format"),
    ],
)
def test_bad_arguments(changes, message):
    with pytest.raises(InputError, match=message):
        loader(**changes)
    with pytest.raises(InputError, match="crop_padding is at least 0"):
        Augmentation(crop_padding=-1, flip=False, cutout=0)
    with pytest.raises(InputError, match="either with crop_padding or by random_resized_crop"):
        replace(PARTS, crop_padding=2)
    with pytest.raises(InputError, match="add up to at most 1"):
        replace(MIXED, mixup=Mixing(alpha=1.0, probability=0.6))
