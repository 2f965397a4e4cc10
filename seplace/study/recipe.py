"""How networks are trained: the `training` block of a study."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from seplace.files.schema import Block, NotNegative, Pixels, Positive

Share = Annotated[float, Field(ge=0, lt=1)]


class Recipe(Block):
    """SGD with momentum, a schedule a step, and the usual regularisers; what is off by default adds nothing."""

    epochs: Annotated[int, Field(ge=1, le=1_000_000)]
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)]
    learning_rate: Positive
    """The peak of the schedule."""
    momentum: Share
    weight_decay: NotNegative
    schedule: Literal["cosine", "one_cycle"]
    nesterov: bool = False
    warmup_epochs: NotNegative = 0.0
    label_smoothing: Share = 0.0
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Decay per step of the averaged weights; None evaluates the weights themselves."""
    precision: Literal["fp32", "bf16"] = "fp32"
    channels_last: bool = False
    compile: bool = False
    freeze: Literal["nothing", "backbone"] = "nothing"
    """`backbone` trains the inserted modules alone: for networks that come with trained weights."""
    crop_padding: Pixels = 0
    """Pixels that are padded before a random crop."""
    flip: bool = False
    cutout: Pixels = 0
    """Side in pixels of the square that is cut out; 0 cuts nothing."""

    @property
    def check_epochs(self) -> tuple[int, ...]:
        """The epochs after which the validation split is scored: at one and two thirds, and the last."""
        return tuple(sorted({math.ceil(self.epochs * third / 3) for third in (1, 2, 3)}))
