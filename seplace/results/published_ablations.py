"""Ablations that papers published, beside which `seplace ablation` prints a study's own. They are never our results.

All are of ResNet-50 on ImageNet, one training each, evaluated on the center crop. Sources: Hu et al., 2020,
arXiv:1709.01507, tables 10 to 16; Woo et al., 2018, arXiv:1807.06521, tables 1 to 3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from seplace.placement import Placement, StageChoice

Errors = tuple[float, float]
"""Top-1 and top-5 error in percent."""

_SE_PLAIN, _CBAM_PLAIN = (23.30, 6.55), (24.56, 7.50)
_RATIO = re.compile(r"(?<=[a-z\]])\d+")


@dataclass(frozen=True, kw_only=True)
class PublishedAblation:
    """A table of a paper: the errors of ResNet-50 with each of its variants."""

    table: str
    errors: Mapping[str, Errors]
    """By the variant: the text of the choice in all stages, with a ratio where the table is about ratios; `1`, `2`, …
    for one in that stage alone, and `all`, where it is about stages."""
    plain: Errors
    has_ratios: bool = False
    has_stages: bool = False

    def of(self, placement: Placement) -> Errors | None:
        """Return the errors of the variant that a placement has on another network; None if none was published."""
        if placement.is_plain:
            return self.plain
        return self.errors.get(self._variant(placement))

    def gain(self, placement: Placement) -> float | None:
        """Return how much lower the top-1 error of its variant is than that of the plain network, in points."""
        errors = self.of(placement)
        return None if errors is None else round(self.plain[0] - errors[0], 2)

    def _variant(self, placement: Placement) -> str:
        placed = {number: choice for number, choice in enumerate(placement.choices, 1) if choice != StageChoice()}
        choices = set(placed.values())
        if len(choices) > 1:
            return ""
        is_everywhere = len(placed) == len(placement)
        if self.has_stages:
            is_se = re.fullmatch(r"se\d+", str(next(iter(choices)))) is not None
            return ("all" if is_everywhere else str(next(iter(placed)))) * (
                is_se and len(placed) in (1, len(placement))
            )
        text = str(next(iter(choices)))
        return (text if self.has_ratios else _RATIO.sub("", text, count=1)) * is_everywhere


PUBLISHED: Mapping[str, PublishedAblation] = {
    "reduction ratio": PublishedAblation(
        table="SE paper, table 10",
        errors={
            "se2": (22.29, 6.00),
            "se4": (22.25, 6.09),
            "se8": (22.26, 5.99),
            "se16": (22.28, 6.03),
            "se32": (22.72, 6.20),
        },
        plain=_SE_PLAIN,
        has_ratios=True,
    ),
    "squeeze": PublishedAblation(
        table="SE paper, tables 11 and 16",
        errors={"se[squeeze=max]": (22.57, 6.09), "se": (22.28, 6.03), "se[squeeze=none]": (22.93, 6.39)},
        plain=_SE_PLAIN,
    ),
    "excitation": PublishedAblation(
        table="SE paper, table 12",
        errors={"se[excitation=relu]": (23.47, 6.98), "se[excitation=tanh]": (23.00, 6.38), "se": (22.28, 6.03)},
        plain=_SE_PLAIN,
    ),
    "stage": PublishedAblation(
        table="SE paper, table 13",
        # The paper counts the stem as stage 1; it did not report its stage 5 alone.
        errors={"1": (23.03, 6.48), "2": (23.04, 6.32), "3": (22.68, 6.22), "all": (22.28, 6.03)},
        plain=_SE_PLAIN,
        has_stages=True,
    ),
    "integration": PublishedAblation(
        table="SE paper, tables 14 and 15",
        errors={
            "se": (22.28, 6.03),
            "se.pre": (22.23, 6.00),
            "se.post": (22.78, 6.35),
            "se.parallel": (22.20, 6.15),
            "se.inner": (22.48, 6.02),
        },
        plain=_SE_PLAIN,
    ),
    "pools": PublishedAblation(
        table="CBAM paper, table 1",
        errors={
            "cbam[pools=avg,spatial=no]": (23.14, 6.70),
            "cbam[pools=max,spatial=no]": (23.20, 6.83),
            "cbam[spatial=no]": (22.80, 6.52),
        },
        plain=_CBAM_PLAIN,
    ),
    "kernel": PublishedAblation(
        table="CBAM paper, table 2",
        errors={"cbam[kernel=3]": (22.68, 6.41), "cbam": (22.66, 6.31)},
        plain=_CBAM_PLAIN,
    ),
    "order": PublishedAblation(
        table="CBAM paper, table 3",
        errors={
            "cbam": (22.66, 6.31),
            "cbam[order=spatial_channel]": (22.78, 6.42),
            "cbam[order=parallel]": (22.95, 6.59),
        },
        plain=_CBAM_PLAIN,
    ),
}
"""By the title that a list of placements has in a study."""

NETWORK = "ResNet-50 on ImageNet"
"""The network and the data of all of them."""
