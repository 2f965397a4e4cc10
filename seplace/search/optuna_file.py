"""A copy of the Optuna study in a SQLite file that `optuna.load_study` and dashboards open.

The file is only appended to: notes and attributes of its users stay, and open dashboards go on. The result of a
proposal may change later, when a failed training is repeated or a stopped one goes on. A new trial then holds the new
result, with the user attribute `proposal`, and the study's attribute `superseded` maps the old trial's number to the
new one's.

During a run the file may be some seconds behind the ledger. At its end it holds every proposal, also when it was
interrupted; what a killed run could not write, the next one writes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from seplace.samplers.task import SCORE
from seplace.search.optuna_rows import Content, content_of, present_in
from seplace.search.proposals import PLACEMENT
from seplace.search.study_in_file import PROPOSAL, SECONDS, StudyInFile, errors_of_disk

if TYPE_CHECKING:
    import optuna

    from seplace.metric import Metric
    from seplace.search.finished_trial import FinishedTrial
    from seplace.search.proposals import Proposals


class OptunaFile:
    """Appends the finished proposals to the file, in order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: StudyInFile | None = None
        self._present: dict[int, tuple[int, Content]] = {}
        """By proposal: the number of its last trial in the file, and the content of that trial.

        An entry is taken out once it has been compared.
        """
        self._checked = 0
        self._due = time.monotonic() + SECONDS

    @property
    def is_due(self) -> bool:
        """Whether it is time for another transaction."""
        return time.monotonic() >= self._due

    def update(self, proposals: Proposals) -> None:
        """Append the finished proposals that the file lacks. Raises DiskFull if they cannot be written."""
        news: list[FinishedTrial] = []
        for each in proposals.finished[self._checked :]:
            if each is None:
                break
            news.append(_in_file(each, proposals.task.metric))
        with errors_of_disk(self.path):
            if self._file is None:
                file = StudyInFile(
                    self.path,
                    name=proposals.name,
                    directions=[proposals.task.metric.goal, "minimize"],
                    metrics=[proposals.task.metric.column, proposals.task.cost],
                )
                self._present = file.opened(present_in, _present_by_optuna)
                self._file = file
            self._file.add(self._lacking(news), proposals.parameters)
        self._checked += len(news)
        self._due = time.monotonic() + SECONDS

    def _lacking(self, news: Sequence[FinishedTrial]) -> list[tuple[FinishedTrial, int | None, int | None]]:
        rows: list[tuple[FinishedTrial, int | None, int | None]] = []
        for number, each in enumerate(news, start=self._checked):
            last, content = self._present.pop(number, (None, None))
            if content != content_of(each):
                rows.append((each, number, last))
        return rows


def _in_file(finished: FinishedTrial, metric: Metric) -> FinishedTrial:
    """Return a proposal with values of the metric in the place of scores."""
    attributes = dict(finished.attributes)
    if (score := attributes.pop(SCORE, None)) is not None:
        attributes[metric.column] = metric.value(score)
    values = finished.values
    if values is not None:
        values = (metric.value(values[0]), *values[1:])
    return replace(finished, values=values, attributes=attributes)


def _present_by_optuna(study: optuna.Study) -> dict[int, tuple[int, Content]]:
    return {
        trial.user_attrs.get(PROPOSAL, trial.number): (
            trial.number,
            (
                trial.user_attrs[PLACEMENT],
                None if trial.values is None else tuple(trial.values),
                max(trial.constraints.values(), default=-1.0) > 0,
            ),
        )
        for trial in study.get_trials(deepcopy=False)
        if PLACEMENT in trial.user_attrs
    }
