"""The placements that anyone would try by hand; every study trains them, so that its front can be judged by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from seplace.placement import Placement, StageChoice

if TYPE_CHECKING:
    from seplace.backbones.backbone import Backbone

_RATIO = 16


def yardsticks(backbone: Backbone, *, variants: Sequence[Backbone] = ()) -> dict[str, Placement]:
    """Return the yardsticks by name: none; SE, CBAM and ECA in all stages, and each in the last stage only.

    None too on the other backbones of a space: a wider network is what attention has to beat at equal FLOPs. The
    ratio is 16, or the number of channels in a stage that has fewer: 16 would leave that gate no hidden unit.
    """
    units, last = backbone.units, backbone.units_of_last_stage
    plain = Placement.uniform(StageChoice(), len(units))
    named = {"none": plain}
    for label, module, has_ratio in (("SE", "se", True), ("CBAM", "cbam", True), ("ECA", "eca", False)):
        choices = tuple(
            StageChoice(module, min(_RATIO, unit.widths["serial"]) if has_ratio else None) for unit in units
        )
        named[f"{label} everywhere"] = Placement(choices)
        named[f"{label} in the last stage"] = Placement((*plain.choices[:-last], *choices[-last:]))
    for variant in variants:
        named[f"none on {variant.text}"] = Placement.uniform(StageChoice(), len(units), variant=variant.text)
    return named
