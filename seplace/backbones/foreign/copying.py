"""Copies of modules that hold all that the modules hold."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

_M = TypeVar("_M", bound=nn.Module)


def copy_of(module: _M) -> _M:
    """Return a copy of a module, with what it and those in it keep in `__slots__`: torch leaves that behind.

    Tensors with a history, which torch does not copy, are copied without it.
    """
    memo: dict[int, Any] = {}
    for each in module.modules():
        for value in tree_leaves(vars(each)):
            # What was computed of parameters, as weight norm does, is computed anew by the copy.
            if isinstance(value, Tensor) and not value.is_leaf:
                memo[id(value)] = value.detach().clone()
    twin = copy.deepcopy(module, memo)
    for each in module.modules():
        kept = [name for kind in type(each).__mro__ for name in _slots_of(kind) if hasattr(each, name)]
        other = memo.get(id(each))
        for name in kept if other is not None else ():
            object.__setattr__(other, name, copy.deepcopy(getattr(each, name), memo))
    return twin


def _slots_of(kind: type) -> list[str]:
    slots = vars(kind).get("__slots__", ())
    names = [slots] if isinstance(slots, str) else list(slots)
    # Python writes a name that begins with two underscores with its class in front.
    names = [
        f"_{kind.__name__.lstrip('_')}{name}" if name.startswith("__") and not name.endswith("__") else name
        for name in names
    ]
    return [name for name in names if name not in ("__dict__", "__weakref__")]
