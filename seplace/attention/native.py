"""The native gate of MobileNetV3: squeeze-and-excitation with biases and a hard sigmoid (Howard et al., 2019)."""

from __future__ import annotations

from seplace.attention.se import SqueezeExcitation


def multiple_of_eight(width: float) -> int:
    """Return the multiple of 8 that is nearest to `width`, at least 8, or the next one where that loses over 10 %."""
    nearest = max(8, 8 * int((width + 4) // 8))
    return nearest if nearest >= 0.9 * width else nearest + 8


class NativeSE(SqueezeExcitation):
    """g(u) = hardσ(W2 φ(W1 avgpool(u) + b1) + b2) with hardσ(x) = min(max(x + 3, 0), 6) / 6.

    It has h = C/4 hidden units, made a multiple of 8: 2Ch + C + h parameters, 2Ch MACs.
    """

    def __init__(self, channels: int, *, init: str = "paper") -> None:
        hidden = multiple_of_eight(channels / 4)
        super().__init__(channels, hidden, init=init, squeeze="avg", excitation="hardsigmoid", bias="yes")
