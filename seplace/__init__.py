"""Search where channel attention pays in a CNN, at what cost, and how sure the answer is.

import seplace

results = seplace.run("digits-quickstart")
results.front      # a DataFrame
results.plot()     # a matplotlib Figure
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.1"
__all__ = ["Results", "load", "run"]

if TYPE_CHECKING:
    from seplace.api import Results, load, run


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'seplace' has no attribute {name!r}")
    from seplace import api  # imported on first use: `import seplace` stays instant

    return getattr(api, name)
