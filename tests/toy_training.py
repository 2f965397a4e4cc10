"""A training of a second: twelve steps of a small network on random images."""

import numpy as np
import torch
from torch import nn

from seplace.datasets.augmentation import Augmentation, Mixing, RandAugment, RandomResizedCrop
from seplace.datasets.image_set import Split
from seplace.datasets.loader import BatchLoader
from seplace.study.recipe import Recipe
from seplace.training.checkpoints import Checkpoint
from seplace.training.fit import train

CPU = torch.device("cpu")
EPOCHS, BATCHES = 4, 3
ADAMW = {"optimizer": "adamw", "momentum": None, "betas": (0.8, 0.99), "learning_rate": 0.01}


def recipe(**changes) -> Recipe:
    values = {
        "epochs": EPOCHS,
        "batch_size": 16,
        "learning_rate": 0.2,
        "momentum": 0.9,
        "weight_decay": 0.01,
        "schedule": "cosine",
    }
    return Recipe(**(values | changes))


def split(count: int = 16 * BATCHES, seed: int = 0) -> Split:
    random = np.random.default_rng(seed)
    return Split(random.integers(0, 256, (count, 1, 8, 8), dtype=np.uint8), random.integers(0, 5, count))


PADDED = Augmentation(crop_padding=1, flip=True, cutout=2)
MIXED = Augmentation(
    crop_padding=0,
    flip=True,
    cutout=2,
    random_resized_crop=RandomResizedCrop(),
    randaugment=RandAugment(layers=2, magnitude=9),
    mixup=Mixing(alpha=0.2, probability=0.5),
    cutmix=Mixing(alpha=1.0, probability=0.5),
)


def loader(
    split: Split, *, shuffle_seed: int | None, channels_last: bool = False, augmentation: Augmentation = PADDED
) -> BatchLoader:
    return BatchLoader(
        split,
        batch_size=16,
        mean=(0.5,),
        std=(0.25,),
        device=CPU,
        augmentation=None if shuffle_seed is None else augmentation,
        shuffle_seed=shuffle_seed,
        memory_format=torch.channels_last if channels_last else torch.contiguous_format,
        classes=5,
    )


def training_batches(**changes) -> BatchLoader:
    return loader(split(), shuffle_seed=3, **changes)


def validation(**changes) -> BatchLoader:
    return loader(split(40, seed=1), shuffle_seed=None, **changes)


def network() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1, bias=False),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(24, 5),
        )


def overflowing() -> nn.Module:
    """The network with such weights that its first gradients overflow in fp16."""
    net = network()
    with torch.no_grad():
        net[5].weight *= 30
    return net


def trained(
    recipe: Recipe,
    *,
    checkpoint: Checkpoint | None = None,
    on_epoch=lambda _: None,
    start=None,
    augmentation: Augmentation = PADDED,
):
    layout = {"channels_last": recipe.channels_last}
    return train(
        start or network(),
        recipe=recipe,
        batches=training_batches(**layout, augmentation=augmentation),
        validation=validation(**layout),
        device=CPU,
        checkpoint=checkpoint,
        on_epoch=on_epoch,
    )


def assert_equal(one: nn.Module, other: nn.Module, *, leave_out: str = " ") -> None:
    ours, theirs = one.state_dict(), other.state_dict()
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        if leave_out not in name:
            assert torch.equal(tensor, theirs[name]), name
