"""Complete copies of modules."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

_M = TypeVar("_M", bound=nn.Module)


def copy_of(module: _M) -> _M:
    """Return a copy of a module, with the values in `__slots__` of all modules in it, which torch does not copy.

    Tensors with a history, which torch refuses to copy, are copied without it.
    """
    memo: dict[int, Any] = {}
    for each in module.modules():
        for value in tree_leaves(vars(each)):
            # The copy computes tensors that depend on parameters, as in weight norm, again.
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
    # Python mangles names that begin with two underscores.
    names = [
        f"_{kind.__name__.lstrip('_')}{name}" if name.startswith("__") and not name.endswith("__") else name
        for name in names
    ]
    return [name for name in names if name not in ("__dict__", "__weakref__")]
