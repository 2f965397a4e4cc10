"""Networks that hold one thing in several places."""

import torch.nn.functional as F
from torch import Tensor, nn


class Step(nn.Module):
    def __init__(self, width: int, conv: nn.Module | None = None, act: nn.Module | None = None) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1) if conv is None else conv
        self.norm = nn.BatchNorm2d(width)
        self.act = nn.ReLU() if act is None else act

    def forward(self, x: Tensor) -> Tensor:
        return self.act(x + self.norm(self.conv(x)))


class Body(nn.Module):
    """A stem, steps in a row, and a head; the steps may stand in it more than once."""

    def __init__(self, *steps: nn.Module, num_classes: int = 3, in_channels: int = 3) -> None:
        super().__init__()
        self.stem = nn.Conv2d(in_channels, 8, 3, padding=1)
        self.steps = nn.ModuleList(steps)
        self.fc = nn.Linear(8, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for step in self.steps:
            x = step(x)
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


def tied(num_classes: int = 3, in_channels: int = 3) -> nn.Module:
    """Two steps have one convolution."""
    conv = nn.Conv2d(8, 8, 3, padding=1)
    return Body(Step(8, conv), Step(8, conv), num_classes=num_classes, in_channels=in_channels)


def one_weight(num_classes: int = 3) -> nn.Module:
    """Two convolutions have one weight, and a buffer is a view of another."""
    body = Body(Step(8), Step(8), num_classes=num_classes)
    body.steps[1].conv.weight = body.steps[0].conv.weight
    body.steps[1].norm.running_mean = body.steps[0].norm.running_mean[:]
    return body


def one_activation(num_classes: int = 3) -> nn.Module:
    act = nn.ReLU(inplace=True)
    return Body(Step(8, act=act), Step(8, act=act), num_classes=num_classes)


def one_step_twice(num_classes: int = 3) -> nn.Module:
    step = Step(8)
    return Body(step, Step(8), step, Step(8), num_classes=num_classes)


class Renamed(nn.Module):
    """Its parts have two names each."""

    def __init__(self, num_classes: int = 3) -> None:
        super().__init__()
        self.base = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), Step(8), Step(8))
        self.stem, self.body = self.base[0], self.base[1:]
        self.head = nn.Linear(8, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(self.stem(x)).mean((2, 3)))


SHARING = {"tied": 2, "one_weight": 2, "one_activation": 2, "one_step_twice": 2, "Renamed": 2}
"""How many blocks take gates."""
