"""The placements that anyone would try by hand. Every study trains them, and compares its front with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from seplace.attention import ATTENTION
from seplace.placement import Placement, StageChoice

if TYPE_CHECKING:
    from seplace.backbones.backbone import Backbone

_RATIO = 16


def own_baselines(stages: Sequence[Sequence[StageChoice]], *, last: int) -> dict[str, Placement]:
    """Return baselines of the user's own modules by name: each module in all stages, and in the last stage only.

    Each is a candidate of the space: a stage that does not list the module gets `none`. Where `none` is not listed
    either, the baseline is left out. `last` is the number of units of the last stage.
    """
    modules = dict.fromkeys(choice.name for listed in stages for choice in listed if ATTENTION.is_external(choice.name))
    named: dict[str, Placement] = {}
    for module in modules:
        everywhere = [_own_choice(listed, module) for listed in stages]
        last_only = [*(_own_choice(listed, "") for listed in stages[:-last]), *everywhere[-last:]]
        for label, chosen in (("everywhere", everywhere), ("in the last stage", last_only)):
            placement = Placement(tuple(choice for choice in chosen if choice is not None))
            if len(placement) == len(stages) and not placement.is_plain and placement not in named.values():
                named[f"{module} {label}"] = placement
    return named


def _own_choice(listed: Sequence[StageChoice], module: str) -> StageChoice | None:
    """Return a module's choice in a stage, serial and with a ratio near 16 if possible; else `none` if listed."""
    own = [choice for choice in listed if choice.name == module]
    if own:
        return min(own, key=lambda choice: (choice.attachment != "serial", abs((choice.ratio or _RATIO) - _RATIO)))
    return next((choice for choice in listed if choice.name == "none"), None)


def baselines(backbone: Backbone, *, variants: Sequence[Backbone] = ()) -> dict[str, Placement]:
    """Return the baselines by name: plain; SE, CBAM and ECA in all stages, and each in the last stage only.

    The other backbones of a space are baselines without attention: a wider network is what attention has to beat at
    equal FLOPs. The ratio is 16, or the number of channels in a stage that has fewer, where 16 would leave the gate no
    hidden unit.
    """
    units, last = backbone.units, backbone.units_of_last_stage
    plain = Placement.uniform(StageChoice(), len(units))
    named = {"plain": plain}
    for label, module, has_ratio in (("SE", "se", True), ("CBAM", "cbam", True), ("ECA", "eca", False)):
        choices = tuple(
            StageChoice(module, min(_RATIO, unit.widths["serial"]) if has_ratio else None) for unit in units
        )
        named[f"{label} everywhere"] = Placement(choices)
        named[f"{label} in the last stage"] = Placement((*plain.choices[:-last], *choices[-last:]))
    for variant in variants:
        named[f"plain on {variant.text}"] = Placement.uniform(StageChoice(), len(units), variant=variant.text)
    return named
