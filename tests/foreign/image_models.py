"""Networks in the style of the large libraries of image models: norms with activations, helpers, stages of modules."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


class NormAct(nn.BatchNorm2d):
    """Looks at its input, so that no tracer gets through it."""

    def __init__(self, channels: int, act: bool = True) -> None:
        super().__init__(channels)
        self.drop = nn.Identity()
        self.act = nn.ReLU(inplace=True) if act else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4:
            raise ValueError(f"expected 4D input (got {x.ndim}D input)")
        return self.act(self.drop(super().forward(x)))


class ConvNormAct(nn.Module):
    """With switches that its forward takes."""

    def __init__(self, a: int, b: int, kernel: int = 1, stride: int = 1, groups: int = 1, act: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(a, b, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = NormAct(b, act)

    def forward(self, x: Tensor, norm: bool = True) -> Tensor:
        x = self.conv(x)
        return self.bn(x) if norm else x


class SqueezeExcite(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce, self.expand = nn.Conv2d(channels, channels // 4, 1), nn.Conv2d(channels // 4, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.expand(F.relu(self.reduce(x.mean((2, 3), keepdim=True)))))


class DropPath(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        return x * x.new_empty((x.shape[0], 1, 1, 1)).bernoulli_(0.9).div_(0.9)


class LayerNorm2d(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        if x.is_contiguous():
            return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2).contiguous()


class Classifier(nn.Module):
    """A stem, stages, and a head."""

    def __init__(self, stem: nn.Module, stages: Sequence[nn.Module], channels: int) -> None:
        super().__init__()
        self.stem, self.stages, self.fc = stem, nn.Sequential(*stages), nn.Linear(channels, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.stages(self.stem(x)).mean((2, 3)))


class DepthwiseSeparable(nn.Module):
    def __init__(self, a: int, b: int, stride: int = 1) -> None:
        super().__init__()
        self.skip = stride == 1 and a == b
        self.dw, self.pw = ConvNormAct(a, a, 3, stride, groups=a), ConvNormAct(a, b, act=False)
        self.se, self.drop_path = SqueezeExcite(a), DropPath()

    def forward(self, x: Tensor) -> Tensor:
        y = self.pw(self.se(self.dw(x)))
        return self.drop_path(y) + x if self.skip else y


class MBConv(nn.Module):
    def __init__(self, a: int, b: int, stride: int = 1) -> None:
        super().__init__()
        self.skip = stride == 1 and a == b
        self.expand, self.dw = ConvNormAct(a, 4 * a), ConvNormAct(4 * a, 4 * a, 3, stride, groups=4 * a)
        self.se, self.project, self.drop_path = SqueezeExcite(4 * a), ConvNormAct(4 * a, b, act=False), DropPath()

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x
        x = self.project(self.se(self.dw(self.expand(x))))
        if self.skip:
            x = self.drop_path(x) + shortcut
        return x


def efficientnet() -> nn.Module:
    first = nn.Sequential(DepthwiseSeparable(8, 8), DepthwiseSeparable(8, 8))
    rest = nn.Sequential(MBConv(8, 12, 2), MBConv(12, 12)), nn.Sequential(MBConv(12, 16, 2), MBConv(16, 16))
    return Classifier(ConvNormAct(3, 8, 3, 2), [first, *rest, ConvNormAct(16, 24)], 24)


class XBlock(nn.Module):
    def __init__(self, a: int, b: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1, self.conv2 = ConvNormAct(a, b), ConvNormAct(b, b, 3, stride, groups=b // 4)
        self.se, self.conv3 = SqueezeExcite(b), ConvNormAct(b, b, act=False)
        same = stride == 1 and a == b
        self.downsample = nn.Identity() if same else ConvNormAct(a, b, 1, stride, act=False)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor, *rest: Tensor) -> Tensor:
        y = self.conv3(self.se(self.conv2(self.conv1(x))))
        return self.act(sum(rest, y + self.downsample(x)))


class RegStage(nn.Module):
    def __init__(self, a: int, b: int, depth: int) -> None:
        super().__init__()
        self.grad_checkpointing = False
        for at in range(depth):
            self.add_module(f"b{at + 1}", XBlock(a if at == 0 else b, b, 2 if at == 0 else 1))

    def forward(self, x: Tensor) -> Tensor:
        for block in self.children():
            x = checkpoint(block, x, use_reentrant=False) if self.grad_checkpointing and x.requires_grad else block(x)
        return x


def regnet() -> nn.Module:
    return Classifier(ConvNormAct(3, 8, 3, 2), [RegStage(8, 16, 1), RegStage(16, 24, 2)], 24)


class NeXtBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_dw, self.norm = nn.Conv2d(channels, channels, 7, padding=3, groups=channels), LayerNorm2d(channels)
        self.fc1, self.fc2 = nn.Conv2d(channels, 2 * channels, 1), nn.Conv2d(2 * channels, channels, 1)
        self.gamma = nn.Parameter(0.1 * torch.ones(channels))
        self.drop_path = DropPath()

    def forward(self, x: Tensor) -> Tensor:
        y = self.fc2(F.gelu(self.fc1(self.norm(self.conv_dw(x)))))
        y = y.mul(self.gamma.reshape(1, -1, 1, 1))
        return self.drop_path(y) + x


class NeXtStage(nn.Module):
    def __init__(self, a: int, b: int, depth: int) -> None:
        super().__init__()
        self.downsample = nn.Sequential(LayerNorm2d(a), nn.Conv2d(a, b, 2, 2)) if a != b else nn.Identity()
        self.blocks = nn.Sequential(*(NeXtBlock(b) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(self.downsample(x))


def convnext() -> nn.Module:
    stem = nn.Sequential(nn.Conv2d(3, 8, 4, 4), LayerNorm2d(8))
    return Classifier(stem, [NeXtStage(8, 8, 2), NeXtStage(8, 16, 3)], 16)


class DarkBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = ConvNormAct(channels, channels // 2), ConvNormAct(channels // 2, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(self.conv1(x)) + x


class CrossStage(nn.Module):
    def __init__(self, a: int, b: int, depth: int) -> None:
        super().__init__()
        self.down, self.expand = ConvNormAct(a, b, 3, 2), ConvNormAct(b, b)
        self.blocks = nn.Sequential(*(DarkBlock(b // 2) for _ in range(depth)))
        self.transition = ConvNormAct(b, b)

    def forward(self, x: Tensor) -> Tensor:
        left, right = self.expand(self.down(x)).chunk(2, dim=1)
        return self.transition(torch.cat([left, self.blocks(right)], dim=1))


def cspnet() -> nn.Module:
    return Classifier(ConvNormAct(3, 8, 3), [CrossStage(8, 16, 1), CrossStage(16, 32, 2)], 32)


class OneShot(nn.Module):
    def __init__(self, a: int, mid: int, b: int) -> None:
        super().__init__()
        self.residual = a == b
        self.convs = nn.ModuleList([ConvNormAct(a, mid, 3), ConvNormAct(mid, mid, 3)])
        self.concat, self.attn = ConvNormAct(a + 2 * mid, b), SqueezeExcite(b)

    def forward(self, x: Tensor) -> Tensor:
        outputs = [x]
        for conv in self.convs:
            outputs.append(conv(outputs[-1]))
        y = self.attn(self.concat(torch.cat(outputs, dim=1)))
        return y + x if self.residual else y


class OneShotStage(nn.Module):
    def __init__(self, a: int, b: int, depth: int) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.blocks = nn.Sequential(*(OneShot(a if at == 0 else b, 8, b) for at in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(self.pool(x))


def vovnet() -> nn.Module:
    return Classifier(ConvNormAct(3, 8, 3, 2), [OneShotStage(8, 16, 1), OneShotStage(16, 24, 2)], 24)


class DenseLayer(nn.Module):
    def __init__(self, a: int, growth: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = NormAct(a), nn.Conv2d(a, 8, 1, bias=False)
        self.norm2, self.conv2 = NormAct(8), nn.Conv2d(8, growth, 3, padding=1, bias=False)

    def forward(self, maps: list[Tensor] | Tensor) -> Tensor:
        found = [maps] if isinstance(maps, Tensor) else maps
        return self.conv2(self.norm2(self.conv1(self.norm1(torch.cat(found, 1)))))


class DenseBlock(nn.ModuleDict):
    def __init__(self, a: int, growth: int, layers: int) -> None:
        super().__init__({f"denselayer{at + 1}": DenseLayer(a + at * growth, growth) for at in range(layers)})

    def forward(self, x: Tensor) -> Tensor:
        maps = [x]
        for layer in self.values():
            maps.append(layer(maps))
        return torch.cat(maps, 1)


def densenet() -> nn.Module:
    between = nn.Sequential(NormAct(16), nn.Conv2d(16, 8, 1, bias=False), nn.AvgPool2d(2))
    return Classifier(ConvNormAct(3, 8, 3, 2), [DenseBlock(8, 4, 2), between, DenseBlock(8, 4, 3), NormAct(20)], 20)


class Ghost(nn.Module):
    def __init__(self, a: int, b: int, act: bool = True) -> None:
        super().__init__()
        self.primary, self.cheap = ConvNormAct(a, b // 2, act=act), ConvNormAct(b // 2, b // 2, 3, 1, b // 2, act)

    def forward(self, x: Tensor) -> Tensor:
        one = self.primary(x)
        return torch.cat([one, self.cheap(one)], dim=1)


class GhostBottleneck(nn.Module):
    def __init__(self, a: int, mid: int, b: int, stride: int = 1) -> None:
        super().__init__()
        self.ghost1, self.ghost2 = Ghost(a, mid), Ghost(mid, b, act=False)
        self.conv_dw = ConvNormAct(mid, mid, 3, stride, mid, act=False) if stride > 1 else nn.Identity()
        same = a == b and stride == 1
        self.shortcut = nn.Sequential() if same else ConvNormAct(a, b, 1, stride, act=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.ghost2(self.conv_dw(self.ghost1(x))) + self.shortcut(x)


def ghostnet() -> nn.Module:
    stages = [nn.Sequential(GhostBottleneck(8, 16, 8)), nn.Sequential(GhostBottleneck(8, 24, 16, 2))]
    return Classifier(ConvNormAct(3, 8, 3, 2), [*stages, ConvNormAct(16, 32)], 32)


class Res2Block(nn.Module):
    def __init__(self, channels: int, scale: int = 4) -> None:
        super().__init__()
        self.width = channels // scale
        self.conv1, self.conv3 = ConvNormAct(channels, channels), ConvNormAct(channels, channels, act=False)
        self.convs = nn.ModuleList(ConvNormAct(self.width, self.width, 3) for _ in range(scale - 1))

    def forward(self, x: Tensor) -> Tensor:
        parts = torch.split(self.conv1(x), self.width, 1)
        outputs: list[Tensor] = []
        for at, conv in enumerate(self.convs):
            part = parts[at] if at == 0 else outputs[-1] + parts[at]
            outputs.append(conv(part))
        out = self.conv3(torch.cat([*outputs, parts[len(self.convs)]], 1))
        out += x
        return F.relu(out)


def res2net() -> nn.Module:
    stages = [Res2Block(16), Res2Block(16), ConvNormAct(16, 32, 3, 2), Res2Block(32)]
    return Classifier(ConvNormAct(3, 16, 3, 2), stages, 32)


class ManyBranches(nn.Module):
    """A norm, a 1x1 and a 3x3 convolution side by side."""

    def __init__(self, a: int, b: int, stride: int = 1, copies: int = 1) -> None:
        super().__init__()
        self.identity = nn.BatchNorm2d(a) if a == b and stride == 1 else None
        self.scale = ConvNormAct(a, b, 1, stride, act=False)
        self.kernels = nn.ModuleList(ConvNormAct(a, b, 3, stride, act=False) for _ in range(copies))
        self.attn = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out = self.scale(x)
        if self.identity is not None:
            out = out + self.identity(x)
        for kernel in self.kernels:
            out = out + kernel(x)
        return F.relu(self.attn(out))


def repvgg() -> nn.Module:
    stages = [ManyBranches(8, 8), ManyBranches(8, 16, 2), ManyBranches(16, 16)]
    return Classifier(ConvNormAct(3, 8, 3, 2), stages, 16)


def mobileone() -> nn.Module:
    stages = [nn.Sequential(ManyBranches(8, 8, copies=3)), nn.Sequential(ManyBranches(8, 16, 2, copies=2))]
    return Classifier(ManyBranches(3, 8, 2), stages, 16)


class Around(nn.Module):
    """Adds its input to what any module makes of it."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.fn = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.fn(x) + x


def convmixer() -> nn.Module:
    def mixing() -> nn.Module:
        depthwise = nn.Sequential(nn.Conv2d(8, 8, 5, groups=8, padding=2), nn.GELU(), nn.BatchNorm2d(8))
        return nn.Sequential(Around(depthwise), nn.Conv2d(8, 8, 1), nn.GELU(), nn.BatchNorm2d(8))

    return Classifier(nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.GELU()), [mixing(), mixing()], 8)
