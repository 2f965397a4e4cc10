"""Search where channel attention pays in a CNN, at what cost, and how sure the answer is.

import seplace

results = seplace.run("digits-quickstart")
results.front      # a DataFrame
results.plot()     # a matplotlib Figure

adopted = seplace.adopt(my_network, images)  # the stages of any CNN, and gates in them
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from seplace.version import __version__ as __version__

__all__ = ["Results", "adopt", "load", "run"]

_HOMES = {"Results": "seplace.api", "adopt": "seplace.adoption", "load": "seplace.api", "run": "seplace.api"}

if TYPE_CHECKING:
    from seplace.adoption import adopt
    from seplace.api import Results, load, run


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'seplace' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)  # on first use: `import seplace` stays instant
