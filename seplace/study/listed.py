"""The placements that a study lists: an ablation table, by the names of its parts."""

from __future__ import annotations

from seplace.placement import Placement, StageChoice
from seplace.space import SearchSpace


def listed_placement(text: str, space: SearchSpace) -> Placement:
    """Read a placement of a list; the text of a single choice stands for all stages.

    Raises InvalidPlacement where it cannot be read, or is not in the space.
    """
    stages, at, variant = text.partition("@")
    if "-" in stages:
        placement = Placement.parse(text)
    else:
        units = len(space.backbone.units)
        placement = Placement.parse(f"{Placement.uniform(StageChoice.parse(stages), units)}{at}{variant}")
    space.indices(placement)
    return placement


def first_of_each(parts: dict[str, tuple[Placement, ...]]) -> tuple[Placement, ...]:
    """Return the placements of all parts, each once, in order."""
    return tuple(dict.fromkeys(placement for part in parts.values() for placement in part))
