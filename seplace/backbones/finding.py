"""The blocks of a foreign network: what it calls when it runs, and which of that is a block where gates may stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from seplace.backbones.slotted import slots_of
from seplace.backbones.tracing import BlockGraph, trace
from seplace.errors import InputError, did_you_mean

_NO_FORWARDS = (nn.Sequential.forward, nn.Module.forward)
"""Those of containers, also of a user's own."""
_ACTIVATIONS = (
    nn.ReLU,
    nn.Hardtanh,  # ReLU6 is one
    nn.LeakyReLU,
    nn.PReLU,
    nn.ELU,
    nn.SELU,
    nn.CELU,
    nn.GELU,
    nn.SiLU,
    nn.Mish,
    nn.Hardswish,
)
_NORMS = ("torch.nn.modules.batchnorm", "torch.nn.modules.instancenorm", "torch.nn.modules.normalization")


@dataclass
class Calls:
    """What was seen of one module while its network ran."""

    path: str
    module: nn.Module
    count: int = 0
    images: Tensor | None = field(default=None, repr=False)
    """The input of the last call, where it was one map (N, C, H, W)."""
    output_shape: torch.Size | None = None
    """Of the output of the last call, where it was one map."""

    @property
    def is_map_to_map(self) -> bool:
        """Whether the module was called once, with one map, and returned one."""
        return self.count == 1 and self.images is not None and self.output_shape is not None


def record(network: nn.Module, images: Tensor) -> tuple[dict[str, Calls], Any]:
    """Run a network on images; return the calls of its modules by path, in the order of their ends, and the output."""
    seen: dict[str, Calls] = {}

    def note(path: str, module: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any], output: Any) -> None:
        calls = seen.setdefault(path, Calls(path, module))
        calls.count += 1
        is_one = len(arguments) == 1 and not keywords
        calls.images = inputs.get(path) if is_one else None
        calls.output_shape = output.shape if _is_map(output) else None

    def keep(path: str, arguments: tuple[Any, ...]) -> None:
        inputs.pop(path, None)
        if arguments and _is_map(arguments[0]):
            inputs[path] = arguments[0].clone()  # what follows may change it in place

    inputs: dict[str, Tensor] = {}
    hooks = []
    for path, module in network.named_modules():
        hooks.append(module.register_forward_pre_hook(lambda _module, arguments, path=path: keep(path, arguments)))
        hooks.append(
            module.register_forward_hook(
                lambda module, arguments, keywords, output, path=path: note(path, module, arguments, keywords, output),
                with_kwargs=True,
            )
        )
    try:
        with torch.no_grad():
            output = network(images)
    finally:
        for hook in hooks:
            hook.remove()
    return seen, output


def find_blocks(network: nn.Module, seen: dict[str, Calls]) -> list[Calls]:
    """Return the blocks of a network, in the order in which they run.

    They are modules of a repeated class that map one map to one map: of those classes that join two paths, where there
    are any, and the outermost. A network without such modules is a chain of layers; its blocks are its activations
    after convolutions. InputError where there is nothing of either kind.
    """
    candidates = [calls for calls in seen.values() if calls.is_map_to_map and _is_composite(calls.module)]
    kinds = Counter(type(calls.module) for calls in candidates)
    candidates = [calls for calls in candidates if calls.path and kinds[type(calls.module)] > 1]
    joining = {type(calls.module) for calls in candidates if _may_join(calls.module)}
    blocks = _outermost([calls for calls in candidates if not joining or type(calls.module) in joining])
    if not blocks:
        blocks = _activations_after_convolutions(seen)
    if not blocks:
        raise InputError(
            f"{type(network).__name__}: no blocks found (a class of modules that occurs several times, each called "
            "once with one map (N, C, H, W)); name their paths: blocks=['layer1.0', …]"
        )
    return blocks


def named_blocks(network: nn.Module, seen: dict[str, Calls], paths: Sequence[str]) -> list[Calls]:
    """Return the blocks that a user names by their paths, in the order in which they run; InputError lists all faults.

    A module of several paths has the first, as in `named_modules`.
    """
    known = {path for path, _ in network.named_modules() if path}
    faults = [
        f"blocks[{at}] {path!r}: {fault}" for at, path in enumerate(paths) if (fault := _fault(path, seen, known))
    ]
    for at, path in enumerate(paths):
        outer = next((other for other in paths if path.startswith(f"{other}.")), None)
        if path in paths[:at]:
            faults.append(f"blocks[{at}] {path!r}: is listed twice")
        elif outer is not None:
            faults.append(f"blocks[{at}] {path!r}: is inside {outer!r}")
    if not paths:
        faults.append("blocks: name at least one path, or leave blocks out")
    if faults:
        raise InputError("\n".join(f"{type(network).__name__}: {fault}" for fault in faults))
    return [calls for path, calls in seen.items() if path in paths]


def _fault(path: str, seen: dict[str, Calls], known: set[str]) -> str | None:
    if path not in known:
        return f"there is no such module{did_you_mean(path, known)}"
    calls = seen.get(path)
    if calls is None:
        return "is never called by itself"
    if calls.count > 1:
        return f"is called {calls.count} times in one pass, and a block only once"
    if not calls.is_map_to_map:
        return "does not map one map (N, C, H, W) to one"
    return None


def _is_map(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim == 4


def _is_composite(module: nn.Module) -> bool:
    if slots_of(module) is not None:
        raise InputError(f"{type(module).__name__}: the network was adopted already; adopt it as it was before")
    is_container = type(module).forward in _NO_FORWARDS
    return not is_container and not type(module).__module__.startswith("torch.") and any(module.children())


def _may_join(block: nn.Module) -> bool:
    """Whether the forward of a block joins two paths; of one that cannot be traced nobody knows."""
    graph = trace(block)
    return graph is None or BlockGraph(block, graph).has_join


def _outermost(found: list[Calls]) -> list[Calls]:
    paths = [calls.path for calls in found]
    return [calls for calls in found if not any(calls.path.startswith(f"{path}.") for path in paths)]


def _activations_after_convolutions(seen: dict[str, Calls]) -> list[Calls]:
    found = []
    is_after = False
    for calls in seen.values():
        if any(calls.module.children()):
            continue
        if is_after and isinstance(calls.module, _ACTIVATIONS) and calls.is_map_to_map:
            found.append(calls)
        is_convolution = isinstance(calls.module, nn.Conv2d | nn.ConvTranspose2d)
        is_after = is_convolution or (is_after and type(calls.module).__module__ in _NORMS)
    return found
