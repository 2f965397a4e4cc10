"""What commands show of a very long study, kept by the run that made it: to make it again takes many seconds.

It holds for the ledger that it was made of, and for this version of seplace; for any other it is made again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from seplace.files.atomic import is_file, write_atomically
from seplace.files.plain_json import read_json
from seplace.results.advice import Advice
from seplace.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

NAME = "views.json"
_TEXTS = ("object", "str")
_KINDS = (*_TEXTS, "bool", "int64", "float64")
"""The types of columns that are read."""
_OF_ALL = {
    **dict.fromkeys(("placement", "baseline", "best_baseline"), _TEXTS),
    "on_front": ("bool",),
    **dict.fromkeys(("n", "gain_pairs", "test_n", "test_pairs"), ("int64",)),
    **{f"{name}{suffix}": ("float64",) for name in ("gain", "gain_vs_baseline") for suffix in ("", "_lower", "_upper")},
    **dict.fromkeys(("p_front", "p_better", "test_gain", "test_gain_se"), ("float64",)),
}
"""The types of the columns that every front has, beside those of the metric.

All others are numbers, but for those of the stages.
"""
_OF_METRIC = ("{}", "{}_lower", "{}_upper", "test_{}", "test_{}_se")
"""The columns of the metric, by its name."""
_MANY = 10**9
"""More than any number of placements that were trained."""


@dataclass(frozen=True, kw_only=True)
class Views:
    """Views of the estimates of a study."""

    metric: str
    """The name of the column of the metric."""
    front: pd.DataFrame
    """The front, and the baselines that are not on it."""
    verdict: str
    advice: Advice
    measured: str
    test_check: str
    has_test_images: bool
    trained: int
    """The number of placements that were trained."""
    on_front: int

    @classmethod
    def read(cls, folder: Path, *, of: str) -> Self | None:
        """Read the views in a folder, `of` a ledger with this digest; None without views of that ledger."""
        path = folder / NAME
        if not is_file(path):
            return None
        import pandas as pd

        try:
            content = read_json(path.read_bytes())
            if not isinstance(content, dict) or (content.pop("of"), content.pop("seplace")) != (of, __version__):
                return None
            stored = content.pop("front")
            if not _is_front(stored, content["metric"]):
                return None
            columns = {name: pd.Series(values, dtype=kind) for name, (kind, values) in stored.items()}
            texts = dict.fromkeys(("metric", "verdict", "measured", "test_check"), str)
            for name, kind in {**texts, "has_test_images": bool}.items():
                if type(content[name]) is not kind:
                    return None
            counts = content["trained"], content["on_front"]
            if not all(type(each) is int for each in counts) or not 0 <= counts[1] <= counts[0] <= _MANY:
                return None
            advised = Advice.from_json(content.pop("advice"))
            return cls(front=pd.DataFrame(columns), advice=advised, **content)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
            return None  # it is made again

    def write(self, folder: Path, *, of: str) -> None:
        """Write the views into a folder, `of` a ledger with this digest."""
        content: dict[str, Any] = {"of": of, "seplace": __version__, **vars(self), "advice": self.advice.to_json()}
        content["front"] = {
            name: [str(column.dtype), [None if value != value else value for value in column.tolist()]]
            for name, column in self.front.items()
        }
        write_atomically(folder / NAME, json.dumps(content, allow_nan=False) + "\n")


def _is_front(columns: Mapping[str, Any], metric: str) -> bool:
    """Return whether columns, each with its type and its values, are those of a front with a metric."""
    of_front = {**_OF_ALL, **{name.format(metric): ("float64",) for name in _OF_METRIC}}
    if not columns.keys() >= of_front.keys() or len({len(values) for _, values in columns.values()}) != 1:
        return False
    for name, (kind, values) in columns.items():
        may_be_text = name in ("variant", *of_front) or name.startswith("stage")
        if kind not in of_front.get(name, _KINDS) or (kind in _TEXTS and not may_be_text):
            return False
        if kind in _TEXTS and not all(isinstance(each, str) for each in values):
            return False
    return True
