"""Operator counts with fvcore: the only place where it is imported.

fvcore's own total charges some spellings of an operator and not others, so every operator that a network runs has a
handle here, and one that has none is an error: 1 a multiply-add, 1 an element for element-wise operators, 1 an input
element for reductions and pooling, 2 an element for batch norm in eval mode, nothing for moving data.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

from seplace.attachments.cross import Cross
from seplace.attachments.kernel import Kernel
from seplace.attention.applied import Added, Scaled
from seplace.errors import UncountedOperator

MULTIPLY_ADD_OPERATORS = frozenset({"addmm", "bmm", "conv", "einsum", "linear", "matmul", "mm"})
"""The operators that MACs are counted of, as fvcore names them."""

_ELEMENTWISE = (
    "add add_ sub sub_ rsub mul mul_ div div_ pow square sqrt rsqrt exp log abs neg maximum minimum "
    "sigmoid sigmoid_ tanh tanh_ relu relu_ relu6 relu6_ hardtanh hardtanh_ hardsigmoid hardsigmoid_ hardswish "
    "hardswish_ silu silu_ softmax gelu leaky_relu leaky_relu_ softplus clamp clamp_ clamp_min masked_fill where "
    "eq ge gt floor floor_divide remainder"
)
_REDUCTIONS = (
    "mean sum amax amin max min var std norm linalg_vector_norm "
    "adaptive_avg_pool2d adaptive_max_pool2d avg_pool2d max_pool2d avg_pool1d max_pool1d"
)
_MOVES = "to pad type_as expand_as detach alias dropout feature_dropout dropout_ unsqueeze squeeze pixel_shuffle"


_counted: ContextVar[dict[tuple[nn.Module, int], Counter[str]] | None] = ContextVar("_counted", default=None)


@contextmanager
def counted_once() -> Iterator[None]:
    """Let several costs of a network share one count meanwhile; neither it nor its images may change."""
    token = _counted.set({})
    try:
        yield
    finally:
        _counted.reset(token)


def count_operators(network: nn.Module, images: Tensor) -> Counter[str]:
    """Return the FLOPs of one forward pass by operator, for a network in eval mode.

    UncountedOperator names an operator without a handle, and a gate that was put into the network and never runs.
    """
    if network.training:
        raise ValueError("count a network in eval mode: training changes what batch norm does")
    known = _counted.get()
    if known is None:
        return _count(network, images)
    key = (network, id(images))
    if key not in known:
        known[key] = _count(network, images)
    return known[key].copy()


def _count(network: nn.Module, images: Tensor) -> Counter[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fvcore traces with torch.jit, which torch deprecates
        from fvcore.nn import FlopCountAnalysis

        analysis = FlopCountAnalysis(network, (images,))
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
        for names, handle in (
            (_ELEMENTWISE, _per_output_element),
            (_REDUCTIONS, _per_input_element),
            (_MOVES, _free),
            ("batch_norm", _twice_per_input_element),
        ):
            analysis.set_op_handle(**{f"aten::{name}": handle for name in names.split()})
        with torch.no_grad(), _called_gates(network) as called:
            counts: Counter[str] = analysis.by_operator()
        unhandled = sorted(analysis.unsupported_ops())
    if unhandled:
        raise UncountedOperator(
            f"no FLOP count for {', '.join(unhandled)}: add the operator to a list in seplace/costs/counting.py"
        )
    uncalled = sorted(name for name, module in network.named_modules() if _is_inserted(module) and module not in called)
    if uncalled:
        raise UncountedOperator(f"gates that are attached but never run: {', '.join(uncalled)}")
    return Counter({operator: round(count) for operator, count in counts.items()})


def _is_inserted(module: nn.Module) -> bool:
    """Whether seplace put a module into the network; which of its other modules run is a matter of its author."""
    return isinstance(module, Scaled | Added | Cross | Kernel)


@contextmanager
def _called_gates(network: nn.Module) -> Iterator[set[nn.Module]]:
    """Collect the inserted modules that are called: fvcore sees operators alone, and a gate may run none."""
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


def _elements(value: Any) -> int:
    """Return the number of elements of a traced tensor, 0 for a number and for the arithmetic of shapes."""
    traced = value.type()
    if traced.kind() != "TensorType" or traced.sizes() is None or (not traced.sizes() and _is_whole(traced)):
        return 0
    return math.prod(traced.sizes())


def _is_whole(traced: Any) -> bool:
    return traced.scalarType() in ("Int", "Long")


def _per_output_element(_inputs: list[Any], outputs: list[Any]) -> int:
    return _elements(outputs[0])


def _per_input_element(inputs: list[Any], _outputs: list[Any]) -> int:
    return _elements(inputs[0])


def _twice_per_input_element(inputs: list[Any], _outputs: list[Any]) -> int:
    return 2 * _elements(inputs[0])


def _free(_inputs: list[Any], _outputs: list[Any]) -> int:
    return 0
