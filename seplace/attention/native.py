"""The native gate of MobileNetV3 (Howard et al., 2019, arXiv:1905.02244): SE with biases and a hard sigmoid."""

from __future__ import annotations

from seplace.attention.se import SqueezeExcitation


def multiple_of_eight(width: float) -> int:
    """Return the multiple of 8 nearest to `width`, at least 8; the next one where the nearest is over 10 % less."""
    nearest = max(8, 8 * int((width + 4) // 8))
    return nearest if nearest >= 0.9 * width else nearest + 8


class NativeSE(SqueezeExcitation):
    """g(u) = hardσ(W2 φ(W1 avgpool(u) + b1) + b2) with hardσ(x) = min(max(x + 3, 0), 6) / 6.

    h = C/4 hidden units, rounded to a multiple of 8: 2Ch + C + h parameters, 2Ch MACs.
    """

    def __init__(self, channels: int, *, init: str = "paper") -> None:
        hidden = multiple_of_eight(channels / 4)
        super().__init__(
            channels, hidden, init=init, squeeze="avg", excitation="hardsigmoid", bias="yes", activation="relu"
        )
