"""How papers count complexity: a convention maps the counts of a network to the figure that a table prints.

The figures of different papers are not comparable. Each rule is the one that reproduces most of its paper's table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Protocol


class Counted(Protocol):
    """The counts of a network, its operators on one image."""

    @property
    def params(self) -> int:
        """Trainable parameters."""

    @property
    def running_statistics(self) -> int:
        """The means and variances that the batch norms keep."""

    @property
    def macs(self) -> int:
        """Multiply-adds of convolutions, linear layers and matrix products."""

    @property
    def operators(self) -> Mapping[str, int]:
        """The FLOPs by operator, as `seplace.costs.counting` counts them."""


@dataclass(frozen=True, kw_only=True)
class Convention:
    """A quantity of a network, the rule that counts it, and the unit of the printed figure."""

    quantity: str
    unit: str
    divisor: int
    """The size of the unit: a count is divided by it."""
    rule: str
    count: Callable[[Counted], int]

    def printed(self, counted: Counted, *, like: str) -> str:
        """Return our figure with as many decimals as a printed one has, rounded half up."""
        value = Decimal(self.count(counted)) / self.divisor
        return f"{value.quantize(number(like), rounding=ROUND_HALF_UP):,}"


def number(printed: str) -> Decimal:
    """Return the number of a printed figure, whose digits may be grouped by commas."""
    return Decimal(printed.replace(",", ""))


def _operations(counted: Counted, *names: str) -> int:
    return sum(counted.operators.get(name, 0) for name in names)


def _params(counted: Counted) -> int:
    return counted.params


def _macs(counted: Counted) -> int:
    return counted.macs


def _params_and_statistics(counted: Counted) -> int:
    return counted.params + counted.running_statistics


def _macs_additions_and_scalings(counted: Counted) -> int:
    return counted.macs + _operations(counted, "add", "mul")


def _macs_and_norms(counted: Counted) -> int:
    return counted.macs + _operations(counted, "batch_norm")


def _macs_norms_and_relus(counted: Counted) -> int:
    # A batch norm counts 2 an element here; MobileNetV2's ReLU6 runs as `hardtanh_`.
    return counted.macs + 2 * _operations(counted, "batch_norm") + _operations(counted, "relu", "relu_", "hardtanh_")


PARAMS = Convention(quantity="params", unit="1", divisor=1, rule="trainable parameters", count=_params)
MACS = Convention(
    quantity="MACs", unit="1", divisor=1, rule="multiply-adds of convolution, linear and matmul", count=_macs
)

GIGA = Convention(quantity="FLOPs", unit="G", divisor=10**9, rule="multiply-adds", count=_macs)
NORM_GIGA = Convention(
    quantity="FLOPs",
    unit="G",
    divisor=10**9,
    rule="multiply-adds, and two for each element of a batch norm",
    count=_macs_and_norms,
)

_SE_PARAMS = "trainable parameters and batch norms' running statistics; SE without bias"
_SE_MACS = "multiply-adds, one for each element of an addition of residuals, and one for each that a gate scales"
SE_PARAMS = Convention(quantity="params", unit="M", divisor=10**6, rule=_SE_PARAMS, count=_params_and_statistics)
SE_GIGA = Convention(quantity="FLOPs", unit="G", divisor=10**9, rule=_SE_MACS, count=_macs_additions_and_scalings)
SE_MEGA = Convention(quantity="FLOPs", unit="M", divisor=10**6, rule=_SE_MACS, count=_macs_additions_and_scalings)

CBAM_PARAMS = Convention(
    quantity="params", unit="M", divisor=10**6, rule="trainable parameters; SE with biases", count=_params
)
CBAM_GIGA = Convention(
    quantity="FLOPs",
    unit="G",
    divisor=10**9,
    rule="multiply-adds; ResNets and ResNeXts with the stride in the first 1x1",
    count=_macs,
)

_ECA_MACS = "multiply-adds, four for each element of a batch norm, and one for each of a ReLU; the stride in the 3x3"
ECA_PARAMS = Convention(
    quantity="params", unit="2^20", divisor=2**20, rule="trainable parameters; SE without bias", count=_params
)
ECA_GIGA = Convention(quantity="FLOPs", unit="2^30", divisor=2**30, rule=_ECA_MACS, count=_macs_norms_and_relus)
ECA_MEGA = Convention(quantity="FLOPs", unit="2^20", divisor=2**20, rule=_ECA_MACS, count=_macs_norms_and_relus)
