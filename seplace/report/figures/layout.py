"""Where labels stand in a figure: beside their points, on no other label, and inside of the axes. NumPy only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]
"""Boxes (n, 4): left, bottom, right, top, in points."""

_GAPS = (2.0, 4.0, 7.0, 11.0, 16.0, 22.0, 30.0, 40.0, 55.0, 75.0)
"""The distances between a point and its label that are tried; beyond them the nearest free place is taken."""
_ANGLES = np.deg2rad([135, 90, 45, 180, 0, 112.5, 67.5, 157.5, 22.5, 225, 315, 270, 202.5, 337.5, 247.5, 292.5])
"""The directions from a point that are tried: above and to the left no other placement can be."""
_ROOM = 1.0
"""Between two labels, in points."""
_HIDES_MARKER, _HIDES_LINE = 60.0, 6.0
"""What it costs that a label hides a marker, or a line; in points of distance."""
_GRID = 2.0


def place_labels(
    anchors: NDArray[np.float64],
    sizes: NDArray[np.float64],
    *,
    inside: tuple[float, float, float, float],
    markers: Boxes,
    lines: Boxes,
) -> list[tuple[float, float] | None]:
    """Return the lower left corner of each label, in points; None where no room is left.

    Labels have their points (n, 2) and their sizes (n, 2). They stay in the box `inside`; two never overlap. They hide
    a line, and even more a marker, only where another place is far away.
    """
    left, bottom, right, top = inside
    placed = np.empty((0, 4))
    corners: list[tuple[float, float] | None] = []
    for anchor, size in zip(anchors, sizes, strict=True):
        corner = None
        room = (left, bottom, right - size[0], top - size[1])
        if room[0] <= room[2] and room[1] <= room[3]:
            corner = _best(_around(anchor, size, room), anchor, size, placed, markers=markers, lines=lines)
            if corner is None:
                corner = _best(_everywhere(room), anchor, size, placed, markers=markers[:0], lines=lines[:0])
        corners.append(corner)
        if corner is not None:
            placed = np.vstack([placed, [*corner, corner[0] + size[0], corner[1] + size[1]]])
    return corners


def overlaps(first: Boxes, second: Boxes, *, room: float = 0.0) -> NDArray[np.bool_]:
    """Return which boxes (n, 4) come nearer than `room` to which others (m, 4), as an array (n, m)."""
    a, b = first[:, None], second[None]
    return np.asarray(
        (a[..., 0] < b[..., 2] + room)
        & (b[..., 0] < a[..., 2] + room)
        & (a[..., 1] < b[..., 3] + room)
        & (b[..., 1] < a[..., 3] + room)
    )


def groups_of(places: NDArray[np.float64], *, nearest: float) -> list[list[int]]:
    """Group successive places (n, 2) that are nearer than `nearest` to the one before, in both directions.

    A group does not reach over more than three times that: of a long row each group keeps near its points.
    """
    groups: list[list[int]] = []
    for at, place in enumerate(places):
        if groups:
            first, last = (np.abs(place - places[groups[-1][end]]).max() for end in (0, -1))
            if last < nearest and first < 3 * nearest:
                groups[-1].append(at)
                continue
        groups.append([at])
    return groups


def number_text(group: Sequence[int]) -> str:
    """Return the numbers, from 1, of successive positions: `3`, `3, 4` or `3-6`."""
    numbers = [str(at + 1) for at in group]
    return ", ".join(numbers) if len(numbers) < 3 else f"{numbers[0]}-{numbers[-1]}"


def _around(
    anchor: NDArray[np.float64], size: NDArray[np.float64], room: tuple[float, float, float, float]
) -> NDArray[np.float64]:
    """Return corners (n, 2) of a label around its point, moved into the room for corners."""
    gaps, angles = (each.ravel() for each in np.meshgrid(_GAPS, _ANGLES, indexing="ij"))
    direction = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    nearest = anchor + direction * (gaps[:, None] + 4.0)
    # The side of the label that faces the point stands at the distance.
    corners = nearest - size * (1 - np.sign(direction.round(6))) / 2
    return np.asarray(np.clip(corners, room[:2], room[2:]))


def _everywhere(room: tuple[float, float, float, float]) -> NDArray[np.float64]:
    x, y = np.arange(room[0], room[2] + 1e-9, _GRID), np.arange(room[1], room[3] + 1e-9, _GRID)
    return np.stack([each.ravel() for each in np.meshgrid(x, y)], axis=1)


def _best(
    corners: NDArray[np.float64],
    anchor: NDArray[np.float64],
    size: NDArray[np.float64],
    placed: Boxes,
    *,
    markers: Boxes,
    lines: Boxes,
) -> tuple[float, float] | None:
    boxes = np.hstack([corners, corners + size])
    is_free = ~overlaps(boxes, placed, room=_ROOM).any(axis=1)
    if not is_free.any():
        return None
    boxes, corners = boxes[is_free], corners[is_free]
    outside = np.maximum(np.maximum(boxes[:, :2] - anchor, anchor - boxes[:, 2:]), 0.0)
    penalty = np.hypot(*outside.T)
    penalty += _HIDES_MARKER * overlaps(boxes, markers).sum(axis=1) + _HIDES_LINE * overlaps(boxes, lines).sum(axis=1)
    x, y = corners[int(penalty.argmin())].tolist()
    return x, y
