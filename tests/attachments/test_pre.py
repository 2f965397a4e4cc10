from torch import Tensor, nn

from tests.attachments.toy import check_equation, each_block


@each_block
def test_the_equation(place: tuple[str, int, int]) -> None:
    """φ(S(x) + F(x ⊙ g(x)))."""

    def expected(plain: nn.Module, gate: nn.Module, x: Tensor) -> Tensor:
        return (plain.residual(x * gate(x)) + plain.shortcut(x)).relu()

    check_equation("pre", place, expected)
