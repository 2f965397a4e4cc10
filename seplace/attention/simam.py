"""Simple, parameter-free attention (Yang et al., 2021, PMLR 139:11863)."""

from __future__ import annotations

from torch import Tensor, fx, nn

from seplace.attention.gate import FullPrecisionGate, fading, full_dtype


@fx.wrap
def degrees_of_freedom(height: int, width: int) -> int:
    """Return the divisor of the variance of a map; in a traced graph, a call."""
    return max(height * width - 1, 1)


class SimAM(FullPrecisionGate):
    """g(u) = σ(d / (4(v + λ)) + 0.5), d = (u − mean(u))², v = Σ d / (HW − 1) over the map, λ = 1e-4.

    No parameters, no MACs. `init="identity"` adds one parameter: g = 1 + a(σ(…) − 1) with a learned a that starts at 0.
    A map of one pixel has v = d = 0.
    """

    def __init__(self, channels: int, *, init: str = "paper") -> None:  # noqa: ARG002 (all channels are alike)
        super().__init__()
        self.penalty = 1e-4
        self.squash = nn.Sigmoid()
        self.fade = fading(init)

    def compute(self, u: Tensor) -> Tensor:
        """Return the gate (N, C, H, W) of u (N, C, H, W)."""
        others = degrees_of_freedom(u.shape[2], u.shape[3])
        deviation = u.to(full_dtype(u))
        deviation = deviation - deviation.mean((2, 3), keepdim=True)
        energy = deviation.square().sum((2, 3), keepdim=True)
        # The root of d / (4(v + λ)) is squared: where d and v overflow it is 0, while their quotient is NaN.
        score = deviation * (0.5 * (energy / others + self.penalty).rsqrt())
        gate: Tensor = self.fade(self.squash(score.square() + 0.5))
        return gate.to(u.dtype)
