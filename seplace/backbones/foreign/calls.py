"""A record of the calls in a foreign network, and of the operators that its modules apply to their maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_ADDING = frozenset({"add", "add_", "__add__", "__radd__", "__iadd__"})
_STACKING = "stack"
_CONCATENATING = frozenset({"cat", "concat", "concatenate"})
_SCALING = frozenset({"mul", "mul_", "__mul__", "__rmul__", "__imul__"})
_CONVOLVING = frozenset({"conv2d", "conv_transpose2d"})


@dataclass
class Calls:
    """The record of one module during a run of its network."""

    path: str
    module: nn.Module
    count: int = 0
    images: Tensor | None = field(default=None, repr=False)
    """The input of the last call, if it was one map (N, C, H, W)."""
    output_shape: torch.Size | None = None
    """The shape of the output of the last call, if it was one map."""
    convolutions: int = 0
    """The number of convolutions, and of linear layers over positions, in its last call, inner modules included; layers
    on a pooled map do not count."""
    adds: bool = False
    """Whether its own code adds two maps."""
    concatenates: bool = False
    """Whether its own code concatenates maps."""
    scales_its_input: bool = False
    """Whether its own code multiplies its input by another map, as a gate does."""

    @property
    def is_map_to_map(self) -> bool:
        """Whether the module was called once, with one map, and returned one."""
        return self.count == 1 and self.images is not None and self.output_shape is not None


def is_container(module: nn.Module) -> bool:
    """Whether a module runs its modules in sequence, or has no code."""
    return type(module).forward in (nn.Sequential.forward, nn.Module.forward)


def is_composite(module: nn.Module) -> bool:
    """Whether a module has code of the user's own, and modules in it."""
    return not is_container(module) and not type(module).__module__.startswith("torch.") and any(module.children())


def record(network: nn.Module, images: Tensor) -> tuple[dict[str, Calls], Any]:
    """Run a network on images; return the calls of its modules by path, in the order of their ends, and the output."""
    recorder = _Recorder(network)
    hooks = []
    for path, module in network.named_modules():
        hooks.append(
            module.register_forward_pre_hook(
                lambda module, arguments, keywords, path=path: recorder.enter(path, module, arguments, keywords),
                with_kwargs=True,
            )
        )
        hooks.append(
            module.register_forward_hook(lambda _module, _arguments, output, path=path: recorder.leave(path, output))
        )
    try:
        with torch.no_grad(), recorder:
            output = network(images)
    finally:
        for hook in hooks:
            hook.remove()
    return recorder.seen, output


@dataclass
class _Frame:
    """A call in progress."""

    calls: Calls
    given: Tensor | None
    """Its input, if that is one map."""
    images: Tensor | None
    """A copy of the input, which may be changed in place."""
    joined: list[tuple[str, torch.Size]] = field(default_factory=list)
    """The joins of maps in its own code: `add` or `concatenate`, and the shape of the result."""
    convolutions: int = 0
    scales: bool = False


class _Recorder(TorchFunctionMode):
    """Records the calls of modules, and the operators in them that join maps or convolve."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.seen: dict[str, Calls] = {}
        self.frames: list[_Frame] = []
        self.made: dict[str, Calls] = {}
        self.held = {id(tensor) for tensor in (*network.parameters(), *network.buffers())}

    def enter(self, path: str, module: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        calls = self.made.setdefault(path, Calls(path, module))
        given = arguments[0] if len(arguments) == 1 and not keywords and _is_map(arguments[0]) else None
        self.frames.append(_Frame(calls, given, None if given is None else given.clone()))

    def leave(self, path: str, output: Any) -> None:
        while self.frames:  # calls that ended with an error have left frames
            frame = self.frames.pop()
            if frame.calls.path == path:
                break
        calls = frame.calls
        self.seen[path] = calls
        calls.count += 1
        calls.images = frame.images
        calls.output_shape = output.shape if _is_map(output) else None
        calls.convolutions = frame.convolutions
        calls.scales_its_input |= frame.scales
        # A sum of pooled maps belongs to a gate.
        size = None if calls.output_shape is None else calls.output_shape[2:].numel()
        joins = {kind for kind, shape in frame.joined if (size is not None and shape[2:].numel() > 1) or size == 1}
        if frame.given is None or calls.output_shape is None or not is_composite(calls.module):
            if self.frames:  # a module that adds its two inputs, for one: its caller joins them
                self.frames[-1].joined += frame.joined
            return
        calls.adds |= "add" in joins
        calls.concatenates |= "concatenate" in joins

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run an operator, and record it."""
        keywords = dict(kwargs or {})
        result = func(*args, **keywords)
        if self.frames and isinstance(result, Tensor):
            self._note(getattr(func, "__name__", ""), [*args, *keywords.values()], result)
        return result

    def _note(self, name: str, arguments: list[Any], result: Tensor) -> None:
        frame = self.frames[-1]
        if name in _CONVOLVING or (name == "linear" and result.ndim > 2):
            kernel = next((each for each in arguments[1:2] if isinstance(each, Tensor)), None)
            is_spatial = name in _CONVOLVING and kernel is not None and kernel.shape[2:].numel() > 1
            positions = result.shape[2:].numel() if name in _CONVOLVING else result.shape[1:-1].numel()
            if is_spatial or positions > 1:
                for each in self.frames:
                    each.convolutions += 1
        elif name in _ADDING and len(self._maps(arguments)) == 2 and _is_map(result):
            one, other = self._maps(arguments)
            if one.shape == other.shape and one is not other:
                frame.joined.append(("add", result.shape))
        elif name == _STACKING and arguments and len(self._maps(arguments[0])) > 1:
            frame.joined.append(("add", self._maps(arguments[0])[0].shape))
        elif name in _CONCATENATING and arguments and len(self._maps(arguments[0])) > 1:
            frame.joined.append(("concatenate", result.shape))
        elif name in _SCALING:
            maps = self._maps(arguments)
            frame.scales |= len(maps) == 2 and frame.given is not None and any(each is frame.given for each in maps)

    def _maps(self, values: Any) -> list[Tensor]:
        """Return the maps among values that are not tensors of the network."""
        if not isinstance(values, list | tuple):
            return []
        return [each for each in values if _is_map(each) and id(each) not in self.held]


def _is_map(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim == 4
