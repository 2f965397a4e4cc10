"""The plan of a study: what a run would do, before it does it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seplace.costs.stored import read_prices
from seplace.placement import Placement, StageChoice

if TYPE_CHECKING:
    from seplace.config import StudyConfig
    from seplace.costs.table import PriceTable


@dataclass(frozen=True, kw_only=True)
class PriceSpan:
    """A counted cost over a space."""

    name: str
    plain: int
    cheapest: int
    dearest: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a study will do."""

    config: StudyConfig
    yardsticks: dict[str, Placement]
    trainings: int | None
    """Of yardsticks and search together; None where the budget is in hours."""
    confirmations: int
    """The most trainings that confirm the front afterwards."""
    spans: tuple[PriceSpan, ...] | None
    """None until the space has been priced once."""
    seconds_a_training: float | None
    """Estimated from timed steps; None without a batch."""

    @property
    def seconds(self) -> float | None:
        """The estimated time of the run."""
        if self.config.search.hours is not None:
            return 3600 * self.config.search.hours
        if self.seconds_a_training is None or self.trainings is None:
            return None
        return self.seconds_a_training * (self.trainings + self.confirmations) / self.config.run.workers


def make_plan(config: StudyConfig, folder: Path, *, with_batch: bool) -> Plan:
    """Plan a run; with a batch the space is priced and training steps are timed, else nothing imports torch."""
    table = read_prices(folder / "prices.json", key=config.price_key())
    seconds = None
    if with_batch:
        from seplace.executors.executor import EvaluatorMaker
        from seplace.search.prices import price_table

        evaluator = EvaluatorMaker(config, folder).make(0)
        table = price_table(config, folder, evaluator)
        plain = Placement.uniform(StageChoice(), len(config.search_space.choices))
        dearest = table.dearest(config.search_space.choices, "flops")
        seconds = sum(evaluator.estimate_seconds(placement) for placement in (plain, dearest)) / 2
    return Plan(
        config=config,
        yardsticks=config.search_space.yardsticks,
        trainings=config.search.trainings,
        confirmations=0 if config.confirm is None else config.confirm.trainings,
        spans=None if table is None else spans_of(config, table),
        seconds_a_training=seconds,
    )


def spans_of(config: StudyConfig, table: PriceTable) -> tuple[PriceSpan, ...]:
    """Return the range of each counted cost over the space."""
    spans = []
    for name, plain in zip(table.names, table.plain, strict=True):
        cheapest, dearest = table.span(config.search_space.choices, name)
        spans.append(PriceSpan(name=name, plain=plain, cheapest=cheapest, dearest=dearest))
    return tuple(spans)
