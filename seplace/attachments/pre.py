"""The gate before the residual branch ("PRE" in the SE paper, section 6.5)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor, nn

from seplace.attachments.block import Block


class Pre(nn.Module):
    """A(x) = x ⊙ g(x) at the entry of the residual branch; its width is the block's input channels."""

    def __init__(self, gate: nn.Module) -> None:
        super().__init__()
        self.gate = gate

    def forward(self, x: Tensor) -> Tensor:
        """Scale a tensor of shape (N, C, H, W)."""
        gate: Tensor = self.gate(x)
        return x * gate

    @classmethod
    def attach(cls, block: Block, make_gate: Callable[[int], nn.Module]) -> None:
        """Put the gated entry before the layers of the residual branch."""
        layers = block.residual.named_children()
        block.residual = nn.Sequential(OrderedDict([("pre", cls(make_gate(block.in_channels))), *layers]))
