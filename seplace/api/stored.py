"""What the ledger in a results folder holds of a study: its rows, its facts, its configuration and its costs."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from seplace.costs import COSTS
from seplace.costs.stored import cost_table_of_results
from seplace.evaluators.identity import Identity, refuse_other_code
from seplace.results.both_splits import BothSplits
from seplace.results.curves import curves_frame
from seplace.results.ledger import ledger_of_results
from seplace.results.tables import evaluations_frame, rungs_frame
from seplace.results.trained import trained_frame, trained_sets
from seplace.results.views import Views
from seplace.search.meaning import own_baselines
from seplace.search.scoring import proxy_records
from seplace.search.workers import known_count
from seplace.study.config import STUDY_FACTS, StudyConfig, load_results_study

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pandas as pd

    from seplace.costs.table import CostTable
    from seplace.metric import Metric
    from seplace.placement import Placement
    from seplace.results.evaluation import Evaluation
    from seplace.results.stored import StoredEvaluations
    from seplace.results.trained import TrainedSet
    from seplace.search.scoring import ProxyRecord


class StoredResults:
    """The results of a study as they are stored, without any estimate."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with ledger_of_results(folder) as ledger:
            self._digest = ledger.digest()
            self._views = Views.read(folder, of=self._digest)
            """What is kept of a very long study; None where all is made from its rows."""
            self._stored: StoredEvaluations | None = None
            if self._views is None:
                self.rows = _in_order(ledger.evaluations())
                self.failed = [row for row in self.rows if row.state == "failed"]
            else:
                self._stored, failed = ledger.stored_evaluations()
                self.failed = _in_order([self._stored[key] for key in failed])
            self.rung_rows: list[Evaluation] = _in_order(ledger.rungs())
            self._reached_its_end: bool = bool(ledger.fact("finished"))
            self.stopped: str = ledger.fact("stopped") or ""
            """The error that ended the last run; empty if there was none."""
            self._study_facts: dict[str, Any] = {name: ledger.fact(name) for name in STUDY_FACTS}
            self._tests, self._test_images = ledger.tests(), ledger.test_images()
            self._test_top5 = ledger.test_top5()
            self.test_note: str = ledger.fact("test_note") or ""
            """A sentence that the study has no test split; empty if it has one."""
            self.untested: str = ledger.fact("untested") or ""
            """The reason why the last run could not read the test split; empty if it could."""
            self.images: dict[str, Any] = ledger.fact("images") or {}
            """The description of the data: classes, splits, sizes; empty where none is known."""
            self._identity: Identity = ledger.fact("identity") or {}
            self.command: str | None = ledger.fact("command")
            self._regret: dict[str, Any] | None = ledger.fact("regret")
            self._confirm_rounds: list[list[list[str | int]]] = ledger.fact("confirm_rounds") or []
            self.latencies: dict[str, dict[str, Any]] = ledger.fact("latencies") or {}
            self._rungs: dict[str, Any] | None = ledger.fact("rungs")
            self.proxy_records: dict[str, ProxyRecord] = proxy_records(ledger)
            self._is_front_of_space = bool(ledger.fact("front_of_space"))
            self._own_baselines = own_baselines(ledger)
            count = known_count(ledger)
            self.workers: str = "" if count is None else count.sentence
            """A sentence on the measured number of trainings at once; empty where the study gives the number."""
            self._units: dict[str, str] = ledger.fact("units") or {}
            self.settings: tuple[str, ...] = tuple(ledger.fact("settings") or ())
            """The values that the study began with instead of those in its file, such as `training.epochs=5`."""

    @cached_property
    def rows(self) -> list[Evaluation]:
        """The evaluations of full length, by placement and seed."""
        assert self._stored is not None
        return _in_order(self._stored.values())

    @property
    def count(self) -> int:
        """The number of evaluations of full length, failed ones among them."""
        return len(self.rows if self._stored is None else self._stored)

    @cached_property
    def both_splits(self) -> BothSplits:
        """The trainings that were scored on the test split."""
        return BothSplits(self.rows, metric=self.metric, tests=self._tests, images=self._test_images)

    @property
    def finished(self) -> bool:
        """Whether the study has come to its end, with a plain backbone to compare with."""
        return self._reached_its_end and self.plain_failure is None

    @property
    def plain_failure(self) -> Evaluation | None:
        """The first failed training of the plain backbone if all have failed; else None."""
        if not any(row.placement.is_plain for row in self.failed):
            return None
        plain = [row for row in self.rows if row.placement.is_plain]
        return plain[0] if plain and all(row.state == "failed" for row in plain) else None

    @cached_property
    def config(self) -> StudyConfig:
        """The study, from its copy in the folder; the user's own code is not imported."""
        return load_results_study(self.folder, self._study_facts)

    @cached_property
    def live_config(self) -> StudyConfig:
        """The study with the user's own code imported, so that its networks can be built."""
        return load_results_study(self.folder, self._study_facts, live=True)

    @cached_property
    def cost_table(self) -> CostTable:
        """The costs of every placement of the study."""
        return cost_table_of_results(
            self.folder, key=self.config.cost_key(), space=self.config.search_space, rows=self.rows
        )

    @property
    def cost(self) -> str:
        """The name of the study's cost axis."""
        return self.config.objective.cost

    @property
    def baselines(self) -> dict[str, Placement]:
        """The baselines of the study, by name."""
        return self.config.search_space.baselines | self._own_baselines

    @cached_property
    def metric(self) -> Metric:
        """The metric of the study, with the decimals that its values need."""
        metric = self.config.metric
        if metric.digits is not None:
            return metric
        return metric.with_digits_for([row.value for row in self.rows if row.value is not None])

    @property
    def unit(self) -> str:
        """The unit of the study's cost axis; for the user's own cost the unit noted when the study ran."""
        if COSTS.is_external(self.cost):
            return self._units.get(self.cost, "")
        return str(COSTS[self.cost].unit)

    @cached_property
    def evaluations(self) -> pd.DataFrame:
        """One row for each evaluation: placement, stages, seed, scores, costs, seconds, device."""
        return evaluations_frame(self.rows, self.metric)

    @cached_property
    def rungs(self) -> pd.DataFrame:
        """One row for each training at a rung; these are in no other table."""
        return rungs_frame(self.rung_rows, self.rows, self.metric)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """One row for each scored epoch of a training: placement, seed, epochs, epoch, scores, training loss."""
        return curves_frame(self.rows, self.rung_rows, metric=self.metric)

    @cached_property
    def trained_sets(self) -> dict[str, TrainedSet]:
        """The recipes beside the study's own that `train` has trained networks by, by name."""
        return trained_sets(self.folder, self.metric)

    @property
    def trained(self) -> pd.DataFrame:
        """One row for each placement that `train` has trained by another recipe than the study's, by recipe."""
        return trained_frame(list(self.trained_sets.values()))

    def refuse_other_code(self) -> None:
        """Raise StudyChanged if the user's own networks or modules have changed since the study began."""
        refuse_other_code(self._identity, self.live_config, self.images, folder=self.folder)


def _in_order(rows: Iterable[Evaluation]) -> list[Evaluation]:
    return sorted(rows, key=lambda row: (str(row.placement), row.seed, row.epochs))
