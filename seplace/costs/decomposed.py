"""Decompose operators: run them again on tensors without values, and count each operator that torch dispatches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from seplace.costs.operators import Rule


class CountingMode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Count the operators that run inside it, by the rules that `rule_of` returns; the others are in `unknown`."""

    def __init__(self, rule_of: Callable[[str], Rule | None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.rule_of = rule_of
        self.counts: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        """The elements that each operator without a rule reads and writes, by its name."""

    def __torch_dispatch__(
        self,
        func: Any,
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run and count an operator."""
        named = kwargs or {}
        result = func(*args, **named)
        outputs = list(result) if isinstance(result, list | tuple) else [result]
        further = [named.get(each.name, each.default_value) for each in func._schema.arguments[len(args) :]]
        self.count_call(func.name().partition(".")[0], [*args, *further], outputs)
        return result

    def count_call(self, name: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Count one call of an operator, named as in `aten::relu`."""
        if _is_shape_arithmetic(inputs, outputs):
            return
        rule = self.rule_of(name)
        if rule is None:
            self.unknown[name] += elements_of(inputs, outputs)
            return
        count = rule(inputs, outputs)
        self.counts.update(count if isinstance(count, Counter) else {name.rpartition("::")[2]: count})


def elements_of(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    """Return the elements that a call reads and writes."""
    return sum(leaf.numel() for leaf in tree_leaves([*inputs, *outputs]) if isinstance(leaf, Tensor))


def _is_shape_arithmetic(inputs: Sequence[Any], outputs: Sequence[Any]) -> bool:
    """Return whether a call only computes with integer scalars, such as the sizes of tensors."""
    tensors = [leaf for leaf in tree_leaves([*inputs, *outputs]) if isinstance(leaf, Tensor)]
    return bool(tensors) and all(each.ndim == 0 and not each.is_floating_point() for each in tensors)
