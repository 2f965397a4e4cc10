"""The initial weights of convolutions (He et al., 2015, arXiv:1502.01852)."""

from __future__ import annotations

from torch import nn


def draw_convolutions(network: nn.Module) -> None:
    """Draw the kernels of all convolutions from a normal distribution that keeps the variance of the gradients."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
