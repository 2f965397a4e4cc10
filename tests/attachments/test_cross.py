from torch import Tensor, nn

from seplace.testing.attachments import Place
from tests.attachments.toy import check_equation, each_block


@each_block
def test_the_equation(place: Place) -> None:
    """φ(S + F ⊙ g(S))."""

    def expected(plain: nn.Module, gate: nn.Module, x: Tensor) -> Tensor:
        residual, shortcut = plain.residual(x), plain.shortcut(x)
        return (residual * gate(shortcut) + shortcut).relu()

    check_equation("cross", place, expected)
