"""The results of a study as an object: DataFrames, figures and exported networks, all views of its ledger."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from seplace.costs import COSTS
from seplace.costs.stored import cost_table_of_results
from seplace.effects.recommend import recommended_placements
from seplace.errors import InputError, check_type, whole_number
from seplace.evaluators.identity import Identity, refuse_other_code
from seplace.files.atomic import safe_name
from seplace.placement import Placement
from seplace.results.advice import advice, command_of, failed
from seplace.results.both_splits import BothSplits
from seplace.results.curves import curves_frame
from seplace.results.effects_tables import effects_frame, proxies_frame
from seplace.results.evaluation import Evaluation
from seplace.results.ledger import ledger_of_results
from seplace.results.observations import estimates_of
from seplace.results.picks import pick_placement, trainable_placement
from seplace.results.provenance import provenance_of
from seplace.results.summaries import summarize
from seplace.results.tables import evaluations_frame, front_frame, placements_frame, recommended_frame, rungs_frame
from seplace.results.trained import FOLDER, trained_frame, trained_set, trained_sets
from seplace.results.verdict import (
    claim_of,
    gap_sentence,
    measured,
    regret_sentence,
    rungs_sentence,
    verdict,
)
from seplace.results.views import Views
from seplace.search.meaning import own_baselines
from seplace.search.of_study import failure_rules_of, task_of
from seplace.search.scoring import covariates_of, proxy_records
from seplace.search.workers import known_count
from seplace.study.config import STUDY_FACTS, StudyConfig, load_results_study
from seplace.study.listed import expanded
from seplace.user_code import user_errors_if
from seplace.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pandas as pd
    from matplotlib.figure import Figure

    from seplace.costs.table import CostTable
    from seplace.effects.covariates import Covariate
    from seplace.effects.estimates import Estimates
    from seplace.gates.record import GateRecord
    from seplace.overrides import Overrides
    from seplace.results.advice import Advice
    from seplace.results.both_splits import Gap
    from seplace.results.stored import StoredEvaluations
    from seplace.results.summaries import PlacementSummary
    from seplace.results.trained import TrainedSet
    from seplace.search.progress import Observer
    from seplace.search.scoring import ProxyRecord
    from seplace.study.config import TrainedOn


class Results:
    """The results of a study, finished or still running: views of the ledger in its folder.

    `verdict` says in a sentence whether any placement is better than the plain backbone. `front`, `placements`,
    `effects`, `recommended`, `evaluations` and `curves` are DataFrames, with accuracies in percent. `plot` and
    `plot_effects` draw figures, `export` writes a trained network.

    >>> import seplace
    >>> results = seplace.load("results/cifar10-effects")
    >>> results.finished
    True
    >>> results.front[["placement", "accuracy", "accuracy_lower", "accuracy_upper"]].shape[1]
    4
    >>> results.front["placement"].iloc[0]
    'none-none-none'

    Raises CorruptResults or DataError for a folder without the results of a study.
    """

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

    def __repr__(self) -> str:
        state = "finished" if self.finished else "not finished"
        return f"<Results of {self.folder}: {self.count - len(self.failed):,} trainings, {state}>"

    def _repr_html_(self) -> str:
        from seplace.report.notebook import results_html

        return results_html(self)

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
        return BothSplits(self.rows, scores=self._tests, images=self._test_images)

    @property
    def has_test_images(self) -> bool:
        """Whether it is known which images of the test split a network got right."""
        return self.both_splits.has_images if self._views is None else self._views.has_test_images

    @property
    def trained_and_on_front(self) -> tuple[int, int]:
        """The number of placements that were trained, and of those on the front."""
        if self._views is not None:
            return self._views.trained, self._views.on_front
        return (0, 0) if self.estimates is None else (self.estimates.trained, len(self.estimates.front))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Load the results in a folder."""
        return cls(Path(folder))

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

    @property
    def unit(self) -> str:
        """The unit of the study's cost axis; for the user's own cost the unit noted when the study ran."""
        if COSTS.is_external(self.cost):
            return self._units.get(self.cost, "")
        return str(COSTS[self.cost].unit)

    @cached_property
    def evaluations(self) -> pd.DataFrame:
        """One row for each evaluation: placement, stages, seed, scores, costs, seconds, device."""
        return evaluations_frame(self.rows)

    @cached_property
    def rungs(self) -> pd.DataFrame:
        """One row for each training at a rung; these are in no other table."""
        return rungs_frame(self.rung_rows, self.rows)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """One row for each scored epoch of a training: placement, seed, epochs, epoch, scores, training loss."""
        return curves_frame(self.rows, self.rung_rows)

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

        if not any(row.accuracy is not None for row in self.rows):
            return None
        design = Design(self.config.search_space, covariates=tables_of(self.covariates))
        return estimates_of(
            design,
            self.rows,
            self.cost,
            is_front_of_space=self._is_front_of_space,
            named=self.baselines.values(),
        )

    @cached_property
    def recommended(self) -> pd.DataFrame:
        """The front that the model recommends over the space, trained or not, in the order of what each adds."""
        from seplace.report.frames import shown_by

        return shown_by(self._recommended(), self._recommended_html)

    def _recommended_html(self) -> str:
        from seplace.report.notebook import recommended_html

        return recommended_html(self)

    def _recommended(self) -> pd.DataFrame:
        import pandas as pd

        estimates = self.estimates
        if estimates is None:
            return pd.DataFrame()
        priced_space = task_of(self.config, self.cost_table).priced_space_by(
            {row.placement: row.costs[self.cost] for row in self.rows if row.accuracy is not None}
        )
        return recommended_frame(
            recommended_placements(
                estimates, priced_space, failed=[row.placement for row in self.rows if row.accuracy is None]
            ),
            estimates,
            cost_table=self.cost_table,
            evaluations=self.rows,
            latencies=self.latencies,
        )

    @cached_property
    def placements(self) -> pd.DataFrame:
        """One row for each placement that was trained, cheapest first."""
        return self._placements_of(summarize(self.rows))

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

    @cached_property
    def front(self) -> pd.DataFrame:
        """The front points, cheapest first, and after them the baselines that are not on the front."""
        from seplace.report.frames import shown_by

        return shown_by(self._front(), self._front_html)

    def _front_html(self) -> str:
        from seplace.report.notebook import front_html

        return front_html(self)

    def _front(self) -> pd.DataFrame:
        if self._views is not None:
            return self._views.front
        estimates = self.estimates
        if estimates is None or estimates.has_all:
            return front_frame(self.placements)
        shown = {*estimates.front, *self.baselines.values()}
        return front_frame(self._placements_of([row for row in summarize(self.rows) if row.placement in shown]))

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

    def _compared(self, lists: Mapping[str, Sequence[Placement]]) -> pd.DataFrame:
        from seplace.results.ablation import ablation_frame

        return ablation_frame(lists, self.placements, self.cost_table)

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
        return history_frame(rows, cost=self.cost, means=means)

    @property
    def verdict(self) -> str:
        """Sentences: whether any placement is better than the plain backbone, and than the baselines."""
        if self.plain_failure is not None:
            failure = failure_rules_of(self.config).describe(self.plain_failure)
            return f"Nothing can be compared with the plain backbone: {failure}."
        if self._views is not None:
            return self._views.verdict
        confirm = self.config.confirm
        said = verdict(
            self.estimates,
            self.baselines,
            confirm_trainings=0 if confirm is None else confirm.trainings,
            confirm_seeds=0 if confirm is None else confirm.seeds,
            is_to_be_confirmed=confirm is not None and confirm.seeds > 1 and not self._is_over,
        )
        return " ".join(each for each in (said, self.test_note) if each)

    @cached_property
    def advice(self) -> Advice:
        """What to make of the study: one sentence, the placement to take, and the next steps as commands."""
        if self.plain_failure is not None:
            return failed(self.folder)
        if self._views is not None:
            return self._views.advice
        confirm = self.config.confirm
        return advice(
            self.estimates,
            self.baselines,
            cost=self.cost,
            folder=self.folder,
            run=command_of(self.config, self.folder, noted=self.command),
            is_over=self._is_over,
            epochs=self.config.training.epochs if self.config.evaluator.name == "stand_alone" else 0,
            confirm_trainings=0 if confirm is None else confirm.trainings,
            confirm_seeds=0 if confirm is None else confirm.seeds,
        )

    @property
    def _is_over(self) -> bool:
        return self._reached_its_end or bool(self.untested)

    @property
    def measured(self) -> str:
        """What the estimates are about: accuracy on new images, or validation accuracy where these are not known."""
        return measured(self.estimates) if self._views is None else self._views.measured

    def claim(self, placement: Placement) -> str:
        """Return a sentence: whether a trained placement is better than the plain backbone, and by how much."""
        plain = self.baselines["plain"]
        if self.estimates is None or not {placement, plain} <= self.estimates.position.keys():
            return f"{placement} cannot be compared with the plain backbone: one of them was not trained."
        return claim_of(placement, self.estimates, plain=plain)

    @cached_property
    def gap(self) -> Gap | None:
        """Validation gains of the front minus its test gains; None where the images of a split are not known."""
        estimates, plain = self.estimates, self.both_splits.plain
        if estimates is None or plain is None:
            return None
        draws = estimates.accuracies
        gains = {
            placement: draws[:, estimates.position[placement]] - draws[:, estimates.position[plain]]
            for placement in estimates.front
        }
        return self.both_splits.gap(gains, noise_sd=estimates.posterior.noise_sd)

    @property
    def test_check(self) -> str:
        """Two sentences: whether the test split agrees with the estimated gains of the front; empty where not known."""
        if self._views is not None:
            return self._views.test_check
        return "" if self.gap is None else gap_sentence(self.gap)

    @property
    def outlook(self) -> str:
        """The expected hypervolume regret of the recommended front, as sentences; empty before the search has ended."""
        return "" if self._regret is None else regret_sentence(self._regret)

    @property
    def rungs_note(self) -> str:
        """One sentence: which rungs were on at the end; empty without rungs or before the search has ended."""
        return "" if self._rungs is None else rungs_sentence(self._rungs)

    def plot(
        self,
        path: str | Path | None = None,
        *,
        kind: str = "front",
        absolute: bool = False,
        width: str | float | None = None,
        heading: bool = True,
        pick: str = "knee",
    ) -> Figure:
        """Draw a figure, by default the gain over the plain backbone against cost; a notebook shows it.

        With `absolute` the accuracy is drawn instead of the gain. The intervals of two accuracies may overlap although
        their difference is known well, since the placements share the effects of their seeds.

        >>> import seplace
        >>> results = seplace.load("results/cifar10-effects")
        >>> figure = results.plot("front.pdf", width="single", heading=False)  # for a paper  # doctest: +SKIP

        Args:
            path: A file to write too: .png, .svg or .pdf.
            kind: `front`, `effects` of each choice, the same as a `heat` map, the `history` of the front, learning
                `curves`, or what the `gates` of a network learned.
            absolute: Whether the front shows accuracies.
            width: `single` or `double` (a column or a page of a paper: 3.25 and 6.875 inches), or inches; by default
                the figure is made for a screen.
            heading: Whether title and verdict stand above; in a paper they belong into the caption.
            pick: The network whose gates are drawn: `best`, `knee`, `cheapest`, or a placement.

        """
        from seplace.report.figures.of_study import plot_study

        target = None if path is None else Path(path)
        return plot_study(self, target, kind=kind, absolute=absolute, width=width, heading=heading, pick=pick)

    def plot_effects(self, path: str | Path | None = None) -> Figure:
        """Draw the effects by stage; save it too where a path (.png, .svg, .pdf) is given."""
        return self.plot(path, kind="effects")

    def report(self, path: str | Path | None = None) -> Path:
        """Write all that is shown of the study as one HTML page, which opens without a network, and return its path.

        By default it is `report.html` in the folder of the results, where every run writes it too.
        """
        from seplace.report.page import NAME, write_page

        target = self.folder / NAME if path is None else Path(path)
        write_page(self, target)
        return target

    def front_as(self, form: str) -> str:
        """Return the front as a table for a paper, with a caption that explains its columns: `latex` or `markdown`."""
        from seplace.report.paper_tables import front_as

        return front_as(self, form)

    @cached_property
    def trained_sets(self) -> dict[str, TrainedSet]:
        """The recipes beside the study's own that `train` has trained networks by, by name."""
        return trained_sets(self.folder)

    @property
    def trained(self) -> pd.DataFrame:
        """One row for each placement that `train` has trained by another recipe than the study's, by recipe."""
        return trained_frame(list(self.trained_sets.values()))

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

    def train(
        self,
        placement: str | Placement,
        *,
        seeds: int = 3,
        epochs: int | None = None,
        on: TrainedOn = "train",
        beside_plain: bool = False,
        overrides: Overrides | None = None,
        observer: Observer | None = None,
        retry_failed: bool = False,
    ) -> Self:
        """Train a placement of the space, trained before or not, and return the results with it.

        By the study's own recipe its trainings become evaluations of the study. With other epochs, or on other images,
        they are kept in `trained/<recipe>` and shown in `trained`. Networks are scored on the test split at the end.
        What is interrupted goes on with the same call. The proposals of a search that goes on stay as they were.

        >>> import seplace
        >>> results = seplace.load("results/digits-quickstart")  # doctest: +SKIP
        >>> results.train("none-se4-eca", seeds=5, epochs=200, beside_plain=True).trained  # doctest: +SKIP

        Args:
            placement: A placement of the space or its text, `plain` or another baseline by name, or a front point.
            seeds: The number of seeds: it is trained on seeds 0, 1, …; those that are trained are kept.
            epochs: The epochs of a training, to which the schedule is stretched; None takes those of the study.
            on: The images: `train`, or `train+validation`, after which there is only a test score.
            beside_plain: Whether the plain backbone is trained alike, so that the gain is paired by seed.
            overrides: Where the trainings run, instead of what the study says.
            observer: A function that is called with each `Progress`; None shows a progress bar.
            retry_failed: Whether to repeat all failed trainings, not only those that the machine failed.

        Raises:
            InvalidPlacement: The placement is neither in the space nor a baseline.
            StudyBusy: Another process runs the study.
            StudyChanged: The data or the user's own code are not those of the study.
            DataError: Data are missing or damaged.
            TooManyFailures: Trainings fail one after another.

        """
        from seplace.search.further import Wanted, train_further

        chosen = self.placement_of(str(placement))
        plain = [self.baselines["plain"]] if beside_plain and not chosen.is_plain else []
        config = self.live_config if overrides is None else overrides.apply(self.live_config)
        wanted = Wanted(
            placements=[*plain, chosen],
            seeds=seeds,
            epochs=config.training.epochs if epochs is None else epochs,
            trained_on=on,
        )
        if observer is not None:
            name = train_further(config, self.folder, wanted, observer=observer, retry_failed=retry_failed)
        else:
            from seplace.report.images import tell
            from seplace.report.progress import progress_bar

            with progress_bar() as show:
                name = train_further(
                    config, self.folder, wanted, observer=show, retry_failed=retry_failed, on_workers=tell
                )
        results = self.load(self.folder)
        results.write(figures=name is None)
        return results

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

    def export(
        self,
        folder: str | Path | None = None,
        *,
        pick: str = "knee",
        flops_under: float | None = None,
        exporter: str | None = None,
        trained: str | None = None,
    ) -> Path:
        """Write a trained network as a folder (network, weights, configuration), verify it, and return the folder.

        `exporter` is a name of EXPORTERS; by default `source`, and `program` for the user's own network. `trained` is
        the name of another recipe by which `train` has trained the placement, such as `epochs200`.
        """
        from seplace.exporters import EXPORTERS, exporter_for
        from seplace.exporters.trained import network_of_study
        from seplace.models import holds_own_code

        if trained is None:
            evaluation = self.pick(pick, flops_under=flops_under)
            config, placements, of_weights = self.live_config, self.placements, self.both_splits.of_weights(evaluation)
            source = self.folder
        else:
            recipe = trained_set(self.folder, trained)
            evaluation = recipe.first_of(self.placement_of(pick))
            config = replace(self.live_config, trained_on=recipe.trained_on)
            placements, of_weights = trained_frame([recipe]), recipe.both_splits.of_weights(evaluation)
            source = recipe.folder
        self.refuse_other_code()
        backbone = self.live_config.search_space.backbone_of(evaluation.placement)
        write = EXPORTERS[exporter_for(backbone) if exporter is None else exporter]
        network = network_of_study(
            evaluation,
            config=config,
            placements=placements,
            of_weights=of_weights,
            images=self.images,
            folder=source,
        )
        name = safe_name("_".join(filter(None, [str(evaluation.placement), trained])))
        target = Path(folder) if folder is not None else self.folder / "export" / name
        with user_errors_if(
            holds_own_code(backbone, evaluation.placement), f"{evaluation.placement} cannot be exported"
        ):
            exported: Path = write(network, target)
        return exported

    def refuse_other_code(self) -> None:
        """Raise StudyChanged if the user's own networks or modules have changed since the study began."""
        refuse_other_code(self._identity, self.live_config, self.images, folder=self.folder)

    @property
    def provenance(self) -> dict[str, Any]:
        """Where the numbers come from, as plain JSON types."""
        return {
            "study": self.config.name,
            "seplace": self.command,
            **({"settings": list(self.settings)} if self.settings else {}),
            "finished": self.finished,
            **provenance_of(self.rows, self.rung_rows),
            **({"workers": self.workers} if self.workers else {}),
            "estimated_with": f"seplace {__version__}",
            "latency": self.latencies,
            "proxy_seconds": {
                name: round(row.seconds + row.shared_seconds, 1) for name, row in self.proxy_records.items()
            },
            "verdict": self.verdict,
            "outlook": self.outlook,
            "rungs": self.rungs_note,
            "test_check": self.test_check,
        }

    def write(self, *, figures: bool = True) -> None:
        """Write the tables, the figures, the page and the provenance; all can be made again from the ledger."""
        from seplace.report.folder import write_folder

        names = ["evaluations", "curves", "placements", "front", "recommended", "effects"]
        names += ["rungs"] * bool(self.rung_rows) + ["proxies"] * bool(self.proxy_records)
        names += ["trained"] * bool(self.trained_sets) + ["ablation"] * bool(self.config.search.placements)
        drawings = {"front": self.plot, "effects": self.plot_effects} if figures else {}
        write_folder(
            self.folder,
            tables={
                **{name: partial(getattr, self, name) for name in names},
                **{
                    f"{FOLDER}/{recipe.name}/{name}": partial(getattr, recipe, name)
                    for recipe in self.trained_sets.values()
                    for name in ("evaluations", "curves")
                },
            },
            figures={name: partial(self._draw, plot) for name, plot in drawings.items()},
            provenance=lambda: self.provenance,
        )
        self._keep_views()
        self._note_in_optuna_file()
        if figures:
            from seplace.report.page import NAME, write_page_or_warn

            write_page_or_warn(self, self.folder / NAME)

    def _note_in_optuna_file(self) -> None:
        """Let optuna-dashboard show the verdict and the advice; a file that cannot be written keeps its note."""
        from seplace.search.optuna_note import note_text, write_note

        text = note_text(self.verdict, self.advice, also=[self.outlook, self.rungs_note])
        with suppress(sqlite3.Error):
            write_note(self.folder / "optuna.db", self.config.name, text)

    def _keep_views(self) -> None:
        """Keep what commands show where it takes long to make."""
        if self._views is not None or self.estimates is None or self.estimates.has_all:
            return
        trained, on_front = self.trained_and_on_front
        views = Views(
            front=self.front,
            verdict=self.verdict,
            advice=self.advice,
            measured=self.measured,
            test_check=self.test_check,
            has_test_images=self.has_test_images,
            trained=trained,
            on_front=on_front,
        )
        views.write(self.folder, of=self._digest)

    def _draw(self, plot: Callable[[Path], Figure], path: Path) -> None:
        if len(self.placements):
            plot(path)


def _in_order(rows: Iterable[Evaluation]) -> list[Evaluation]:
    return sorted(rows, key=lambda row: (str(row.placement), row.seed, row.epochs))


def load(folder: str | Path) -> Results:
    """Load the results of a study that is finished or still running.

    >>> import seplace
    >>> seplace.load("results/cifar10-effects").finished
    True

    Args:
        folder: The folder of the results, such as `results/digits-quickstart`.

    Raises:
        DataError: There are no results in the folder.
        CorruptResults: A file is damaged, or newer than this version of seplace.

    """
    check_type("results", folder, str, Path, said="the path of a folder")
    return Results.load(folder)
