"""Entries of a user's own that are wrong, each in one way; and a gate that is right."""

import itertools

import optuna
import torch
from torch import nn

from seplace.costs.cost import Cost
from seplace.datasets.digits import digits
from seplace.executors.inline import Inline


class Plain(nn.Module):
    def __init__(self, channels: int, ratio: int = 4) -> None:
        super().__init__()
        hidden = max(channels // ratio, 1)
        self.layers = nn.Sequential(nn.Linear(channels, hidden), nn.GELU(), nn.Linear(hidden, channels))

    def forward(self, u):
        return self.layers(u.mean((2, 3))).sigmoid()[:, :, None, None]


class Flat(Plain):
    def forward(self, u):
        return super().forward(u)[:, :, 0, 0]


class InPlace(Plain):
    def forward(self, u):
        return super().forward(u.mul_(2) if not u.requires_grad else u)


class Mixed(Plain):
    """Gates each image by the others of its batch."""

    def forward(self, u):
        return super().forward(u).mean(0, keepdim=True)


class Wide:
    @staticmethod
    def attach(block, make):
        block.put("output", make(2 * block.out_channels))


class Sticky:
    """Keeps its gate for the next block."""

    gate = None

    @classmethod
    def attach(cls, block, make):
        cls.gate = cls.gate or make(block.out_channels)
        block.put("output", cls.gate)


FREE = Cost(unit="1", measure=lambda network, images: 0)  # noqa: ARG005
FRACTION = Cost(unit="1", measure=lambda network, images: 0.5)  # noqa: ARG005
_LABELS = digits(None)


def one_class(root):
    del root
    return _LABELS.__class__(classes=("a",) * 10, train=_LABELS.train, test=_LABELS.test)


_COUNT = itertools.count()


def forgetful(seed, task):
    del seed, task
    return optuna.samplers.RandomSampler(seed=next(_COUNT))


class Loses(Inline):
    def wait(self):
        if len(self.queue) == 3:
            self.queue.pop()
        return super().wait()


class Draws:
    def score(self, placement):
        return torch.rand(()).item() + len(str(placement))


def draws(networks, *, seed, effort):
    del networks, seed, effort
    return Draws()


def untidy(trained, folder):
    del trained
    folder.mkdir(exist_ok=True)
    (folder / "a.txt").write_text("a")
    (folder.parent / "b.txt").write_text("b")
    return folder.resolve()


NUMBER = 3


class Leaves:
    def __init__(self, channels, *, init):
        del channels, init
        raise SystemExit(0)
