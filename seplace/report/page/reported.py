"""What the page reads of the results of a study; `seplace.api.Results` has all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from seplace.costs.table import CostTable
    from seplace.effects.estimates import Estimates
    from seplace.metric import Metric
    from seplace.placement import Placement
    from seplace.results.advice import Advice
    from seplace.results.evaluation import Evaluation
    from seplace.study.config import StudyConfig


class Reported(Protocol):
    """The results of a study, as far as the page shows them."""

    folder: Path
    failed: list[Evaluation]
    rung_rows: list[Evaluation]
    images: dict[str, Any]
    latencies: dict[str, dict[str, Any]]
    stopped: str
    untested: str
    workers: str
    command: str | None
    settings: tuple[str, ...]

    @property
    def rows(self) -> list[Evaluation]:
        """The evaluations of full length, by placement and seed."""
        ...

    @property
    def history(self) -> pd.DataFrame:
        """The hypervolume of the front after each training."""
        ...

    @property
    def finished(self) -> bool:
        """Whether the study has come to its end."""
        ...

    @property
    def plain_failure(self) -> Evaluation | None:
        """The failure of the plain backbone, if it has no result."""
        ...

    @property
    def config(self) -> StudyConfig:
        """The study."""
        ...

    @property
    def metric(self) -> Metric:
        """The metric of the study, with its decimals."""
        ...

    @property
    def cost_table(self) -> CostTable:
        """The costs of the space."""
        ...

    @property
    def cost(self) -> str:
        """The name of the cost axis."""
        ...

    @property
    def unit(self) -> str:
        """The unit of the cost axis."""
        ...

    @property
    def baselines(self) -> dict[str, Placement]:
        """The baselines by name."""
        ...

    @property
    def estimates(self) -> Estimates | None:
        """The estimates; None before any training is complete."""
        ...

    @property
    def placements(self) -> pd.DataFrame:
        """One row for each placement that was trained."""
        ...

    @property
    def recommended(self) -> pd.DataFrame:
        """The recommended front."""
        ...

    @property
    def trained(self) -> pd.DataFrame:
        """The placements that were trained by another recipe than the study's."""
        ...

    @property
    def effects(self) -> pd.DataFrame:
        """The effects of choices."""
        ...

    @property
    def verdict(self) -> str:
        """The verdict, as sentences."""
        ...

    @property
    def advice(self) -> Advice:
        """The advice that follows from the verdict."""
        ...

    @property
    def measured(self) -> str:
        """What the estimates are about."""
        ...

    @property
    def test_check(self) -> str:
        """Whether the test split agrees; may be empty."""
        ...

    @property
    def outlook(self) -> str:
        """The expected hypervolume regret; may be empty."""
        ...

    @property
    def rungs_note(self) -> str:
        """Which rungs were on; may be empty."""
        ...
