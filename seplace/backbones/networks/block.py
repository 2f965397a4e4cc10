"""Blocks in torch, with slots for the modules that attachments insert."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor, nn


class Addition(nn.Module):
    """S + F: the join of a block without attention."""

    def forward(self, residual: Tensor, shortcut: Tensor) -> Tensor:
        """Join two tensors of shape (N, C, H, W)."""
        return shortcut + residual


class AdditionToResidual(nn.Module):
    """F + S: the same sum, in the memory layout of F where the layouts differ."""

    def forward(self, residual: Tensor, shortcut: Tensor) -> Tensor:
        """Join two tensors of shape (N, C, H, W)."""
        return residual + shortcut


class Block(nn.Module):
    """A block without a shortcut: its output is F(x).

    The slots `entry` and `residual` are the start and the end of F; `inner` follows the 3x3 convolution with its norm
    and non-linearity.
    """

    has_shortcut = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        residual: nn.Sequential,
        *,
        inner: str = "",
        inner_channels: int = 0,
        has_native_gate: bool = False,
    ) -> None:
        """Build a block; `inner` names the layer of `residual` that the slot `inner` follows."""
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.residual_channels = out_channels
        self.inner = inner
        self.inner_channels = inner_channels
        self.has_native_gate = has_native_gate
        self.residual = residual

    def put(self, slot: str, module: nn.Module) -> None:
        """Put a module that keeps the shape of its input into a slot."""
        layers, after = self.slots()[slot]
        insert_layer(layers, module, after=after)

    def replace_inner(self, make: Callable[[nn.Sequential], nn.Module]) -> None:
        """Replace the 3x3 convolution, its norm and non-linearity by `kernel`, which `make` builds of them."""
        layers = list(self.residual.named_children())
        end = [name for name, _ in layers].index(self.inner) + 1
        start = max(at for at, (_, layer) in enumerate(layers[:end]) if isinstance(layer, nn.Conv2d))
        own = nn.Sequential(OrderedDict(layers[start:end]))
        self.residual = nn.Sequential(OrderedDict([*layers[:start], ("kernel", make(own)), *layers[end:]]))

    def slots(self) -> dict[str, tuple[nn.Sequential, str | None]]:
        """Return for each slot its Sequential, and the layer that it follows (see `insert_layer`)."""
        return {"entry": (self.residual, ""), "inner": (self.residual, self.inner), "residual": (self.residual, None)}

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, C_out, H/stride, W/stride)."""
        y: Tensor = self.residual(x)
        return y


class ResidualBlock(Block):
    """φ(join(F(x), S(x))), with two more slots: `shortcut`, the end of S, and `output`, the end of φ.

    An empty Sequential is the identity.
    """

    has_shortcut = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        residual: nn.Sequential,
        shortcut: nn.Sequential,
        activation: nn.Sequential,
        *,
        inner: str = "",
        inner_channels: int = 0,
        has_native_gate: bool = False,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            residual,
            inner=inner,
            inner_channels=inner_channels,
            has_native_gate=has_native_gate,
        )
        self.shortcut = shortcut
        self.join: nn.Module = Addition()
        self.activation = activation

    def slots(self) -> dict[str, tuple[nn.Sequential, str | None]]:
        """Return the slots of F, and those of S and φ."""
        return super().slots() | {"shortcut": (self.shortcut, None), "output": (self.activation, None)}

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, C_out, H/stride, W/stride)."""
        y: Tensor = self.activation(self.join(self.residual(x), self.shortcut(x)))
        return y


def insert_layer(layers: nn.Sequential, module: nn.Module, *, after: str | None) -> None:
    """Put a module into a Sequential as `attention`: after a layer, at the start ("") or at the end (None)."""
    names = [name for name, _ in layers.named_children()]
    start = len(names) if after is None else names.index(after) + 1 if after else 0
    following = [(name, layers.get_submodule(name)) for name in names[start:]]
    for name, _ in following:
        delattr(layers, name)
    layers.add_module("attention", module)
    for name, layer in following:
        layers.add_module(name, layer)
    # torch.jit.script shares code between modules whose layers have equal names and types, in whatever order.
    vars(layers).update(order=",".join(dict(layers.named_children())), __constants__=["order"])
