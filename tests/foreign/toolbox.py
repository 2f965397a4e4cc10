"""Networks in the style of toolboxes for detection: configured convolution modules, inner forwards, several scales."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


class ConvModule(nn.Module):
    def __init__(self, a: int, b: int, kernel: int = 1, stride: int = 1, groups: int = 1, act: bool = True) -> None:
        super().__init__()
        self.with_norm, self.with_activation = True, act
        self.order = ("conv", "norm", "act")
        self.conv = nn.Conv2d(a, b, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm_name = "bn"
        self.add_module(self.norm_name, nn.BatchNorm2d(b))
        self.activate = nn.ReLU(inplace=True)

    @property
    def norm(self) -> nn.Module:
        return getattr(self, self.norm_name)

    def forward(self, x: Tensor, activate: bool = True, norm: bool = True) -> Tensor:
        for layer in self.order:
            if layer == "conv":
                x = self.conv(x)
            elif layer == "norm" and norm and self.with_norm:
                x = self.norm(x)
            elif layer == "act" and activate and self.with_activation:
                x = self.activate(x)
        return x


class Inverted(nn.Module):
    def __init__(self, a: int, b: int, stride: int = 1, with_cp: bool = False) -> None:
        super().__init__()
        self.with_res_shortcut = stride == 1 and a == b
        self.with_cp = with_cp
        self.expand_conv, self.depthwise_conv = ConvModule(a, 4 * a), ConvModule(4 * a, 4 * a, 3, stride, 4 * a)
        self.linear_conv = ConvModule(4 * a, b, act=False)

    def forward(self, x: Tensor) -> Tensor:
        def inner(x: Tensor) -> Tensor:
            out = self.linear_conv(self.depthwise_conv(self.expand_conv(x)))
            return x + out if self.with_res_shortcut else out

        if self.with_cp and x.requires_grad:
            return checkpoint(inner, x, use_reentrant=False)
        return inner(x)


class Backbone(nn.Module):
    """Returns the maps of some layers, of which the last is classified."""

    def __init__(self, layers: dict[str, nn.Module], channels: int) -> None:
        super().__init__()
        self.layers = list(layers)
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.head = nn.Linear(channels, 5)

    def forward(self, x: Tensor) -> Tensor:
        outputs = []
        for name in self.layers:
            x = getattr(self, name)(x)
            outputs.append(x)
        return self.head(outputs[-1].mean((2, 3)))


def mobilenet(with_cp: bool = False, residual: bool = True) -> nn.Module:
    between = 8 if residual else 12
    layers: dict[str, nn.Module] = {"conv1": ConvModule(3, 8, 3, 2)}
    layers["layer1"] = nn.Sequential(Inverted(8, between, 1, with_cp), Inverted(between, 8, 1, with_cp))
    layers["layer2"] = nn.Sequential(Inverted(8, 16, 2, with_cp))
    return Backbone({**layers, "conv2": ConvModule(16, 24)}, 24)


def mobilenet_checkpointing() -> nn.Module:
    return mobilenet(with_cp=True)


def mobilenet_without_shortcuts() -> nn.Module:
    return mobilenet(residual=False)


class Bottleneck(nn.Module):
    def __init__(self, a: int, b: int, stride: int = 1, with_cp: bool = True) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(a, b // 4, 1, bias=False), nn.BatchNorm2d(b // 4)
        self.conv2, self.bn2 = nn.Conv2d(b // 4, b // 4, 3, stride, 1, bias=False), nn.BatchNorm2d(b // 4)
        self.conv3, self.bn3 = nn.Conv2d(b // 4, b, 1, bias=False), nn.BatchNorm2d(b)
        self.relu, self.with_cp = nn.ReLU(inplace=True), with_cp
        self.downsample = None if a == b else nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b))

    def forward(self, x: Tensor) -> Tensor:
        def inner(x: Tensor) -> Tensor:
            out = self.relu(self.bn1(self.conv1(x)))
            out = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(out)))))
            out += x if self.downsample is None else self.downsample(x)
            return out

        return self.relu(checkpoint(inner, x, use_reentrant=False) if self.with_cp and x.requires_grad else inner(x))


class ResLayer(nn.Sequential):
    def __init__(self, a: int, b: int, depth: int, stride: int) -> None:
        super().__init__(*(Bottleneck(a if at == 0 else b, b, stride if at == 0 else 1) for at in range(depth)))


def resnet() -> nn.Module:
    stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
    return Backbone({"stem": stem, "layer1": ResLayer(8, 16, 2, 1), "layer2": ResLayer(16, 32, 2, 2)}, 32)


class DarknetBottleneck(nn.Module):
    def __init__(self, channels: int, add_identity: bool = True) -> None:
        super().__init__()
        self.conv1, self.conv2 = ConvModule(channels, channels // 2), ConvModule(channels // 2, channels, 3)
        self.add_identity = add_identity

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(self.conv1(x))
        return out + x if self.add_identity else out


class CSPLayer(nn.Module):
    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        half = channels // 2
        self.main_conv, self.short_conv = ConvModule(channels, half), ConvModule(channels, half)
        self.final_conv = ConvModule(channels, channels)
        self.blocks = nn.Sequential(*(DarknetBottleneck(half, add_identity=at == 0) for at in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        return self.final_conv(torch.cat((self.blocks(self.main_conv(x)), self.short_conv(x)), dim=1))


def csp_darknet() -> nn.Module:
    stages = {
        f"stage{at}": nn.Sequential(ConvModule(8 * at, 8 * at + 8, 3, 2), CSPLayer(8 * at + 8, at)) for at in (1, 2)
    }
    return Backbone({"stem": ConvModule(3, 8, 3), **stages}, 24)


def darknet() -> nn.Module:
    """Nothing but convolution modules."""
    layers = [ConvModule(3, 8, 3), nn.MaxPool2d(2), ConvModule(8, 16, 3), ConvModule(16, 8), nn.MaxPool2d(2)]
    return Backbone({"conv1": nn.Sequential(*layers), "conv2": nn.Sequential(ConvModule(8, 16, 3))}, 16)


class BasicBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = ConvModule(channels, channels, 3), ConvModule(channels, channels, 3, act=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.conv2(self.conv1(x)))


class Exchange(nn.Module):
    """Maps of two scales, each through its branch, then each added to the other."""

    def __init__(self, wide: int, deep: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            [nn.Sequential(BasicBlock(wide), BasicBlock(wide)), nn.Sequential(BasicBlock(deep))]
        )
        self.down, self.up = ConvModule(wide, deep, 3, 2, act=False), ConvModule(deep, wide, act=False)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        one, other = (branch(x) for branch, x in zip(self.branches, maps, strict=True))
        up = F.interpolate(self.up(other), scale_factor=2)
        return [F.relu(one + up), F.relu(other + self.down(one))]


class HRNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.transition = ConvModule(3, 8, 3, 2), ConvModule(8, 16, 3, 2)
        self.stage2 = nn.Sequential(Exchange(8, 16), Exchange(8, 16))
        self.fc = nn.Linear(24, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        maps = self.stage2([x, self.transition(x)])
        return self.fc(torch.cat([y.mean((2, 3)) for y in maps], 1))
