"""DataFrames that a notebook shows as a table for people; in all else they are DataFrames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd


class ShownFrame(pd.DataFrame):
    """A DataFrame with a display of its own; what is made from it, also a copy, is a plain DataFrame."""

    _shown: Callable[[], str]

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def _repr_html_(self) -> str:
        return self._shown()

    def __reduce__(self) -> Any:
        return pd.DataFrame(self).__reduce__()  # so that it is read without seplace


def shown_by(frame: pd.DataFrame, html: Callable[[], str]) -> pd.DataFrame:
    """Return a frame that a notebook shows by a function; an empty one stays as it is."""
    if frame.empty:
        return frame
    shown = ShownFrame(frame)
    object.__setattr__(shown, "_shown", html)  # pandas would take it for a column
    return shown
