"""MobileNets in torch.

V1 (Howard et al., 2017, arXiv:1704.04861) has depthwise separable convolutions, V2 (Sandler et al., 2018,
arXiv:1801.04381) and V3 (Howard et al., 2019, arXiv:1905.02244) have inverted residuals.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from seplace.backbones.networks.block import Block, ResidualBlock
from seplace.backbones.networks.init import draw_convolutions

ACTIVATIONS: dict[str, Callable[..., nn.Module]] = {"relu": nn.ReLU, "relu6": nn.ReLU6, "hardswish": nn.Hardswish}


NormType = Callable[[int], nn.BatchNorm2d]


def slow_batch_norm(channels: int) -> nn.BatchNorm2d:
    """Return the batch norm of MobileNetV3, with running means over about a hundred batches."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def activated_convolution(
    in_channels: int,
    out_channels: int,
    kernel: int,
    *,
    norm_type: NormType,
    activation: str,
    stride: int = 1,
    groups: int = 1,
) -> nn.Sequential:
    """Return a padded convolution with its norm and its non-linearity."""
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(
                in_channels, out_channels, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False
            ),
            norm=norm_type(out_channels),
            activation=ACTIVATIONS[activation](inplace=True),
        )
    )


def inverted_residual(
    in_channels: int,
    expanded: int,
    out_channels: int,
    *,
    kernel: int,
    stride: int,
    norm_type: NormType,
    activation: str,
    has_native_gate: bool = False,
) -> Block:
    """Return 1x1, depthwise and 1x1 convolutions, the last linear; with a shortcut where the shape does not change.

    Without an expansion the first is left out. The inner gate follows the non-linearity of the depthwise convolution.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if expanded != in_channels:
        layers["expand"] = activated_convolution(in_channels, expanded, 1, norm_type=norm_type, activation=activation)
    layers["depthwise"] = activated_convolution(
        expanded, expanded, kernel, stride=stride, groups=expanded, norm_type=norm_type, activation=activation
    )
    layers["project"] = nn.Conv2d(expanded, out_channels, 1, bias=False)
    layers["norm"] = norm_type(out_channels)
    residual = nn.Sequential(layers)
    if stride == 1 and in_channels == out_channels:
        return ResidualBlock(
            in_channels,
            out_channels,
            residual,
            nn.Sequential(),
            nn.Sequential(),
            inner="depthwise",
            inner_channels=expanded,
            has_native_gate=has_native_gate,
        )
    return Block(
        in_channels,
        out_channels,
        residual,
        inner="depthwise",
        inner_channels=expanded,
        has_native_gate=has_native_gate,
    )


class InvertedResidualNetwork(nn.Module):
    """A strided stem, stages of inverted residuals, a 1x1 convolution, mean pooling and a classifier."""

    norm_type: NormType

    def __init__(
        self,
        *,
        stem: int,
        blocks: Sequence[int],
        activations: Sequence[str],
        expanded: Sequence[int],
        channels: Sequence[int],
        kernels: Sequence[int],
        strides: Sequence[int],
        native_gates: Sequence[int],
        head: int,
        hidden: Sequence[int],
        num_classes: int,
        in_channels: int,
    ) -> None:
        """Build the network from one value a stage (`blocks`, `activations`) and one a block.

        The stem and the head have the last activation. `native_gates` are numbers of blocks, from 0, and `hidden` the
        widths of the classifier's hidden layers.
        """
        super().__init__()
        outer = activations[-1]
        self.stem = activated_convolution(in_channels, stem, 3, stride=2, norm_type=self.norm_type, activation=outer)
        entering = (stem, *channels[:-1])
        stages: list[nn.Sequential] = []
        for count, activation in zip(blocks, activations, strict=True):
            start = sum(map(len, stages))
            stages.append(
                nn.Sequential(
                    *(
                        inverted_residual(
                            entering[number],
                            expanded[number],
                            channels[number],
                            kernel=kernels[number],
                            stride=strides[number],
                            norm_type=self.norm_type,
                            activation=activation,
                            has_native_gate=number in native_gates,
                        )
                        for number in range(start, start + count)
                    )
                )
            )
        self.stages = nn.Sequential(*stages)
        self.head = activated_convolution(channels[-1], head, 1, norm_type=self.norm_type, activation=outer)
        layers: list[nn.Module] = []
        for before, after in zip((head, *hidden), hidden, strict=False):
            layers += [nn.Linear(before, after), ACTIVATIONS[outer](inplace=True)]
        self.classifier = nn.Sequential(*layers, nn.Dropout(0.2), nn.Linear((head, *hidden)[-1], num_classes))
        draw_convolutions(self)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, classes)."""
        logits: Tensor = self.classifier(self.head(self.stages(self.stem(images))).mean((2, 3)))
        return logits


class MobileNetV2(InvertedResidualNetwork):
    """The network of V2."""

    norm_type = nn.BatchNorm2d


class MobileNetV3(InvertedResidualNetwork):
    """The network of V3, without its native gates."""

    norm_type = staticmethod(slow_batch_norm)


class DepthwiseSeparable(Block):
    """A depthwise 3x3 and a 1x1 convolution; the inner gate is between them."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        residual = nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(in_channels, in_channels, 3, stride=stride, padding=1, groups=in_channels, bias=False),
                norm1=nn.BatchNorm2d(in_channels),
                relu1=nn.ReLU(inplace=True),
                conv2=nn.Conv2d(in_channels, out_channels, 1, bias=False),
                norm2=nn.BatchNorm2d(out_channels),
                relu2=nn.ReLU(inplace=True),
            )
        )
        super().__init__(in_channels, out_channels, residual, inner="relu1", inner_channels=in_channels)


class MobileNetV1(nn.Module):
    """A strided stem, stages of blocks (each after the first halves the map), mean pooling, a linear classifier."""

    def __init__(
        self, *, stem: int, channels: Sequence[int], blocks: Sequence[int], num_classes: int, in_channels: int
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            OrderedDict(
                conv=nn.Conv2d(in_channels, stem, 3, stride=2, padding=1, bias=False),
                norm=nn.BatchNorm2d(stem),
                relu=nn.ReLU(inplace=True),
            )
        )
        before = stem
        after = iter(channels)
        stages = []
        for stage, count in enumerate(blocks):
            layers = []
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                layers.append(DepthwiseSeparable(before, next(after), stride))
                before = layers[-1].out_channels
            stages.append(nn.Sequential(*layers))
        self.stages = nn.Sequential(*stages)
        self.classifier = nn.Linear(before, num_classes)
        draw_convolutions(self)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, classes)."""
        logits: Tensor = self.classifier(self.stages(self.stem(images)).mean((2, 3)))
        return logits
