"""An operator in the trace of a network: its arguments and results as tensors without values, and its parts."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch

_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "aten::add": lambda a, b, *_: a + b,
    "aten::sub": lambda a, b, *_: a - b,
    "aten::rsub": lambda a, b, *_: b - a,
    "aten::mul": operator.mul,
    "aten::floor_divide": operator.floordiv,
    "aten::div": lambda a, b, rounding=None, *_: a // b if rounding else a / b,
    "aten::remainder": operator.mod,
    "aten::neg": operator.neg,
    "aten::floor": lambda a: a // 1,
    "aten::size": lambda tensor, dim: tensor.shape[dim],
    "prim::NumToTensor": lambda a: a,
    "aten::ScalarImplicit": lambda a: a,
    "aten::Int": int,
    "aten::IntImplicit": int,
    "aten::Float": float,
    "aten::detach": lambda a: a,
    "aten::to": lambda a, *_: a,
}
"""The operators that a trace uses to compute with shapes."""


def value_of(value: Any) -> Any:
    """Return a value of a trace: a tensor on the meta device, a number or a list; None where the trace has no value.

    A number may be the result of operators that compute with shapes.
    """
    node = value.node()
    kind = node.kind()
    if kind in ("prim::ListConstruct", "prim::TupleConstruct"):
        return [value_of(each) for each in node.inputs()]
    traced = value.type()
    if traced.kind() == "TensorType":
        number = _number_of(value) if traced.sizes() == [] else None
        if number is not None or traced.sizes() is None:
            return number
        return torch.empty(traced.sizes(), dtype=traced.dtype(), device="meta")
    return value.toIValue() if kind == "prim::Constant" else _number_of(value)


def _number_of(value: Any) -> Any:
    node = value.node()
    if node.kind() not in _ARITHMETIC:
        return value.toIValue() if node.kind() == "prim::Constant" and value.type().kind() != "TensorType" else None
    operands = []
    for each in node.inputs():
        is_map = each.type().kind() == "TensorType" and each.type().sizes()
        operands.append(value_of(each) if is_map else _number_of(each))
    try:
        return _ARITHMETIC[node.kind()](*operands)
    except (TypeError, ZeroDivisionError):
        return None


def name_of(node: Any) -> str:
    """Return the name of an operator, such as `aten::relu`; for a torch.autograd.Function, the name of its class."""
    kind: str = node.kind()
    if kind == "prim::PythonOp":
        return str(node.pyname())
    if kind == "prim::CallFunction":
        return str(next(node.inputs()).type())
    return kind


def inner_nodes(node: Any) -> list[Any]:
    """Return the operators that a torch.autograd.Function ran, or an empty list.

    The list is empty where the trace does not connect the function's outputs to its inputs.
    """
    if node.kind() != "prim::PythonOp" or "Subgraph" not in node.attributeNames():
        return []
    graph = node.g("Subgraph")
    is_seen = all(_comes_from_input(output) for output in graph.outputs())
    return [each for each in graph.nodes() if not each.kind().startswith("prim::")] if is_seen else []


def _comes_from_input(value: Any) -> bool:
    waiting, known = [value], set()
    while waiting:
        node = waiting.pop().node()
        if node.kind() == "prim::Param":
            return True
        if node not in known:
            known.add(node)
            waiting.extend(node.inputs())
    return False


def run_again(node: Any, arguments: Sequence[Any]) -> None:
    """Run an operator on its arguments, in their order; raises LookupError where it has no schema."""
    if node.kind() == "prim::CallFunction":
        torch.jit._state._python_cu.find_function(name_of(node))(*arguments[1:])
        return
    if node.schema() == "(no schema)":
        raise LookupError(name_of(node))
    schema = torch._C.parse_schema(node.schema())
    library, _, name = schema.name.partition("::")
    overload = getattr(getattr(getattr(torch.ops, library), name), schema.overload_name or "default")
    positional = sum(not argument.kwarg_only for argument in schema.arguments)
    named = {argument.name: value for argument, value in zip(schema.arguments, arguments, strict=True)}
    overload(*arguments[:positional], **dict(list(named.items())[positional:]))
