"""Numbers as text: counts with a prefix, shares, durations."""

from __future__ import annotations

import math


def quantity(value: float, *, signed: bool = False) -> str:
    """Return a count with a prefix and four digits (`3.894G`, `+512`), or a small number with three digits."""
    if isinstance(value, float) and math.isnan(value):
        return ""
    sign = "+" if signed else ""
    for scale, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 10 * scale or (abs(value) >= scale and scale > 1e3):
            return f"{value / scale:{sign}.4g}{prefix}"
    is_whole = float(value).is_integer() or abs(value) >= 999.5
    return f"{value:{sign}z,.0f}" if is_whole else f"{value:{sign}z.3g}"


def percent(share: float) -> str:
    """Return a share as `0.31 %`, `8.3 %` or `288 %`."""
    value = 100 * share
    return f"{value:.2g} %" if value < 99.5 else f"{value:,.0f} %"


def duration(seconds: float) -> str:
    """Return `0.31 s`, `45 s`, `12 min` or `3.5 h`."""
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
