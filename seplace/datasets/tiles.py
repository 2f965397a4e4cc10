"""Two generated data sets in which it is known by construction where channel attention pays: controls of a search.

Their images are the same: 32x32 pixels, gray with a little noise. At the left edge stand two marks one above the other,
a light and a dark one. At the right edge stand two tiles one above the other, an orange and a blue one; on them lie
stripes, along rows on one and along columns on the other. The colors say `first` where orange is above, the stripes
where rows are above, else they say `second`. Half of the images show all of this, and their class is what either the
colors or the stripes say. A quarter show the colors or the stripes alone, a quarter the marks alone, and are named by
what is above: these teach a network to tell orders apart before it can use a gate.

- `switched_tiles`: the marks decide, for the colors where light is above, else for the stripes. They stand so far from
  the tiles that no position of the last map of a ResNet-8 (receptive field 25) sees a pixel of both. Its logits, linear
  in a mean over positions, are then a sum of what the marks say and what the tiles say, and such a sum cannot choose:
  where colors and stripes disagree, in a quarter of the images, it is at best right three times out of four, and at
  the least cross-entropy once in two, which is 87.5 % in all. A gate that sees the order of the marks can scale the
  channels of colors and of stripes everywhere, or one that sees what the tiles say those of the marks: 100 %. Only in
  the last stage does a mean over positions show an order: the maps whose means the gates of stages 1 and 2 see have
  receptive fields of 5 and 9 rows, and what stands above begins 9 rows from what stands below. This holds for gates
  that pool by means and act on channels, as SE and ECA; the maximum and the spatial gate (7x7) of CBAM see further.
- `plain_tiles`: the colors decide whatever the marks show, but for a fifth of the images, where the stripes do and
  nothing shows it. Local filters and a mean reach the best accuracy that there is, 95 %.

Only integers are drawn, so that the pixels are the same on every platform.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seplace.datasets.raw_set import ArrayImages, RawSet
from seplace.errors import InputError

SIDE = 32
TOPS = (8, 20)
"""The first rows of the upper and the lower mark or tile. A window of 9 rows sees at most one of them, and no edge."""
HEIGHT, MARK_WIDTH, TILE_WIDTH = 4, 5, 3
CLASSES = (
    "first",
    "second",
    "orange above",
    "blue above",
    "rows above",
    "columns above",
    "light above",
    "dark above",
)

TRAINING_ROUNDS, TEST_ROUNDS = 150, 50
_GRAY, _NOISE, _MARK_CONTRAST, _TILE_CONTRAST = 128, 10, 100, 55
_HIDDEN_SWITCH = 5
"""In one of this many rounds the stripes determine the class in `plain_tiles`."""

# A round is 16 images, one of each of these: has colors, stripes, marks; which color, stripes and mark are above.
_BOTH = [(1, 1, 1, color, stripes, mark) for color in (0, 1) for stripes in (0, 1) for mark in (0, 1)]
_ONE = [(1 - kind, kind, 0, above, above, 0) for kind in (0, 1) for above in (0, 1)]
_MARKS = [(0, 0, 1, 0, 0, mark) for mark in (0, 1)] * 2
_ROUND = np.array(_BOTH + _ONE + _MARKS, dtype=np.int64)

_ORANGE = np.array([1, 0, -1], dtype=np.int16)[:, None, None]
"""Adding it gives orange, subtracting it blue; the mean of the channels stays."""
_row, _column = np.mgrid[:HEIGHT, :TILE_WIDTH].astype(np.int16)
_STRIPES = (1 - 2 * (_row % 2), 1 - 2 * (_column % 2))


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Images and their content."""

    pixels: NDArray[np.uint8]
    """(N, 3, H, W)."""
    shown: NDArray[np.int64]
    """(N, 6), rows of `_ROUND`."""
    numbers: NDArray[np.int64]
    """(N,), the round of each image, which its pixels do not show."""


_DECIDES: dict[str, Callable[[_Drawn], NDArray[np.int64]]] = {
    "switched_tiles": lambda drawn: drawn.shown[:, 5],
    "plain_tiles": lambda drawn: (drawn.numbers % _HIDDEN_SWITCH == 0).astype(np.int64),
}
"""Which images have the class that the colors say, by the name of the data set: 0, or what the stripes say: 1."""


def draw_tiles(name: str, *, rounds: int, seed: int) -> ArrayImages:
    """Draw fresh images of `switched_tiles` or `plain_tiles`, 16 a round, without order."""
    drawn = _draw(rounds, seed)
    return ArrayImages(drawn.pixels, _labels(drawn.shown, _DECIDES[name](drawn)))


def switched_tiles(root: Path | None) -> RawSet:
    """Generate the positive control, 2,400 training and 800 test images; raises InputError where a root is given."""
    return _generate("switched_tiles", root)


def plain_tiles(root: Path | None) -> RawSet:
    """Generate the negative control: the same images with other labels; raises InputError where a root is given."""
    return _generate("plain_tiles", root)


def _generate(name: str, root: Path | None) -> RawSet:
    if root is not None:
        raise InputError(f"data set {name}: it is generated and takes no root (got {root})")
    return RawSet(
        classes=CLASSES,
        train=draw_tiles(name, rounds=TRAINING_ROUNDS, seed=0),
        test=partial(draw_tiles, name, rounds=TEST_ROUNDS, seed=1),
    )


def _draw(rounds: int, seed: int) -> _Drawn:
    random = np.random.default_rng(seed)
    numbers, kinds = np.divmod(random.permutation(rounds * len(_ROUND)), len(_ROUND))
    shown = _ROUND[kinds]
    pixels = random.integers(-_NOISE, _NOISE, (len(shown), 3, SIDE, SIDE), dtype=np.int16, endpoint=True)
    pixels += _GRAY
    pixels += np.stack([_painted(row) for row in _ROUND.tolist()])[kinds]
    return _Drawn(pixels.astype(np.uint8), shown, numbers)


def _painted(row: list[int]) -> NDArray[np.int16]:
    """Return what a row of `_ROUND` adds to a gray image, (3, H, W)."""
    has_colors, has_stripes, has_marks, *above = row
    image = np.zeros((3, SIDE, SIDE), dtype=np.int16)
    for place, top in enumerate(TOPS):
        color, stripes, mark = (which ^ place for which in above)
        tile = image[:, top : top + HEIGHT, -TILE_WIDTH:]
        tile += has_colors * (1 - 2 * color) * _TILE_CONTRAST * _ORANGE
        tile += has_stripes * _TILE_CONTRAST * _STRIPES[stripes]
        image[:, top : top + HEIGHT, :MARK_WIDTH] += has_marks * (1 - 2 * mark) * _MARK_CONTRAST
    return image


def _labels(shown: NDArray[np.int64], decides: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return indices into CLASSES (N,): `first` or `second` by colors or stripes, or what is shown alone."""
    has, above = shown[:, :3], shown[:, 3:]
    images, alone = np.arange(len(shown)), has.argmax(axis=1)
    named = CLASSES.index("orange above") + 2 * alone + above[images, alone]
    return np.where(has.all(axis=1), above[images, decides], named)
