"""The tables of a study: DataFrames that are made from its rows and from the estimates of the model."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal

from seplace.api.stored import StoredResults
from seplace.effects.recommend import recommended_placements
from seplace.errors import DataError, InputError, whole_number
from seplace.placement import Placement
from seplace.results.effects_tables import effects_frame, proxies_frame
from seplace.results.ledger import ledger_of_results
from seplace.results.observations import estimates_of
from seplace.results.picks import pick_placement, trainable_placement
from seplace.results.summaries import summarize
from seplace.results.tables import front_frame, placements_frame, recommended_frame
from seplace.search.of_study import task_of
from seplace.search.scoring import covariates_of
from seplace.study.listed import expanded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from seplace.effects.covariates import Covariate
    from seplace.effects.estimates import Estimates
    from seplace.gates.record import GateRecord
    from seplace.results.comparison import Comparison, Side
    from seplace.results.evaluation import Evaluation
    from seplace.results.summaries import PlacementSummary


class ResultsTables(StoredResults):
    """The stored results with their estimates, and the tables of both."""

    @cached_property
    def covariates(self) -> dict[str, Covariate]:
        """The scores of each proxy of the study, as learned over the space; also of proxies that are left out."""
        from seplace.effects.design import Design

        return covariates_of(Design(self.config.search_space), self.proxy_records)

    @cached_property
    def estimates(self) -> Estimates | None:
        """The estimates of the placements that were trained; None before any training is complete."""
        from seplace.effects.covariates import tables_of
        from seplace.effects.design import Design

        if not any(row.value is not None for row in self.rows):
            return None
        design = Design(self.config.search_space, covariates=tables_of(self.covariates))
        return estimates_of(
            design,
            self.rows,
            self.cost,
            metric=self.metric,
            is_front_of_space=self._is_front_of_space,
            named=self.baselines.values(),
        )

    @property
    def trained_and_on_front(self) -> tuple[int, int]:
        """The number of placements that were trained, and of those on the front."""
        if self._views is not None:
            return self._views.trained, self._views.on_front
        return (0, 0) if self.estimates is None else (self.estimates.trained, len(self.estimates.front))

    @property
    def has_test_images(self) -> bool:
        """Whether it is known which images of the test split a network got right."""
        return self.both_splits.has_images if self._views is None else self._views.has_test_images

    def _recommended(self) -> pd.DataFrame:
        import pandas as pd

        estimates = self.estimates
        if estimates is None:
            return pd.DataFrame()
        priced_space = task_of(self.config, self.cost_table).priced_space_by(
            {row.placement: row.costs[self.cost] for row in self.rows if row.value is not None}
        )
        return recommended_frame(
            recommended_placements(
                estimates, priced_space, failed=[row.placement for row in self.rows if row.value is None]
            ),
            estimates,
            metric=self.metric,
            cost_table=self.cost_table,
            evaluations=self.rows,
            latencies=self.latencies,
        )

    @cached_property
    def placements(self) -> pd.DataFrame:
        """One row for each placement that was trained, cheapest first."""
        return self._placements_of(summarize(self.rows, self.metric))

    def _placements_of(self, summaries: Sequence[PlacementSummary]) -> pd.DataFrame:
        marks = self.baselines
        return placements_frame(
            summaries,
            self.estimates,
            cost=self.cost,
            plain_costs=dict(zip(self.cost_table.names, self.cost_table.plain, strict=True)),
            baselines={str(placement): name for name, placement in marks.items()},
            both_splits=self.both_splits,
            test_top5=self._test_top5,
            latencies=self.latencies,
        )

    def _front(self) -> pd.DataFrame:
        if self._views is not None:
            return self._views.front
        estimates = self.estimates
        if estimates is None or estimates.has_all:
            return front_frame(self.placements)
        shown = {*estimates.front, *self.baselines.values()}
        return front_frame(
            self._placements_of([row for row in summarize(self.rows, self.metric) if row.placement in shown])
        )

    @cached_property
    def effects(self) -> pd.DataFrame:
        """The effect and the cost of each choice, module, ratio and attachment in each stage."""
        return effects_frame(
            self.estimates, cost_table=self.cost_table, evaluations=self.rows, latencies=self.latencies
        )

    @property
    def ablation(self) -> pd.DataFrame:
        """One row for each placement that the study lists, beside what papers published; InputError without a list."""
        if not self.config.listed:
            raise InputError(
                f"{self.folder}: this study lists no placements; name some, or write lists as `search.placements` in a "
                "study with `sampler: exhaustive`, such as the shipped digits-ablation"
            )
        return self._compared(self.config.listed)

    def compare(self, *placements: str | Placement) -> pd.DataFrame:
        """Return one row for each of some placements, in their order, as in `ablation`.

        The text of a single choice stands for all stages. Raises InvalidPlacement for a placement that is neither in
        the space nor a baseline.
        """
        space, marks = self.config.search_space, self.baselines.values()
        chosen = [each if isinstance(each, Placement) else expanded(each, space) for each in placements]
        for placement in chosen:
            if placement not in marks:
                space.indices(placement)
        return self._compared({"": chosen})

    def compare_with(self, other: ResultsTables) -> Comparison:
        """Compare with another study on the same stages and choices: whether the winner of one wins in the other.

        Of the comparison, `table` is a DataFrame, `sentences` say what it shows, and `tau` is the rank correlation of
        the estimates. Raises InputError for other stages or choices, and DataError before there are estimates.
        """
        from seplace.results.comparison import Comparison

        return Comparison(one=self._side(), other=other._side())

    def _side(self) -> Side:
        from seplace.results.comparison import Side

        if self.estimates is None:
            raise DataError(f"{self.folder}: no training is complete yet, so that nothing can be compared")
        return Side(
            name=self.config.name,
            space=self.config.search_space,
            estimates=self.estimates,
            baselines=self.baselines,
            recommended=[Placement.parse(text) for text in self._recommended()["placement"]],
            cost=self.cost,
            cost_table=self.cost_table,
            metric=self.metric,
        )

    def _compared(self, lists: Mapping[str, Sequence[Placement]]) -> pd.DataFrame:
        from seplace.results.ablation import ablation_frame

        return ablation_frame(lists, self.placements, self.cost_table, self.metric)

    @cached_property
    def proxies(self) -> pd.DataFrame:
        """One row for each proxy of the study: the effect of its score, how well it was learned, its seconds."""
        seconds = {name: (record.seconds, record.shared_seconds) for name, record in self.proxy_records.items()}
        return proxies_frame(self.estimates, self.covariates, seconds=seconds)

    @cached_property
    def history(self) -> pd.DataFrame:
        """The hypervolume of the front after each training, in the order of their ends."""
        from seplace.results.history import history_frame

        with ledger_of_results(self.folder) as ledger:
            rows = ledger.evaluations()
        estimates = self.estimates
        means = {} if estimates is None else {each: estimates.means[at] for each, at in estimates.position.items()}
        return history_frame(rows, cost=self.cost, metric=self.metric, means=means)

    def placement_of(self, choice: str) -> Placement:
        """Return a placement of the space or a baseline by its text, or plain, another baseline, or a front point.

        Raises InputError, or InvalidPlacement for a placement that is neither in the space nor a baseline.
        """
        return trainable_placement(
            choice,
            space=self.config.search_space,
            baselines=self.baselines,
            pick=lambda name: self.pick(name).placement,
        )

    def pick(self, choice: str, *, flops_under: float | None = None) -> Evaluation:
        """Return the evaluation to export: of `best`, `knee`, `cheapest` of the front, or of a placement's text.

        Of the seeds of that placement it takes the first, since choosing the luckiest would flatter the figures. Raises
        InputError for a placement that was not trained, or has more FLOPs than `flops_under`.
        """
        if flops_under is not None and "flops" not in self.cost_table.names:
            raise InputError(f"{self.folder}: the FLOPs of this study's networks are not known")
        placement = pick_placement(
            choice,
            self.placements,
            self.config.search_space,
            self.metric,
            cost=self.cost,
            flops_under=flops_under,
            folder=self.folder,
        )
        rows = [row for row in self.rows if row.state == "complete" and row.placement == placement]
        if not rows:
            raise InputError(
                f"{self.folder}: {placement} was not trained; pick best, knee, cheapest or a placement of it"
            )
        if flops_under is not None and rows[0].costs["flops"] > flops_under:
            raise InputError(f"{self.folder}: {placement} is not under {flops_under:,.0f} FLOPs")
        return rows[0]

    def gates(
        self, pick: str = "knee", *, most_images: int = 2000, accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    ) -> GateRecord:
        """Measure the gates of a trained network over the study's validation images.

        Of the record, `sites` and `channels` are DataFrames, `gates` has the values and maps as arrays; see
        `seplace.gates.conclusions` for sentences. `pick` is that of `pick`. Of more than `most_images` images those
        that are evenly spaced are taken.
        """
        from seplace.evaluators.study_gates import gates_of_study
        from seplace.training.devices import resolve_device

        evaluation = self.pick(pick)
        self.refuse_other_code()
        return gates_of_study(
            evaluation,
            config=self.live_config,
            folder=self.folder,
            most_images=whole_number("most_images", most_images, least=1),
            device=resolve_device(accelerator, 0),
        )
