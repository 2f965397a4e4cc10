from torch import Tensor, nn

from seplace.testing.attachments import Place
from tests.attachments.toy import check_equation, each_block


@each_block
def test_the_equation(place: Place) -> None:
    """φ(S ⊙ g(S) + F)."""

    def expected(plain: nn.Module, gate: nn.Module, x: Tensor) -> Tensor:
        residual, shortcut = plain.residual(x), plain.shortcut(x)
        return (residual + shortcut * gate(shortcut)).relu()

    check_equation("parallel", place, expected)
