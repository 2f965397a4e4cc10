"""Parts of a block that a forward holds and never calls, or that leave nothing in its trace."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn


class Plain(nn.Module):
    """A shortcut that is the identity, spelled in one of several ways."""

    def __init__(self, shortcut: nn.Module) -> None:
        super().__init__()
        self.conv, self.norm, self.shortcut = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), shortcut

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)) + self.shortcut(x))


class Scale(nn.Module):
    """The identity, by a forward of its own that does nothing unless it trains."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 0.5 if self.training else x


class Unused(Plain):
    """Layers that no mode calls: a spare one, lists and dictionaries of them, one that only lends its weights."""

    def __init__(self) -> None:
        super().__init__(nn.Identity())
        self.spare = nn.Sequential(nn.Conv2d(4, 4, 1), nn.Sequential())
        self.listed = nn.ModuleList([nn.ReLU(), nn.ModuleDict({"deep": nn.Linear(2, 2)})])
        self.lender = nn.Conv2d(4, 4, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.conv2d(x, self.lender.weight))


class Auxiliary(Plain):
    """A head that only training calls."""

    def __init__(self) -> None:
        super().__init__(nn.Sequential())
        self.head = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y + self.head(y) if self.training else y


class Direct(Plain):
    """A layer whose forward is called past its hooks."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm.forward(self.conv.forward(x)) + x)


IDLE_PARTS: dict[str, Callable[[], nn.Module]] = {
    "empty sequence": lambda: Plain(nn.Sequential()),
    "sequence of empty sequences": lambda: Plain(nn.Sequential(nn.Sequential(), nn.Sequential())),
    "identity": lambda: Plain(nn.Identity()),
    "identity in a sequence": lambda: Plain(nn.Sequential(nn.Identity())),
    "dropout": lambda: Plain(nn.Sequential(nn.Dropout(0.1), nn.Dropout2d(0.1))),
    "stochastic depth": lambda: Plain(Scale()),
    "spare layers": Unused,
    "auxiliary head": Auxiliary,
    "forward called past its hooks": lambda: Direct(nn.Sequential()),
}


class Net(nn.Module):
    """Two stages of a block each."""

    def __init__(self, block: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.stem, self.first, self.second, self.head = nn.Conv2d(3, 4, 1), block(), block(), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.second(F.max_pool2d(self.first(self.stem(x)), 2))
        return self.head(x.mean((2, 3)))
