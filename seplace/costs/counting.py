"""Operator counts with fvcore: the only module that imports it.

fvcore's own total counts some spellings of an operator and not others. So each operator that a network runs either has
a rule (see `operators`), is decomposed into operators that do, or is registered by the user. The others are reported.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from seplace.attachments.cross import Cross
from seplace.attachments.kernel import Kernel
from seplace.attention.applied import Added, Scaled
from seplace.costs.decomposed import CountingMode
from seplace.costs.operators import RULES, Count, Rule, rule_of
from seplace.costs.traced import inner_nodes, name_of, run_again, value_of
from seplace.errors import InputError, SeplaceError, UncountedOperator, check_type
from seplace.user_code import user_errors

SMALL_SHARE = 0.01
"""Operators without a count are left out while they read and write fewer elements than this share of the FLOPs."""

_registered: dict[str, Rule] = {}


def register_count(operator: str, rule: Rule) -> None:
    """Register the FLOP count of an operator that torch does not have.

    Call it in the module that defines your network, so that it is known wherever the network is.

    >>> import seplace
    >>> seplace.register_count("my_library::swish", lambda inputs, outputs: 5 * outputs[0].numel())

    Args:
        operator: The name of the operator, such as `my_library::my_operator`; for a subclass of
            torch.autograd.Function the name of the class.
        rule: A function of the arguments and the results of a call. It returns the FLOPs, one a multiply-add. Its
            tensors have shapes and no values.

    Raises:
        InputError: The operator is torch's own and has a count.

    """
    check_type("operator", operator, str, said="a name such as my_library::my_operator")
    if not callable(rule):
        raise InputError(f"rule is a function of the arguments and the results of a call (got {rule!r})")
    name = operator.removeprefix("aten::").removesuffix("_")
    if ("::" not in operator or operator.startswith("aten::")) and name in RULES:
        raise InputError(f"register_count: {operator} already has a count")
    _registered[operator] = rule


@dataclass(frozen=True, kw_only=True)
class OperatorCounts:
    """The FLOPs of one forward pass by operator, and the operators without a count."""

    flops: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    """The elements that operators without a count read and write, by the name of the operator."""


_counted: ContextVar[dict[tuple[nn.Module, int], OperatorCounts] | None] = ContextVar("_counted", default=None)


_in_parts: ContextVar[bool] = ContextVar("_in_parts", default=False)


@contextmanager
def in_parts() -> Iterator[None]:
    """Let `known_flops` accept operators without a count: they were checked when the whole network was counted."""
    token = _in_parts.set(True)
    try:
        yield
    finally:
        _in_parts.reset(token)


@contextmanager
def counted_once() -> Iterator[None]:
    """Let several costs of a network share one count; neither the network nor its images may change meanwhile."""
    token = _counted.set({})
    try:
        yield
    finally:
        _counted.reset(token)


def count_operators(network: nn.Module, images: Tensor) -> OperatorCounts:
    """Return the FLOPs of one forward pass by operator, for a network in eval mode.

    Raises UncountedOperator where a gate was inserted into the network and never runs.
    """
    if network.training:
        raise ValueError("count a network in eval mode: training changes what batch norm does")
    known = _counted.get()
    if known is None:
        return _count(network, images)
    key = (network, id(images))
    if key not in known:
        known[key] = _count(network, images)
    return known[key]


def known_flops(network: nn.Module, images: Tensor) -> int:
    """Return the FLOPs of one forward pass.

    Operators without a count are left out with a warning. Raises UncountedOperator where they read and write more than
    SMALL_SHARE.
    """
    counts = count_operators(network, images)
    total = counts.flops.total()
    if counts.unknown and not _in_parts.get():
        share = counts.unknown.total() / max(total, 1)
        size = f"{100 * share:.2g} % of the {total:,} counted FLOPs"
        if share > SMALL_SHARE:
            raise UncountedOperator(f"{unknown_note(counts.unknown)} ({size})")
        warnings.warn(f"{unknown_names(counts.unknown)} ({size}): left out of the FLOPs", stacklevel=2)
    return total


def unknown_note(unknown: Counter[str]) -> str:
    """Name operators without a count, and say what the user can do."""
    return (
        f"{unknown_names(unknown)}: register their counts with seplace.register_count in the module that "
        "defines them, or choose a cost that needs no FLOPs (macs, params, latency_ms)"
    )


def unknown_names(unknown: Counter[str]) -> str:
    """Name operators without a count, and the number of elements that they read and write."""
    return f"no FLOP count for {', '.join(sorted(unknown))}, which read and write {unknown.total():,} elements"


def _count(network: nn.Module, images: Tensor) -> OperatorCounts:
    with torch.no_grad(), _called_gates(network) as called, _without_fused_attention():
        try:
            counts = _traced(network, images)
        except SeplaceError:
            raise
        except Exception:  # torch cannot trace every network that runs, and raises many kinds of errors
            called.clear()
            counts = _dispatched(network, images)
    uncalled = sorted(name for name, module in network.named_modules() if _is_inserted(module) and module not in called)
    if uncalled:
        raise UncountedOperator(f"gates that are attached but never run: {', '.join(uncalled)}")
    return counts


def _traced(network: nn.Module, images: Tensor) -> OperatorCounts:
    unknown: Counter[str] = Counter()

    def handle(_inputs: list[Any], outputs: list[Any]) -> Counter[str]:
        return _count_node(outputs[0].node(), unknown) if outputs else Counter()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fvcore traces with torch.jit, which torch deprecates
        from fvcore.nn import FlopCountAnalysis

        analysis = FlopCountAnalysis(network, (images,))
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
        names = [f"aten::{name}{end}" for name in (*RULES, "einsum") for end in ("", "_")]  # fvcore has its own einsum
        analysis.set_op_handle(**dict.fromkeys(names, handle))
        counts = analysis.by_operator()
        further = list(analysis.unsupported_ops())
        if further:
            unknown.clear()
            analysis.set_op_handle(**dict.fromkeys(further, handle))
            counts = analysis.by_operator()
    return OperatorCounts(flops=Counter({operator: int(count) for operator, count in counts.items()}), unknown=unknown)


def _count_node(node: Any, unknown: Counter[str]) -> Counter[str]:
    """Return the FLOPs of an operator in a trace; without a count, add the elements that it touches to `unknown`."""
    name = name_of(node)
    inputs, outputs = ([value_of(value) for value in values()] for values in (node.inputs, node.outputs))
    counter = CountingMode(_rule_of)
    inner = inner_nodes(node)
    if _rule_of(name) is not None:
        counter.count_call(name, inputs, outputs)
    elif inner:
        for each in inner:
            counter.counts.update(_count_node(each, unknown))
    else:
        try:
            with counter:
                run_again(node, inputs)
        except Exception:  # many operators do not run without values, and each raises its own error
            counter = CountingMode(_rule_of)
            counter.count_call(name, inputs, outputs)
    unknown.update(counter.unknown)
    return counter.counts


def _rule_of(name: str) -> Rule | None:
    if name in _registered:
        return _attributed(name, _registered[name])
    return rule_of(name.removeprefix("aten::")) if name.startswith("aten::") else None


def _attributed(name: str, rule: Rule) -> Rule:
    """Return a registered rule whose errors are reported as the user's."""

    def attributed(inputs: Sequence[Any], outputs: Sequence[Any]) -> Count:
        with user_errors(f"the count that is registered for {name}"):
            return rule(inputs, outputs)

    return attributed


def _dispatched(network: nn.Module, images: Tensor) -> OperatorCounts:
    """Count a network that cannot be traced, by the operators that torch dispatches."""
    with CountingMode(_rule_of) as counter:
        network(images)
    return OperatorCounts(flops=counter.counts, unknown=counter.unknown)


@contextmanager
def _without_fused_attention() -> Iterator[None]:
    """Turn off the fused path of attention layers, so that they run the same operators as on any other device."""
    is_enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(is_enabled)


def _is_inserted(module: nn.Module) -> bool:
    """Return whether seplace inserted a module; which of the other modules run is up to the network's author."""
    return isinstance(module, Scaled | Added | Cross | Kernel)


@contextmanager
def _called_gates(network: nn.Module) -> Iterator[set[nn.Module]]:
    """Collect the inserted modules that are called: fvcore sees operators only, and a gate may run none."""
    called: set[nn.Module] = set()
    hooks = [
        module.register_forward_hook(lambda module, _inputs, _output: called.add(module))
        for module in network.modules()
        if _is_inserted(module)
    ]
    try:
        yield called
    finally:
        for hook in hooks:
            hook.remove()
