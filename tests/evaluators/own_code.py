"""Gates and networks of a user's own that do not work, named by their import paths in studies of the tests."""

import sys

import torch
from torch import nn


class Gate(nn.Module):
    """A gate that works, from which the others differ."""

    def __init__(self, channels, *, init):
        super().__init__()
        self.init = init
        self.weight = nn.Parameter(torch.zeros(channels))

    def forward(self, u):
        return 2 * torch.sigmoid(self.weight * u.mean((2, 3)))[:, :, None, None]


class Raises(Gate):
    def forward(self, u):
        raise RuntimeError("boom", u.ndim)


class RaisesForWide(Gate):
    def forward(self, u):
        if u.shape[1] > 4:
            raise ValueError("too wide")
        return super().forward(u)


class Leaves(Gate):
    def forward(self, u):
        sys.exit(u.ndim - 4)


class ReturnsNothing(Gate):
    def forward(self, u):
        super().forward(u)


class ReturnsRows(Gate):
    def forward(self, u):
        return super().forward(u).flatten(1)


class ReturnsMore(Gate):
    def forward(self, u):
        return super().forward(u)[None]


class ReturnsDouble(Gate):
    def forward(self, u):
        return super().forward(u).double()


class FailsInTraining(Gate):
    """Works until it has trained for a step."""

    def __init__(self, channels, *, init):
        super().__init__(channels, init=init)
        self.steps = 0

    def forward(self, u):
        self.steps += self.training
        if self.steps > 1:
            raise KeyError("later")
        return super().forward(u)


class LeavesInTraining(Gate):
    def forward(self, u):
        return sys.exit(0) if self.training else super().forward(u)


class ReturnsNothingInTraining(Gate):
    def forward(self, u):
        return None if self.training else super().forward(u)


def not_a_module(channels):
    return channels


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)

    def forward(self, x):
        return x + self.norm(self.conv(x)).relu()


class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.stem, self.one, self.two = nn.Conv2d(1, 4, 1), Block(), Block()
        self.fc = nn.Linear(4, classes)

    def forward(self, x):
        return self.fc(self.two(self.one(self.stem(x))).mean((2, 3)))


class NeverTrains(Net):
    """Fails after some training steps with whatever is in it."""

    steps = 0

    def forward(self, x):
        self.steps += self.training
        if self.steps > 1:
            raise RuntimeError("tired")
        return super().forward(x)


def strict(num_classes=7):
    if num_classes != 7:
        raise ValueError("a checkpoint of 7 classes")
    return Net(num_classes)


def deaf(num_classes=7):
    return Net(7) if num_classes else None


def forgetful(num_classes=7):
    return Net(num_classes) if num_classes == 7 else None


def tired(num_classes=10):
    return NeverTrains(num_classes)


def read_nothing(root):
    sys.exit(root)


def leave(*_arguments, **_options):
    sys.exit(0)


def fail(*_arguments, **_options):
    raise LookupError("no such thing")
