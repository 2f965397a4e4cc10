"""The placements that a study lists: an ablation table, by the names of its parts."""

from __future__ import annotations

from seplace.placement import Placement, StageChoice
from seplace.space import SearchSpace


def expanded(text: str, space: SearchSpace) -> Placement:
    """Read a placement, or one choice that stands for all stages of a space; InvalidPlacement for anything else."""
    stages, at, variant = text.partition("@")
    if "-" in stages:
        return Placement.parse(text)
    units = len(space.backbone.units)
    return Placement.parse(f"{Placement.uniform(StageChoice.parse(stages), units)}{at}{variant}")


def listed_placement(text: str, space: SearchSpace) -> Placement:
    """Read a placement of a list, as `expanded`; raises InvalidPlacement where it is not in the space."""
    placement = expanded(text, space)
    space.indices(placement)
    return placement


def first_of_each(parts: dict[str, tuple[Placement, ...]]) -> tuple[Placement, ...]:
    """Return the placements of all parts, each once, in order."""
    return tuple(dict.fromkeys(placement for part in parts.values() for placement in part))
