from torch import Tensor, nn

from tests.attachments.toy import check_equation, each_block


@each_block
def test_the_equation(place: tuple[str, int, int]) -> None:
    """φ(S + F ⊙ g(F))."""

    def expected(plain: nn.Module, gate: nn.Module, x: Tensor) -> Tensor:
        residual, shortcut = plain.residual(x), plain.shortcut(x)
        return (residual * gate(residual) + shortcut).relu()

    check_equation("serial", place, expected)
