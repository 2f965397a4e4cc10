"""Pre-activation residual networks in torch (arXiv:1603.05027), and wide ones (arXiv:1605.07146)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from seplace.backbones.networks.block import ResidualBlock
from seplace.backbones.networks.resnet import PaddedShortcut, ResidualNetwork, shortcut_of


class BareStem(nn.Sequential):
    """A 3x3 convolution at full resolution; the first block has its norm."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(OrderedDict(conv=nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)))


class BareProjection(nn.Sequential):
    """A strided 1x1 convolution without a norm."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__(OrderedDict(conv=nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)))


class PreActivationBlock(ResidualBlock):
    """S(x) + F(x), where F begins with a norm and a ReLU and nothing follows the addition.

    In a block whose shortcut has weights, both branches share the norm and the ReLU, which are in `entry`: S(e) + F(e)
    with e = ReLU(norm(x)). A gate at the start of F (`pre`) never acts on S. In such a block it follows the shared
    ReLU, S(e) + F(A(e)); elsewhere it precedes the norm, S(x) + F(A(x)).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        residual: nn.Sequential,
        shortcut: nn.Sequential,
        *,
        inner: str,
        inner_channels: int,
    ) -> None:
        """Build a block of a `residual` that begins with `norm1` and `relu1`."""
        super().__init__(
            in_channels,
            out_channels,
            residual,
            shortcut,
            nn.Sequential(),
            inner=inner,
            inner_channels=inner_channels,
        )
        self.entry = nn.Sequential()
        if any(True for _ in shortcut.parameters()):
            self.share_activation()

    def share_activation(self) -> None:
        """Move the norm and the ReLU at the start of F before both branches."""
        for name in ("norm1", "relu1"):
            self.entry.add_module(name, self.residual.get_submodule(name))
            delattr(self.residual, name)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, C_out, H/stride, W/stride)."""
        entered = self.entry(x)
        y: Tensor = self.activation(self.join(self.residual(entered), self.shortcut(entered)))
        return y


class PreActivationBasicBlock(PreActivationBlock):
    """Two 3x3 convolutions, each after its norm and ReLU.

    For C input channels and width w: 9Cw + 9w² weights of convolutions.
    """

    shortcut_type: type[nn.Sequential]

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        residual = nn.Sequential(
            OrderedDict(
                norm1=nn.BatchNorm2d(in_channels),
                relu1=nn.ReLU(inplace=True),
                conv1=nn.Conv2d(in_channels, width, 3, stride=stride, padding=1, bias=False),
                norm2=nn.BatchNorm2d(width),
                relu2=nn.ReLU(inplace=True),
                conv2=nn.Conv2d(width, width, 3, padding=1, bias=False),
            )
        )
        shortcut = shortcut_of(self.shortcut_type, in_channels, width, stride)
        super().__init__(in_channels, width, residual, shortcut, inner="relu2", inner_channels=width)


class PaddedPreActivationBlock(PreActivationBasicBlock):
    """A basic block whose shortcut subsamples and pads the input before its activation."""

    shortcut_type = PaddedShortcut


class ProjectedPreActivationBlock(PreActivationBasicBlock):
    """A basic block whose shortcut projects the activated input."""

    shortcut_type = BareProjection


class PreActivationBottleneck(PreActivationBlock):
    """1x1, 3x3 and 1x1 convolutions, each after its norm and ReLU, with the stride in the first; 4w output channels.

    For C input channels and width w: Cw + 9w² + 4w² weights of convolutions.
    """

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        channels = 4 * width
        residual = nn.Sequential(
            OrderedDict(
                norm1=nn.BatchNorm2d(in_channels),
                relu1=nn.ReLU(inplace=True),
                conv1=nn.Conv2d(in_channels, width, 1, stride=stride, bias=False),
                norm2=nn.BatchNorm2d(width),
                relu2=nn.ReLU(inplace=True),
                conv2=nn.Conv2d(width, width, 3, padding=1, bias=False),
                norm3=nn.BatchNorm2d(width),
                relu3=nn.ReLU(inplace=True),
                conv3=nn.Conv2d(width, channels, 1, bias=False),
            )
        )
        shortcut = shortcut_of(BareProjection, in_channels, channels, stride)
        super().__init__(in_channels, channels, residual, shortcut, inner="relu3", inner_channels=width)


class NormAndActivation(nn.Sequential):
    """A norm and a ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__(OrderedDict(norm=nn.BatchNorm2d(channels), relu=nn.ReLU(inplace=True)))


class PreActivationNetwork(ResidualNetwork):
    """A stem without a norm, stages of pre-activation blocks, and a last norm and ReLU."""

    stem_type = BareStem
    head_type = NormAndActivation


class PaddedPreActivationResNet(PreActivationNetwork):
    """The CIFAR network of basic blocks whose shortcuts have no parameters.

    Both branches of the first block share its activation (He et al., 2016, arXiv:1603.05027, appendix).
    """

    block_type = PaddedPreActivationBlock

    def __init__(
        self, *, stem_channels: int, widths: Sequence[int], blocks: Sequence[int], num_classes: int, in_channels: int
    ) -> None:
        super().__init__(
            stem_channels=stem_channels,
            widths=widths,
            blocks=blocks,
            num_classes=num_classes,
            in_channels=in_channels,
        )
        first: Any = self.stages.get_submodule("0.0")
        first.share_activation()


class WideResNet(PreActivationNetwork):
    """The CIFAR network of basic blocks with projections."""

    block_type = ProjectedPreActivationBlock


class PreActivationBottleneckResNet(PreActivationNetwork):
    """The CIFAR network of bottlenecks."""

    block_type = PreActivationBottleneck
