"""What commands show of a very long study, kept by the run that made it: to make it again takes many seconds.

It holds for the ledger that it was made of, and for this version of seplace; for any other it is made again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from seplace.files.atomic import is_file, write_atomically
from seplace.files.plain_json import read_json
from seplace.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

NAME = "views.json"
_KINDS = ("object", "str", "bool", "int64", "float64")
"""The types of columns that are read."""


@dataclass(frozen=True, kw_only=True)
class Views:
    """Views of the estimates of a study."""

    front: pd.DataFrame
    """The front, and the baselines that are not on it."""
    verdict: str
    measured: str
    test_check: str
    has_test_images: bool
    trained: int
    """The number of placements that were trained."""
    on_front: int

    @classmethod
    def read(cls, folder: Path, *, of: str) -> Self | None:
        """Read the views in a folder, `of` a ledger with this digest; None where there are none of it."""
        path = folder / NAME
        if not is_file(path):
            return None
        import pandas as pd

        try:
            content = read_json(path.read_bytes())
            if not isinstance(content, dict) or (content.pop("of"), content.pop("seplace")) != (of, __version__):
                return None
            columns = {}
            for name, (kind, values) in content.pop("front").items():
                if kind not in _KINDS or (kind in _KINDS[:2] and not all(isinstance(each, str) for each in values)):
                    return None
                columns[name] = pd.Series(values, dtype=kind)
            for name, kind in (("verdict", str), ("measured", str), ("test_check", str), ("has_test_images", bool)):
                if type(content[name]) is not kind:
                    return None
            if not type(content["trained"]) is type(content["on_front"]) is int:
                return None
            return cls(front=pd.DataFrame(columns), **content)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
            return None  # it is made again

    def write(self, folder: Path, *, of: str) -> None:
        """Write the views into a folder, `of` a ledger with this digest."""
        content: dict[str, Any] = {"of": of, "seplace": __version__, **vars(self)}
        content["front"] = {
            name: [str(column.dtype), [None if value != value else value for value in column.tolist()]]
            for name, column in self.front.items()
        }
        write_atomically(folder / NAME, json.dumps(content, allow_nan=False) + "\n")
