from torch import Tensor, nn

from tests.attachments.toy import check_equation, each_block


@each_block
def test_the_equation(place: tuple[str, int, int]) -> None:
    """y ⊙ g(y), with y = φ(S + F): as post, of the one block that it is given."""

    def expected(plain: nn.Module, gate: nn.Module, x: Tensor) -> Tensor:
        y = (plain.residual(x) + plain.shortcut(x)).relu()
        return y * gate(y)

    check_equation("exit", place, expected)
