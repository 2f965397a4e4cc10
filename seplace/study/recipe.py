"""How networks are trained: the section `training` of a study."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from seplace.datasets.augmentation import Mixing, RandAugment, RandomResizedCrop
from seplace.files.schema import NotNegative, Pixels, Positive, Section

Share = Annotated[float, Field(ge=0, lt=1)]


def cosine_factor(step: int, *, warmup: int, total: int) -> float:
    """Return the share of the peak learning rate that a step has, counted from 0: a linear warm-up, then a cosine."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


class Recipe(Section):
    """How networks are trained: an optimizer and a schedule by the step; what is off by default adds nothing."""

    epochs: Annotated[int, Field(ge=1, le=1_000_000)]
    """The number of passes over the training images."""
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)]
    """The number of images of a step."""
    accumulate: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """The parts of a batch that pass one after the other, gradients summed: less memory, batch norm over each part."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """`sgd` with momentum, or `adamw` (Loshchilov and Hutter, arXiv:1711.05101)."""
    learning_rate: Positive
    """The peak of the schedule."""
    momentum: Share | None = None
    """The momentum of SGD, which needs it; 0 is plain SGD."""
    betas: tuple[Share, Share] = (0.9, 0.999)
    """The decays of AdamW's averages of the gradient and of its square."""
    weight_decay: NotNegative
    """The weight decay of matrices and kernels; biases and the weights of norms have none."""
    gradient_clip_norm: Positive | None = None
    """The largest norm of the gradient of all parameters together, a longer one is shortened; by default off."""
    schedule: Literal["cosine", "one_cycle"]
    """How the learning rate falls after the warm-up: along a cosine, or linearly as in the one-cycle policy."""
    nesterov: bool = False
    """Whether the momentum is Nesterov's."""
    warmup_epochs: NotNegative = 0.0
    """The epochs in which the learning rate rises to its peak; a fraction is allowed."""
    label_smoothing: Share = 0.0
    """The share of the label that is spread over all classes."""
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    """The decay by the step of averaged weights, which are evaluated instead of the last ones; by default off."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """`bf16` trains under autocast, and so does `fp16`, on GPUs alone and with a loss that is scaled as it needs."""
    channels_last: bool = False
    """Whether images and weights lie in memory with their channels last, which is often faster."""
    compile: bool = False
    """Whether networks are compiled with `torch.compile`."""
    freeze: Literal["nothing", "backbone"] = "nothing"
    """`backbone` trains the inserted modules alone: for networks that come with trained weights."""
    crop_padding: Pixels = 0
    """The pixels that are padded on each side before a random crop; 0 crops nothing."""
    flip: bool = False
    """Whether images are flipped left to right at random."""
    cutout: Pixels = 0
    """The side in pixels of the square that is cut out of each image; 0 cuts nothing."""
    random_resized_crop: RandomResizedCrop | None = None
    """A random part of each image, resized, in place of the crop of a padded one; `{}` takes its defaults."""
    randaugment: RandAugment | None = None
    """Operations drawn at random for each image; by default off."""
    mixup: Mixing | None = None
    """Each image is a weighted mean of two, and its label too (Zhang et al., arXiv:1710.09412); by default off."""
    cutmix: Mixing | None = None
    """A box of each image comes from another one, and its share of the label (Yun et al., arXiv:1905.04899); by
    default off."""

    def learning_rate_at(self, epoch: int, *, steps_per_epoch: int) -> float | None:
        """Return the learning rate of the last step of an epoch, counted from 1; None for `one_cycle`."""
        if self.schedule != "cosine":
            return None
        warmup, total = round(self.warmup_epochs * steps_per_epoch), self.epochs * steps_per_epoch
        return self.learning_rate * cosine_factor(epoch * steps_per_epoch - 1, warmup=warmup, total=total)

    def with_epochs(self, epochs: int) -> Recipe:
        """Return the recipe with another length."""
        return self.model_copy(update={"epochs": epochs})

    @property
    def check_epochs(self) -> tuple[int, ...]:
        """The epochs after which the validation split is scored: at one and two thirds, and the last."""
        return tuple(sorted({math.ceil(self.epochs * third / 3) for third in (1, 2, 3)}))
