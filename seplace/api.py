"""seplace from Python: run a study, or load what one has left, and look at it as DataFrames and figures."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, get_args

from pydantic import ValidationError

from seplace.costs import COSTS
from seplace.costs.stored import cost_table_of_results
from seplace.errors import (
    DataError,
    InputError,
    Interrupted,
    InvalidPlacement,
    SeplaceError,
    StudyBusy,
    StudyChanged,
    UnknownName,
    did_you_mean,
    nearest,
)
from seplace.evaluators.identity import Identity, refuse_other_code
from seplace.executors import EXECUTORS
from seplace.files.atomic import DiskFull, safe_name, write_atomically
from seplace.files.schema import rules_of
from seplace.placement import Placement
from seplace.registry import is_import_path
from seplace.results.evaluation import Evaluation, estimates_of, evaluations_frame, rungs_frame, summarise
from seplace.results.ledger import ledger_of_results
from seplace.results.tables import (
    effects_frame,
    front_frame,
    front_of_candidates,
    knee_of,
    placements_frame,
    proxies_frame,
    recommended_frame,
)
from seplace.results.verdict import regret_sentence, rungs_sentence, verdict
from seplace.search.attempts import told
from seplace.search.interruption import signals_as_errors
from seplace.search.meaning import own_baselines
from seplace.search.recommendation import recommended, task_of
from seplace.search.scoring import covariates_of, proxy_records
from seplace.study.config import STUDY_FACTS, StudyConfig, load_results_study, load_study
from seplace.study.study_file import Run
from seplace.user_code import describe_error, told_if

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from seplace.costs.table import CostTable
    from seplace.effects.covariates import Covariate
    from seplace.effects.estimates import Estimates
    from seplace.search.progress import Observer

PICKS = ("best", "knee", "cheapest")
"""Points of a front by name."""


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """Where a run takes place, instead of where its study says; None leaves the study's word."""

    executor: str | None = None
    workers: int | None = None
    threads: int | None = None
    accelerator: str | None = None
    data_root: Path | None = None
    """Where the data lies."""

    def apply(self, config: StudyConfig) -> StudyConfig:
        """Return the study with this `run` block; it means the same study."""
        given = {key: value for key, value in vars(self).items() if value is not None and key != "data_root"}
        changed: dict[str, Any] = {"run": _run_of(config.run.model_dump() | given)}
        if self.data_root is not None:
            changed["data"] = config.data.model_copy(update={"root": str(self.data_root.absolute())})
        return replace(config, file=config.file.model_copy(update=changed))


def _run_of(values: dict[str, Any]) -> Run:
    """Return a `run` block; InputError (UnknownName for a name) for what its study file could not say either."""
    for key, known in (("executor", EXECUTORS), ("accelerator", get_args(Run.model_fields["accelerator"].annotation))):
        if values[key] not in known:
            raise UnknownName(key, str(values[key]), known)
    try:
        return Run.model_validate(values)
    except ValidationError as error:
        raise InputError("; ".join(rules_of(error))) from error


class Results:
    """What a study has left in its folder, finished or still running: views of its ledger.

    CorruptResults or DataError where the folder is none of ours.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with ledger_of_results(folder) as ledger:
            self.rows: list[Evaluation] = ledger.evaluations()
            self.rung_rows: list[Evaluation] = ledger.rungs()
            self._reached_its_end: bool = bool(ledger.fact("finished"))
            self.stopped: str = ledger.fact("stopped") or ""
            """What the last run ended with, where that was an error."""
            self._study_facts: dict[str, Any] = {name: ledger.fact(name) for name in STUDY_FACTS}
            self._tests = ledger.tests()
            self.test_note: str = ledger.fact("test_note") or ""
            """One sentence: that there is no test split, where a study has none."""
            self.untested: str = ledger.fact("untested") or ""
            """What kept the last run from reading the test split; empty where nothing did."""
            self._images: dict[str, Any] = ledger.fact("images") or {}
            self._identity: Identity = ledger.fact("identity") or {}
            self._command: str | None = ledger.fact("command")
            self._regret: dict[str, Any] | None = ledger.fact("regret")
            self._latencies: dict[str, dict[str, Any]] = ledger.fact("latencies") or {}
            self._rungs: dict[str, Any] | None = ledger.fact("rungs")
            self._proxies = proxy_records(ledger)
            self._is_front_of_space = bool(ledger.fact("front_of_space"))
            self._own_baselines = own_baselines(ledger)
            self._units: dict[str, str] = ledger.fact("units") or {}
        for rows in (self.rows, self.rung_rows):
            rows.sort(key=lambda row: (str(row.placement), row.seed, row.epochs))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Load the results in a folder."""
        return cls(Path(folder))

    @property
    def finished(self) -> bool:
        """Whether the study has come to its end; one that can compare nothing with its plain backbone has not."""
        return self._reached_its_end and self.plain_failure is None

    @property
    def plain_failure(self) -> Evaluation | None:
        """The failed training of the plain backbone where none has succeeded."""
        plain = [row for row in self.rows if row.placement.is_plain]
        return plain[0] if plain and all(row.state == "failed" for row in plain) else None

    @cached_property
    def config(self) -> StudyConfig:
        """The study, from its copy in the folder; no code of the user's own is imported."""
        return load_results_study(self.folder, self._study_facts)

    @cached_property
    def live_config(self) -> StudyConfig:
        """The study with its code, which is imported, so that its networks can be built."""
        return load_results_study(self.folder, self._study_facts, live=True)

    @cached_property
    def cost_table(self) -> CostTable:
        """The costs of every placement of the study."""
        return cost_table_of_results(self.folder, key=self.config.cost_key(), rows=self.rows)

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
        """The unit of the study's cost axis; of a cost of the user's own what was noted when the study ran."""
        if is_import_path(self.cost):
            return self._units.get(self.cost, "")
        return str(COSTS[self.cost].unit)

    @cached_property
    def evaluations(self) -> pd.DataFrame:
        """One row an evaluation: placement, stages, seed, scores, costs, seconds, device."""
        return evaluations_frame(self.rows)

    @cached_property
    def rungs(self) -> pd.DataFrame:
        """One row a training at a rung; such results are in no other table."""
        return rungs_frame(self.rung_rows, self.rows)

    @cached_property
    def covariates(self) -> dict[str, Covariate]:
        """What was learned from the scores of each proxy of the study, also of those that the model does without."""
        from seplace.effects.design import Design

        return covariates_of(Design(self.config.search_space), self._proxies)

    @cached_property
    def estimates(self) -> Estimates | None:
        """What can be believed of the placements that were trained; None before any is."""
        from seplace.effects.covariates import tables_of
        from seplace.effects.design import Design

        if not any(row.accuracy is not None for row in self.rows):
            return None
        design = Design(self.config.search_space, covariates=tables_of(self.covariates))
        return estimates_of(design, self.rows, self.cost, is_front_of_space=self._is_front_of_space)

    @cached_property
    def recommended(self) -> pd.DataFrame:
        """What the model recommends of the whole space, trained or not, those first that promise most."""
        import pandas as pd

        estimates = self.estimates
        if estimates is None:
            return pd.DataFrame()
        priced_space = task_of(self.config, self.cost_table).priced_space_by(
            {row.placement: row.costs[self.cost] for row in self.rows if row.accuracy is not None}
        )
        return recommended_frame(
            recommended(estimates, priced_space, self.rows),
            estimates,
            cost_table=self.cost_table,
            evaluations=self.rows,
            latencies=self._latencies,
        )

    @cached_property
    def placements(self) -> pd.DataFrame:
        """One row a placement that was trained, cheapest first."""
        marks = self.baselines
        return placements_frame(
            summarise(self.rows),
            self.estimates,
            cost=self.cost,
            plain_costs=dict(zip(self.cost_table.names, self.cost_table.plain, strict=True)),
            baselines={str(placement): name for name, placement in marks.items()},
            tests={key[:2]: accuracy for key, (accuracy, _loss) in self._tests.items()},
            latencies=self._latencies,
        )

    @cached_property
    def front(self) -> pd.DataFrame:
        """The placements on the front, cheapest first, and after them the baselines beside it."""
        return front_frame(self.placements)

    @cached_property
    def effects(self) -> pd.DataFrame:
        """What each choice, module, ratio and attachment adds in each stage, and what it costs."""
        return effects_frame(
            self.estimates, cost_table=self.cost_table, evaluations=self.rows, latencies=self._latencies
        )

    @cached_property
    def proxies(self) -> pd.DataFrame:
        """One row a proxy of the study: what its score is worth here, how well it was learned, and what it took."""
        seconds = {name: (record.seconds, record.shared_seconds) for name, record in self._proxies.items()}
        return proxies_frame(self.estimates, self.covariates, seconds=seconds)

    @property
    def verdict(self) -> str:
        """Sentences: whether any placement is better than the plain backbone, and than the baselines."""
        if self.plain_failure is not None:
            return f"Nothing can be compared with the plain backbone: {told(self.plain_failure, self.config)}."
        return " ".join(each for each in (verdict(self.estimates, self.baselines), self.test_note) if each)

    @property
    def outlook(self) -> str:
        """The expected hypervolume regret of the recommended front, as sentences; empty before the search has ended."""
        return "" if self._regret is None else regret_sentence(self._regret)

    @property
    def rungs_note(self) -> str:
        """One sentence: which rungs were on at the end; empty without rungs or before the search has ended."""
        return "" if self._rungs is None else rungs_sentence(self._rungs)

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw accuracy against cost; save it too where a path (.png, .svg, .pdf) is given."""
        from seplace.report.plots import plot_front, save_figure

        figure = plot_front(
            self.placements,
            cost=self.cost,
            unit=self.unit,
            title=f"{self.config.name}: {self.config.search_space.backbone.text}",
        )
        if path is not None:
            save_figure(figure, Path(path))
        return figure

    def plot_effects(self, path: str | Path | None = None) -> Figure:
        """Draw the effects by stage; save it too where a path (.png, .svg, .pdf) is given."""
        from seplace.report.plots import plot_effects, save_figure

        figure = plot_effects(self.effects, title=f"{self.config.name}: effect of each choice in its stage")
        if path is not None:
            save_figure(figure, Path(path))
        return figure

    def pick(self, choice: str, *, flops_under: float | None = None) -> Evaluation:
        """Return the evaluation to export: of `best`, `knee`, `cheapest` of the front, or of a placement's text.

        Of the seeds of that placement it takes the first, since choosing the luckiest would flatter the figures.
        """
        complete = [row for row in self.rows if row.state == "complete"]
        check_pick(choice)
        if flops_under is not None and "flops" not in self.cost_table.names:
            raise InputError(f"{self.folder}: the FLOPs of this study's networks are not known")
        if choice in PICKS:
            candidates = front_of_candidates(self.placements, self.config.search_space, cost=self.cost)
            if flops_under is not None and "flops" in candidates:
                candidates = candidates[candidates["flops"] <= flops_under]
            if not len(candidates):
                limit = "" if flops_under is None else f" under {flops_under:,.0f} FLOPs"
                raise InputError(f"{self.folder}: no placement on the front{limit}")
            positions: dict[str, int] = {
                "best": int(candidates["accuracy"].to_numpy().argmax()),
                "cheapest": 0,
                "knee": knee_of(candidates, self.cost),
            }
            choice = candidates["placement"].iloc[positions[choice]]
        placement = Placement.parse(choice)
        rows = [row for row in complete if row.placement == placement]
        if not rows:
            raise InputError(
                f"{self.folder}: {placement} was not trained; pick best, knee, cheapest or a placement of it"
            )
        if flops_under is not None and rows[0].costs["flops"] > flops_under:
            raise InputError(f"{self.folder}: {placement} is not under {flops_under:,.0f} FLOPs")
        return rows[0]

    def export(
        self,
        folder: str | Path | None = None,
        *,
        pick: str = "knee",
        flops_under: float | None = None,
        exporter: str | None = None,
    ) -> Path:
        """Write a trained network as a folder of its own (network, weights, configuration) and verify it there.

        `exporter` is a name of EXPORTERS; by default `source`, and `program` for a network of your own.
        """
        from seplace.exporters import EXPORTERS, exporter_for
        from seplace.exporters.trained import network_of_study
        from seplace.models import holds_own_code

        evaluation = self.pick(pick, flops_under=flops_under)
        self.refuse_other_code()
        backbone = self.live_config.search_space.backbone_of(evaluation.placement)
        write = EXPORTERS[exporter_for(backbone) if exporter is None else exporter]
        trained = network_of_study(
            evaluation, config=self.live_config, placements=self.placements, images=self._images, folder=self.folder
        )
        target = Path(folder) if folder is not None else self.folder / "export" / safe_name(str(evaluation.placement))
        with told_if(holds_own_code(backbone, evaluation.placement), f"{evaluation.placement} cannot be exported"):
            exported: Path = write(trained, target)
        return exported

    def refuse_other_code(self) -> None:
        """Raise StudyChanged where the user's own networks or modules are others than when the study began."""
        refuse_other_code(self._identity, self.live_config, self._images, folder=self.folder)

    def _earlier_provenance(self) -> dict[str, Any]:
        """Return what was written before: a ledger of version 0.2 does not know the command."""
        try:
            known: dict[str, Any] = json.loads((self.folder / "provenance.json").read_text())
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def write(self, *, figures: bool = True) -> None:
        """Write the tables, the figures and the provenance; they can be made again from the ledger at any time.

        One that fails keeps none of the others from being written; the first error is raised at the end.
        """
        names = ["evaluations", "placements", "front", "recommended", "effects"]
        names += ["rungs"] * bool(self.rung_rows) + ["proxies"] * bool(self._proxies)
        views = [partial(self._write_table, name) for name in names]
        views.append(partial(self._write_provenance))
        if figures:
            for suffix in ("png", "svg"):
                views.append(partial(self._draw, self.plot, f"front.{suffix}"))
                views.append(partial(self._draw, self.plot_effects, f"effects.{suffix}"))
        failures = [error for error in map(_failure_of, views) if error is not None]
        if failures:
            raise failures[0]

    def _write_table(self, name: str) -> None:
        write_atomically(self.folder / f"{name}.csv", to_csv(getattr(self, name)))

    def _draw(self, plot: Callable[[Path], Figure], name: str) -> None:
        if len(self.placements):
            plot(self.folder / name)

    def _write_provenance(self) -> None:
        trained = [*self.rows, *self.rung_rows]
        provenance = {
            "study": self.config.name,
            "seplace": self._command or self._earlier_provenance().get("seplace", "seplace.run"),
            "finished": self.finished,
            "versions": unique([dict(row.versions) for row in trained]),
            "devices": unique([row.device for row in trained]),
            "threads": unique([row.threads for row in trained]),
            "processors": os.cpu_count(),
            "seeds": sorted({row.seed for row in self.rows}),
            "trainings": len(self.rows),
            "training_seconds": round(sum(row.seconds for row in trained), 1),
            "latency": self._latencies,
            "proxy_seconds": {name: round(row.seconds + row.shared_seconds, 1) for name, row in self._proxies.items()},
            "verdict": self.verdict,
            "outlook": self.outlook,
            "rungs": self.rungs_note,
        }
        write_atomically(self.folder / "provenance.json", json.dumps(provenance, indent=1) + "\n")


def _failure_of(view: Callable[[], None]) -> Exception | None:
    try:
        view()
    except Exception as error:
        return error
    return None


def check_pick(choice: str) -> None:
    """Refuse, as InputError, what is neither a point of a front nor the text of a placement."""
    if choice in PICKS:
        return
    try:
        Placement.parse(choice)
    except InvalidPlacement as error:
        if nearest(choice, PICKS) is None:
            raise
        guess = did_you_mean(choice, PICKS)
        raise InputError(f"unknown pick {choice!r}{guess} (known: {', '.join(PICKS)}, or a placement)") from error


def run(
    study: str | Path,
    *,
    folder: str | Path | None = None,
    overrides: Overrides | None = None,
    observer: Observer | None = None,
    retry_failed: bool = False,
) -> Results:
    """Run a study (a file, or the name of a shipped one) to its end, or go on with it; return its results.

    Results go to `folder`, by default `results/<name of the study>`. Without an observer a progress bar is shown.
    Trainings that the machine has failed in an earlier run are made again, with `retry_failed` all that failed.
    """
    from seplace.search.driver import run_study

    with signals_as_errors():  # from the first line to the last table
        config = (overrides or Overrides()).apply(load_study(study))
        target = Path(folder) if folder is not None else Path("results") / config.name
        try:
            if observer is not None:
                run_study(config, target, observer=observer, retry_failed=retry_failed)
            else:
                from seplace.report.terminal import progress_bar, tell_images

                with progress_bar() as show:
                    run_study(config, target, observer=show, retry_failed=retry_failed, on_images=tell_images)
        except (StudyBusy, StudyChanged):
            raise  # what is there is another's
        except (Exception, Interrupted) as error:
            _write_what_there_is(target, error)
            raise
        results = Results.load(target)
        results.write()
    return results


def _write_what_there_is(folder: Path, cause: BaseException) -> None:
    """Write the tables of a run that ended early, the figures if it has time for them; never an error of its own."""
    try:
        results = Results.load(folder)
        if results.rows:
            results.write(figures=not isinstance(cause, Interrupted))
    except Interrupted:
        return  # nobody waits for tables who has asked twice
    except DataError:
        return  # the run ended before it had begun
    except Exception as error:
        if isinstance(cause, DiskFull) and isinstance(error, DiskFull):
            return  # as the cause says
        reason = error if isinstance(error, SeplaceError) else describe_error(error)
        warnings.warn(f"{folder}: the tables could not be written: {reason}", stacklevel=2)


def load(folder: str | Path) -> Results:
    """Load the results of a study that is finished or still running."""
    return Results.load(folder)


def to_csv(table: pd.DataFrame) -> str:
    """Return a table as CSV; a text that a spreadsheet would run as a formula is quoted."""

    def quoted(value: Any) -> Any:
        return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value

    return table.map(quoted).to_csv(index=False, float_format="%.6g") if len(table.columns) else ""


def unique(values: list[Any]) -> list[Any]:
    """Return the different values in order of appearance."""
    return [value for at, value in enumerate(values) if value not in values[:at]]
