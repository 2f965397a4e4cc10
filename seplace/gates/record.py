"""The values of gates over images as a plain record, and its tables. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seplace.gates.classes import ClassShare, class_share

if TYPE_CHECKING:
    import pandas as pd

TOLERANCE = 0.01
"""Gates that are nearer than this, as a share of their range, count as equal."""
STATES = ("at_start", "closed", "open", "constant", "live")
"""The states of a channel's gate: a channel has the first that holds.

`at_start`: where a fresh module starts. `closed`: zero. `open`: at the upper bound of the gate. `constant`: one value
for all images and positions. `live`: it varies.
"""


@dataclass(frozen=True, eq=False, kw_only=True)
class GateValues:
    """The values of a gate, or of one part of it, over images."""

    stage: int
    """The number of the choice in the placement, from 1."""
    block: int
    """The number of the block in its stage, from 1."""
    site: str
    """The path of the block in the network."""
    module: str
    """The choice, such as `cbam16.parallel`."""
    part: str
    """`channel` or `spatial` of a module with two gates; otherwise empty."""
    values: NDArray[np.float32] = field(repr=False)
    """The gate of each image and channel, (N, C); the mean over positions where the gate has positions."""
    least: NDArray[np.float32] = field(repr=False)
    """The least value of each channel over images and positions, (C,)."""
    most: NDArray[np.float32] = field(repr=False)
    """The greatest value, (C,)."""
    positions_sd: float
    """The standard deviation over the positions of a map, root mean square over images and channels; 0 without."""
    maps: NDArray[np.float32] | None = field(repr=False)
    """The gate of each example image, the mean over channels, (M, H, W); None for a gate without positions."""
    start: float
    """The gate that a fresh module gives a map of zeros."""
    bounds: tuple[float, float] | None
    """The least and the greatest value that the gate can take; None where there is no upper bound, or none is known."""

    @cached_property
    def states(self) -> NDArray[np.str_]:
        """The state of each channel, one of STATES, (C,)."""
        low, high = self.bounds or (0.0, 1.0)
        near = TOLERANCE * (high - low)
        holds = [
            (np.abs(self.least - self.start) < near) & (np.abs(self.most - self.start) < near),
            (np.abs(self.least) < near) & (np.abs(self.most) < near),
            (self.least > high - near) & (self.bounds is not None),
            self.most - self.least < near,
        ]
        return np.select(holds, STATES[:-1], STATES[-1])

    def percent(self, *states: str) -> float:
        """Return the share of the channels that are in any of some states, in percent."""
        return 100 * float(np.isin(self.states, states).mean())


@dataclass(frozen=True, eq=False, kw_only=True)
class GateRecord:
    """The gates of a network over images."""

    backbone: str
    placement: str
    noun: str
    """The part of the network that has one choice: `stage` or `block`."""
    images: str
    """The images in words, such as `600 validation images`."""
    classes: tuple[str, ...]
    """The names of the classes; empty where the classes of the images are not known."""
    labels: NDArray[np.int64] = field(repr=False)
    """The class of each image, (N,)."""
    gates: tuple[GateValues, ...]
    """In the order of the network."""
    others: tuple[str, ...]
    """A sentence on each choice whose module is not a gate."""
    examples: NDArray[np.uint8] = field(repr=False)
    """The pixels of the example images, (M, C, H, W)."""
    example_classes: tuple[str, ...]
    """The names of their classes."""

    @cached_property
    def class_shares(self) -> tuple[ClassShare, ...]:
        """For each gate the share of its variation over images that is between classes."""
        return tuple(class_share([gate.values], self.labels) for gate in self.gates)

    @cached_property
    def sites(self) -> pd.DataFrame:
        """One row for each gate: its distribution over images and channels, and the shares of channels by state.

        `mean`, `lower` and `upper` (the 5 % and 95 % quantiles) are over images and channels. `channels_sd` is between
        the means of channels, `images_sd` between images of a channel, `positions_sd` between positions of a map.
        `class_share` is the share of the variance between images that is between classes, in percent, corrected for
        chance; `class_p` is the probability of as much where classes play no part (by permutation). `live`, `closed`,
        `constant`, `open` and `at_start` are percentages of channels.
        """
        import pandas as pd

        rows = []
        for gate, share in zip(self.gates, self.class_shares, strict=True):
            lower, upper = np.quantile(gate.values, [0.05, 0.95])
            rows.append(
                {
                    "stage": gate.stage,
                    "block": gate.block,
                    "site": gate.site,
                    "module": gate.module,
                    "part": gate.part,
                    "channels": gate.values.shape[1],
                    "images": len(gate.values),
                    "mean": float(gate.values.mean(dtype=np.float64)),
                    "lower": float(lower),
                    "upper": float(upper),
                    "channels_sd": float(gate.values.mean(0, dtype=np.float64).std()),
                    "images_sd": float(np.sqrt(gate.values.var(0, dtype=np.float64).mean())),
                    "positions_sd": gate.positions_sd,
                    "class_share": share.percent,
                    "class_p": share.p_value,
                    **{state: gate.percent(state) for state in reversed(STATES)},
                }
            )
        return pd.DataFrame(rows)

    @cached_property
    def channels(self) -> pd.DataFrame:
        """One row for each gate, channel and class, and for all classes (`class` is empty): mean and sd over images."""
        import pandas as pd

        parts = []
        groups = [("", np.ones(len(self.labels), dtype=bool))]
        groups += [(name, self.labels == number) for number, name in enumerate(self.classes)]
        for gate in self.gates:
            for name, is_in in groups:
                if not is_in.any():
                    continue
                values = gate.values[is_in].astype(np.float64)
                count = values.shape[1]
                parts.append(
                    pd.DataFrame(
                        {
                            "stage": gate.stage,
                            "block": gate.block,
                            "site": gate.site,
                            "module": gate.module,
                            "part": gate.part,
                            "class": name,
                            "channel": np.arange(count),
                            "images": len(values),
                            "mean": values.mean(0),
                            "sd": values.std(0),
                            "state": gate.states,
                        }
                    )
                )
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
