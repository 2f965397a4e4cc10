"""What figures, tables and notebooks are made from: the views of a study, whatever object has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from seplace.results.verdict import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from seplace.effects.estimates import Estimates
    from seplace.gates.record import GateRecord
    from seplace.metric import Metric
    from seplace.placement import Placement
    from seplace.results.advice import Advice
    from seplace.results.evaluation import Evaluation
    from seplace.study.config import StudyConfig


class StudyViews(Protocol):
    """The views of a study, as `seplace.Results` has and explains them."""

    @property
    def config(self) -> StudyConfig: ...  # noqa: D102
    @property
    def metric(self) -> Metric: ...  # noqa: D102
    @property
    def cost(self) -> str: ...  # noqa: D102
    @property
    def unit(self) -> str: ...  # noqa: D102
    @property
    def verdict(self) -> str: ...  # noqa: D102
    @property
    def measured(self) -> str: ...  # noqa: D102
    @property
    def advice(self) -> Advice: ...  # noqa: D102
    @property
    def baselines(self) -> Mapping[str, Placement]: ...  # noqa: D102
    @property
    def estimates(self) -> Estimates | None: ...  # noqa: D102
    @property
    def placements(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def effects(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def history(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def curves(self) -> pd.DataFrame: ...  # noqa: D102
    def gates(self, pick: str, /) -> GateRecord: ...  # noqa: D102
    @property
    def folder(self) -> Path: ...  # noqa: D102
    @property
    def count(self) -> int: ...  # noqa: D102
    @property
    def failed(self) -> Sequence[Evaluation]: ...  # noqa: D102
    @property
    def finished(self) -> bool: ...  # noqa: D102
    @property
    def test_note(self) -> str: ...  # noqa: D102
    @property
    def has_test_images(self) -> bool: ...  # noqa: D102
    @property
    def recommended(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def front(self) -> pd.DataFrame: ...  # noqa: D102


def better_of(study: StudyViews) -> set[str] | None:
    """Return the placements that the verdict calls better than the plain backbone; None where there is no verdict."""
    estimates, plain = study.estimates, study.baselines["plain"]
    if estimates is None or plain not in estimates.position or not estimates.comparable_with(plain):
        return None
    return {str(each) for each in estimates.surely_better(plain)}


def backbones_of(study: StudyViews) -> str:
    """Return the backbone of a study, and how many others its space has."""
    space = study.config.search_space
    others = f" and {counted(len(space.variants), 'other')}" if space.variants else ""
    return f"{space.backbone.text}{others}"
