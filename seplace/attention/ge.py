"""Gather-excite with global extent (Hu et al., 2018, arXiv:1810.12348)."""

from __future__ import annotations

from torch import Tensor, fx, nn

from seplace.attention.gate import FullPrecisionGate, fading, full_dtype, refuse_single_value, squashing


class GatherByMean(nn.Module):
    """σ(avgpool(u)), θ− in the paper: no parameters, no MACs. The start at the identity adds one, see `Faded`."""

    def __init__(self, *, init: str) -> None:
        super().__init__()
        self.squash = nn.Sigmoid()
        self.fade = fading(init)

    def forward(self, u: Tensor) -> Tensor:
        """Return the gate (N, C, 1, 1) of u (N, C, H, W)."""
        gate: Tensor = self.fade(self.squash(u.mean((2, 3), dtype=full_dtype(u))))
        return gate[:, :, None, None]


@fx.wrap
def check_map(u: Tensor, map_size: int) -> None:
    """Raise ValueError for a map of another size; in a traced graph, a call."""
    if u.shape[2] != map_size or u.shape[3] != map_size:
        raise ValueError(f"GE with map_size {map_size} cannot gather a {u.shape[2]}x{u.shape[3]} map")


class GatherByConvolution(nn.Module):
    """σ(BN(depthwise conv_kxk(u))) on k x k maps, θ in the paper: Ckk + 2C parameters, Ckk MACs."""

    def __init__(self, channels: int, map_size: int, *, init: str) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, map_size, groups=channels, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.squash = squashing(init)
        if init == "identity":
            nn.init.zeros_(self.norm.weight)

    def forward(self, u: Tensor) -> Tensor:
        """Return the gate (N, C, 1, 1) of u (N, C, k, k)."""
        check_map(u, self.conv.kernel_size[0])
        if self.training:
            refuse_single_value(
                u.shape[0], "GE's batch norm cannot train on one image: use a larger batch, or GE without map_size"
            )
        gate: Tensor = self.squash(self.norm(self.conv(u.to(self.conv.weight.dtype))))
        return gate


class GE(FullPrecisionGate):
    """g(u) = σ(avgpool(u)) without parameters, or σ(BN(depthwise conv_kxk(u))) for maps of k x k = `map_size`.

    0 parameters and MACs, or Ckk + 2C parameters and Ckk MACs. Without a map size no parameter could start at the
    identity: `init="identity"` adds one, g = 1 + a(σ(avgpool(u)) − 1) with a learned a that starts at 0.
    """

    def __init__(self, channels: int, *, init: str = "paper", map_size: int | None = None) -> None:
        super().__init__()
        self.excite = (
            GatherByMean(init=init) if map_size is None else GatherByConvolution(channels, map_size, init=init)
        )

    def compute(self, u: Tensor) -> Tensor:
        """Return the gate (N, C, 1, 1) of u (N, C, H, W)."""
        gate: Tensor = self.excite(u)
        return gate.to(u.dtype)
