"""The code of one block of a foreign network, by symbolic tracing, and the insertion of slots into it."""

from __future__ import annotations

import inspect
import operator
import random
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn

from seplace.backbones.foreign.copying import copy_of

_ADDITIONS = (operator.add, operator.iadd, torch.add, "add", "add_")
_CONCATENATIONS = (torch.cat, torch.concat, torch.concatenate)
_SIZES = ("size", "dim", "numel")
_ACTIVATIONS = ("relu", "relu_", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "hardtanh", "hardswish")
_NORMS_AND_ACTIVATIONS = tuple(
    f"torch.nn.modules.{name}" for name in ("activation", "batchnorm", "instancenorm", "normalization")
)


class BlockTracer(fx.Tracer):
    """Traces the block's own forward, through plain Sequentials; every other module in it stays a call.

    So a module whose training differs from its inference, such as a dropout, keeps both.
    """

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:  # noqa: ARG002 - torch names them
        """Whether a module stays a call."""
        return type(m).forward is not nn.Sequential.forward


def trace(block: nn.Module) -> fx.Graph | None:
    """Return the code of a block, traced on a copy, or None.

    None is for code that cannot be traced, is random, differs in training, stores something in the block, such as a
    count of its calls, or makes a tensor without its input: traced code would not do so.
    """
    if "forward" in vars(block) or len(inspect.signature(type(block).forward).parameters) != 2:
        return None
    traced = copy_of(block)
    torch_state, python_state = torch.get_rng_state(), random.getstate()
    graphs = []
    try:
        for mode in (True, False):
            traced.train(mode)
            before = _contents(traced)
            graphs.append(BlockTracer().trace(traced))
            if not _are_same(before, _contents(traced)):
                return None
        drew = not torch.equal(torch.get_rng_state(), torch_state) or random.getstate() != python_state
    except (Exception, SystemExit):  # the user's code cannot be traced
        return None
    finally:
        torch.set_rng_state(torch_state)
        random.setstate(python_state)
    # A random number that was drawn while tracing would be a constant of the traced code.
    return None if drew or source_of(graphs[0]) != source_of(graphs[1]) else graphs[1]


def _contents(block: nn.Module) -> list[tuple[Any, ...]]:
    """Return all values in a module, with the version counters of tensors and the elements of containers."""
    found: list[tuple[Any, ...]] = []
    for module in block.modules():
        for name, value in (*vars(module).items(), *module._buffers.items(), *module._parameters.items()):
            version = value._version if isinstance(value, Tensor) and not value.is_inference() else None
            elements = (*value.items(),) if isinstance(value, dict) else ()
            if isinstance(value, list | tuple | set):
                elements = (*value,)
            found.append((module, name, value, version, *elements))
    return found


def _are_same(some: list[tuple[Any, ...]], others: list[tuple[Any, ...]]) -> bool:
    """Whether two contents are the same objects."""
    return len(some) == len(others) and all(
        len(one) == len(other) and all(map(_is_same, one, other)) for one, other in zip(some, others, strict=True)
    )


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        return all(left is right for left, right in zip(one, other, strict=True))
    return one is other or (isinstance(one, str | int) and type(one) is type(other) and one == other)


def source_of(graph: fx.Graph) -> str:
    """Return the code of a graph as text."""
    return graph.python_code("self").src


class BlockGraph:
    """The code of a block with the joins of its paths and their convolutions."""

    def __init__(self, block: nn.Module, graph: fx.Graph) -> None:
        self.block = block
        self.graph = graph
        self.input = next(node for node in graph.nodes if node.op == "placeholder")
        self.output = next(node for node in graph.nodes if node.op == "output")
        self.behind: dict[fx.Node, set[fx.Node]] = {self.input: {self.input}}
        """For each tensor that depends on the input: the tensors that it is computed from, and itself."""
        self.convolutions: dict[fx.Node, int] = {self.input: 0}
        """For each such tensor: the largest number of convolutions on a path from the input."""
        numbers: set[fx.Node] = set()
        for node in graph.nodes:
            sources = [source for source in node.all_input_nodes if source in self.behind]
            if node is self.input or not sources:
                continue
            self.behind[node] = {node}.union(*(self.behind[source] for source in sources))
            self.convolutions[node] = max(self.convolutions[source] for source in sources) + len(self._kernels(node))
            if _is_number(node, sources, numbers):
                numbers.add(node)
        self.tensors = [node for node in graph.nodes if node in self.behind and node not in numbers]

    @property
    def has_join(self) -> bool:
        """Whether two paths are added or concatenated."""
        return any(self._is_addition(node) or self._is_concatenation(node) for node in self.tensors)

    def join(self) -> tuple[fx.Node, fx.Node, fx.Node] | None:
        """Return the last addition of two paths, F and S; F has more convolutions. None without one."""
        additions = [node for node in self.tensors if node.users and self._is_addition(node)]
        if not additions:
            return None
        addition = additions[-1]
        shortcut, residual = sorted(addition.all_input_nodes, key=lambda node: self.convolutions[node])
        if self.convolutions[residual] == self.convolutions[shortcut]:
            return None
        return addition, residual, shortcut

    def end_of_first_kernel(self, nodes: Collection[fx.Node], *, only: bool) -> fx.Node | None:
        """Return the last of the norms and activations after the first convolution of at least 3x3 among `nodes`.

        None without such a convolution, and with `only` where there are several.
        """
        spatial = [node for node in self.tensors if node in nodes and any(size >= 3 for size in self._kernels(node))]
        if not spatial or (only and len(spatial) > 1) or len(self._kernels(spatial[0])) > 1:
            return None
        end: fx.Node = spatial[0]
        while len(end.users) == 1:
            following = next(iter(end.users))
            if following not in nodes or following.all_input_nodes != [end] or not self._is_layer_after(following):
                break
            end = following
        return end

    def _is_addition(self, node: fx.Node) -> bool:
        is_call = node.op in ("call_function", "call_method") and node.target in _ADDITIONS
        return is_call and not node.kwargs and sum(one in self.behind for one in node.all_input_nodes) == 2

    def _is_concatenation(self, node: fx.Node) -> bool:
        is_call = node.op == "call_function" and node.target in _CONCATENATIONS
        return is_call and sum(one in self.behind for one in node.all_input_nodes) >= 2

    def _kernels(self, node: fx.Node) -> list[int]:
        """Return the larger side of each convolution's kernel in the module that a node calls."""
        if node.op != "call_module":
            return []
        called = self.block.get_submodule(str(node.target))
        kinds = (nn.Conv2d, nn.ConvTranspose2d)
        return [max(module.kernel_size) for module in called.modules() if isinstance(module, kinds)]

    def _is_layer_after(self, node: fx.Node) -> bool:
        if node.op != "call_module":
            return getattr(node.target, "__name__", node.target) in _ACTIVATIONS
        kinds = type(self.block.get_submodule(str(node.target))).__mro__
        # A norm of the user's own, such as LayerNorm2d, is known by its name alone.
        return any(kind.__module__ in _NORMS_AND_ACTIVATIONS or "norm" in kind.__name__.lower() for kind in kinds)


def _is_number(node: fx.Node, sources: list[fx.Node], numbers: set[fx.Node]) -> bool:
    """Whether a node is a size, or arithmetic of sizes."""
    if node.op == "call_method":
        return node.target in _SIZES
    if node.op == "call_function" and node.target is getattr:
        return node.args[1] in ("shape", "ndim")
    return node.op == "call_function" and all(source in numbers for source in sources)


def add_joined_slots(code: BlockGraph, names: Mapping[str, str]) -> int | None:
    """Put slots into F, S and φ of a block that joins them, and a call of `join` for the addition.

    `names` are the names of the called modules. Return the position of F in the addition; None, without a change, where
    there is no such join.
    """
    found = code.join()
    if found is None:
        return None
    addition, residual, shortcut = found
    position = addition.all_input_nodes.index(residual)
    own = code.behind[residual] - code.behind[shortcut]
    entries = {source for node in own for source in node.all_input_nodes if source in code.behind} - own
    graph = code.graph
    if entries == {code.input}:
        _slot_before(names["entry"], code, code.input, [node for node in graph.nodes if node in own])
    end = code.end_of_first_kernel(own, only=False)
    if end is not None:
        _slot_after(names["inner"], code, end)
    residual, shortcut = (addition.all_input_nodes[at] for at in (position, 1 - position))
    with graph.inserting_before(addition):
        slots = tuple(
            graph.call_module(names[slot], (value,)) for slot, value in (("residual", residual), ("shortcut", shortcut))
        )
        joined = graph.call_module(names["join"], slots)
    addition.replace_all_uses_with(joined)
    graph.erase_node(addition)
    _slot_before(names["output"], code, code.output.all_input_nodes[0], [code.output])
    return position


def add_chain_slots(code: BlockGraph, names: Mapping[str, str]) -> None:
    """Put slots at the end of a block, and at its entry and after its 3x3 convolution where these are unique."""
    if len(code.input.users) == 1:
        _slot_before(names["entry"], code, code.input, list(code.input.users))
    end = code.end_of_first_kernel(code.behind.keys(), only=True)
    if end is not None:
        _slot_after(names["inner"], code, end)
    _slot_before(names["residual"], code, code.output.all_input_nodes[0], [code.output])


def _slot_before(name: str, code: BlockGraph, value: fx.Node, users: list[fx.Node]) -> None:
    using = [node for node in users if value in node.all_input_nodes]
    with code.graph.inserting_before(using[0]):
        slot = code.graph.call_module(name, (value,))
    for node in using:
        node.replace_input_with(value, slot)


def _slot_after(name: str, code: BlockGraph, value: fx.Node) -> None:
    with code.graph.inserting_after(value):
        slot = code.graph.call_module(name, (value,))
    value.replace_all_uses_with(slot, delete_user_cb=lambda user: user is not slot)
