from torch import Tensor, nn

from seplace.testing.attachments import Place
from tests.attachments.toy import check_equation, each_block


@each_block
def test_serial(place: Place) -> None:
    """φ(S + F ⊙ g(F))."""

    def expected(plain: nn.Module, gate: nn.Module, x: Tensor) -> Tensor:
        residual, shortcut = plain.residual(x), plain.shortcut(x)
        return (residual * gate(residual) + shortcut).relu()

    check_equation("serial", place, expected)


@each_block
def test_pre(place: Place) -> None:
    """φ(S(x) + F(x ⊙ g(x)))."""

    def expected(plain: nn.Module, gate: nn.Module, x: Tensor) -> Tensor:
        return (plain.residual(x * gate(x)) + plain.shortcut(x)).relu()

    check_equation("pre", place, expected)


@each_block
def test_post(place: Place) -> None:
    """y ⊙ g(y), with y = φ(S + F)."""

    def expected(plain: nn.Module, gate: nn.Module, x: Tensor) -> Tensor:
        y = (plain.residual(x) + plain.shortcut(x)).relu()
        return y * gate(y)

    check_equation("post", place, expected)


@each_block
def test_inner(place: Place) -> None:
    """The gate sees the map of the first 3x3 convolution, normalized and rectified."""

    def expected(plain: nn.Module, gate: nn.Module, x: Tensor) -> Tensor:
        layers = dict(plain.residual.named_children())
        is_bottleneck = "conv3" in layers
        for name in ["conv1", "norm1", "relu1"] + (["conv2", "norm2", "relu2"] if is_bottleneck else []):
            x = layers[name](x)
        assert is_bottleneck or layers["conv1"].kernel_size == (3, 3)
        assert not is_bottleneck or layers["conv2"].kernel_size == (3, 3)
        residual = x * gate(x)
        for name in ["conv3", "norm3"] if is_bottleneck else ["conv2", "norm2"]:
            residual = layers[name](residual)
        return residual

    def block(plain: nn.Module, gate: nn.Module, x: Tensor) -> Tensor:
        return (expected(plain, gate, x) + plain.shortcut(x)).relu()

    check_equation("inner", place, block)


@each_block
def test_exit(place: Place) -> None:
    """y ⊙ g(y), with y = φ(S + F): as post, of the one block that it is given."""

    def expected(plain: nn.Module, gate: nn.Module, x: Tensor) -> Tensor:
        y = (plain.residual(x) + plain.shortcut(x)).relu()
        return y * gate(y)

    check_equation("exit", place, expected)
