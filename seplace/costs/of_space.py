"""The counted costs of a search space, from its untrained networks alone."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from seplace.costs.table import CostTable
from seplace.errors import InputError
from seplace.models import build, holds_own_code, insert
from seplace.placement import Placement, StageChoice
from seplace.user_code import user_errors_if

if TYPE_CHECKING:
    from seplace.space import SearchSpace


def count_space(
    space: SearchSpace,
    names: Sequence[str],
    *,
    image_size: int | None = None,
    num_classes: int | None = None,
    in_channels: int = 3,
) -> CostTable:
    """Count some costs of every candidate of a space, on one blank image (1, in_channels, image_size, image_size).

    Image size and number of classes are by default those that are customary for the backbone. Raises InputError for
    images that are too small, and UncountedOperator where FLOPs are wanted and an operator has no FLOP count.
    """
    import torch

    size = image_size or space.backbone.image_size
    least = max(backbone.min_image_size for backbone in space.backbones.values())
    if size < least:
        raise InputError(f"image_size: space {space.name} needs at least {least} pixels (got {size})")
    tables = {}
    for variant, backbone in space.backbones.items():
        plain = Placement.uniform(StageChoice(), len(backbone.units))
        tried = [Placement.uniform(choice, 1) for listed in space.choices for choice in listed]
        with user_errors_if(
            any(holds_own_code(backbone, each) for each in tried), f"the costs of {space.name} cannot be counted"
        ):
            network = build(
                backbone,
                plain,
                gate=space.gate,
                num_classes=num_classes or backbone.num_classes,
                in_channels=in_channels,
                seed=0,
            )
            tables[variant] = CostTable.count(
                network,
                backbone.units,
                functools.partial(insert, gate=space.gate),
                torch.zeros(1, in_channels, size, size),
                space.choices,
                names=names,
            )
    return replace(tables.pop(""), variants=tables)
