"""Search where channel attention pays in a CNN, at what cost, and how sure the answer is.

The names below are the stable interface; everything else may change between versions.

>>> import seplace
>>> results = seplace.run("digits-quickstart")  # doctest: +SKIP
>>> results.front  # a DataFrame  # doctest: +SKIP
>>> results.plot()  # a matplotlib Figure  # doctest: +SKIP

Studies: `run` a study, or `load` its `Results`; `Overrides` says where a run takes place.
Networks: `create_model` builds one with attention modules in it, `adopt` puts them into a network of your own;
`list_backbones`, `list_modules` and `list_attachments` list the names.
Searches: a `Placement` says which module stands in which stage, a `SearchSpace` which placements there are, and
`load_space` reads one; `EffectsSampler` proposes placements in an Optuna study of your own.
Costs: `register_count` gives the FLOPs of an operator that is not torch's own.
Errors: `SeplaceError` is the base class of all.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from seplace.version import __version__ as __version__

__all__ = [
    "EffectsSampler",
    "Overrides",
    "Placement",
    "Results",
    "SearchSpace",
    "SeplaceError",
    "adopt",
    "create_model",
    "list_attachments",
    "list_backbones",
    "list_modules",
    "load",
    "load_space",
    "register_count",
    "run",
]

_HOMES = {
    "EffectsSampler": "seplace.samplers.effects",
    "Overrides": "seplace.overrides",
    "Placement": "seplace.placement",
    "Results": "seplace.api",
    "SearchSpace": "seplace.space",
    "SeplaceError": "seplace.errors",
    "adopt": "seplace.adoption",
    "create_model": "seplace.models",
    "list_attachments": "seplace.listings",
    "list_backbones": "seplace.listings",
    "list_modules": "seplace.listings",
    "load": "seplace.api",
    "load_space": "seplace.study.space_file",
    "register_count": "seplace.costs.counting",
    "run": "seplace.running",
}
"""The module of each public name."""

if TYPE_CHECKING:
    from seplace.adoption import adopt
    from seplace.api import Results, load
    from seplace.costs.counting import register_count
    from seplace.errors import SeplaceError
    from seplace.listings import list_attachments, list_backbones, list_modules
    from seplace.models import create_model
    from seplace.overrides import Overrides
    from seplace.placement import Placement
    from seplace.running import run
    from seplace.samplers.effects import EffectsSampler
    from seplace.space import SearchSpace
    from seplace.study.space_file import load_space
else:  # a type checker that saw this would take any name for one of the module's

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            # Python adds the nearest name.
            raise AttributeError(f"module 'seplace' has no attribute {name!r}", name=name, obj=sys.modules[__name__])
        return getattr(importlib.import_module(_HOMES[name]), name)  # on first use: `import seplace` stays instant


def __dir__() -> list[str]:
    return sorted([*__all__, *(name for name in globals() if name.startswith("__"))])
