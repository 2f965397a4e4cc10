"""Comparisons of samplers: many repetitions of each search problem, the same ones for every sampler."""

from __future__ import annotations

import json
import math
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from seplace.errors import CorruptResults, InputError
from seplace.files.atomic import make_folder, remove_unfinished, write_atomically
from seplace.files.former_words import current_outcome
from seplace.files.plain_json import read_json, refuse_newer
from seplace.files.versions import versions
from seplace.results.tables import to_csv
from seplace.samplers import SAMPLERS
from seplace.search.interruption import signals_as_errors
from seplace.simulation.curves import calibration, hypervolumes, summary
from seplace.simulation.problem_name import problem_of
from seplace.simulation.replay import Phases, budget_in, replay
from seplace.user_modules import USER_MODULES, find_user_modules
from seplace.version import __version__

if TYPE_CHECKING:
    import pandas as pd


_SCHEMA = 1
"""The version of the file of repetitions, as `schema` in its first line; files before 0.14 do not say it."""

_CHECKPOINTS = (12, 25, 50, 100, 200, 400)
"""Numbers of trainings after which the recommended fronts are evaluated."""


@dataclass(frozen=True, kw_only=True)
class Repetition:
    """One search: a problem by name (a landscape, or the folder of a tabular benchmark), a sampler, and a number."""

    problem: str
    sampler: str
    number: int

    def columns(self) -> dict[str, str | int]:
        """Return the first columns of its rows in a table."""
        return {"problem": Path(self.problem).name, "sampler": self.sampler, "repetition": self.number}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The outcome of a repetition."""

    curve: list[dict[str, float | str]]
    """recommendation, trainings, hypervolume, front_points (unknown before 0.9.0)."""
    calibration: dict[str, Any]
    expected_regret: float
    regret: float
    """The share of the true hypervolume that the recommended front lacks at the end of the search."""
    searched: int
    """Trainings of baselines and search."""
    trained: int
    """Trainings of baselines, search and confirmation."""
    different: int
    """Placements that were trained."""
    search_calibration: dict[str, Any] | None = None
    """The calibration at the end of the search, before a confirmation; None without one."""
    rungs: dict[str, Any] | None = None
    """The state of the rungs at the end, if there were any."""
    version: str | None = None
    """The version of seplace that searched; unknown before 0.7.0."""


_REPETITION, _OUTCOME = TypeAdapter(Repetition), TypeAdapter(Outcome)


def repeat(repetition: Repetition, phases: Phases, checkpoints: Sequence[int]) -> Outcome:
    """Run one repetition."""
    problem = problem_of(repetition.problem, number=repetition.number)
    replayed = replay(problem, phases, sampler=repetition.sampler, seed=repetition.number)
    evaluations = replayed.evaluations
    search_end = replayed.spent[replayed.searched - 1]
    searched = hypervolumes(problem, replayed, [search_end])
    return Outcome(
        curve=hypervolumes(problem, replayed, checkpoints),
        calibration=asdict(calibration(problem, replayed, trainings=len(evaluations))),
        search_calibration=(
            asdict(calibration(problem, replayed, trainings=replayed.searched)) if phases.confirm_trainings else None
        ),
        expected_regret=replayed.expected_regret,
        regret=1 - searched[-1]["hypervolume"],
        searched=replayed.searched,
        trained=len(evaluations),
        different=len({row.placement for row in evaluations}),
        rungs=replayed.rungs,
        version=__version__,
    )


def _begin_process(own_modules: Mapping[str, Sequence[str]]) -> None:
    """Leave Ctrl-C, which reaches all processes of a terminal, to the parent, and find modules of the user's own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    find_user_modules(own_modules)


@contextmanager
def _processes(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Open a pool of processes, which end with the block, however it ends."""
    others = set(active_children())
    context, own = get_context("spawn"), (USER_MODULES.to_record(),)
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_process, initargs=own) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(active_children()) - others:
                process.terminate()
            raise


_FILES = (
    *("repetitions.jsonl", "curves.csv", "calibration.csv", "summary.csv", "rungs.csv"),
    *("provenance.json", "curves.png", "curves.svg"),
)


class Comparison:
    """A comparison in a folder. Its file grows by one line a repetition, so that an interrupted one can go on."""

    def __init__(self, folder: Path, phases: Phases) -> None:
        """Read the outcomes in the folder. Raises InputError if they belong to a comparison with other phases."""
        self.folder = folder
        self.phases = phases
        self.checkpoints = sorted({each for each in _CHECKPOINTS if each < phases.trainings} | {phases.trainings})
        self.outcomes: dict[Repetition, Outcome] = {}
        self._path = folder / "repetitions.jsonl"
        make_folder(folder, files=_FILES)
        remove_unfinished([folder])
        if self._path.exists():
            self._read()

    def run(self, repetitions: Iterable[Repetition], *, workers: int, on_done: Callable[[int], None]) -> None:
        """Run the missing repetitions, several at once; `on_done` is called with the number that are left.

        Raises Interrupted on a signal: running searches are abandoned, and the next call begins them again.
        """
        missing = [each for each in repetitions if each not in self.outcomes]
        for sampler in dict.fromkeys(each.sampler for each in missing):
            _ = SAMPLERS[sampler]  # refuses an unknown name
        for problem in dict.fromkeys(each.problem for each in missing):
            budget_in(problem_of(problem, number=0), self.phases)  # refuses rungs that it does not allow
        if not self._path.exists():
            head = {"schema": _SCHEMA, "seplace": __version__} | asdict(self.phases)
            write_atomically(self._path, json.dumps(head) + "\n")
        left = len(missing)
        with signals_as_errors(), _processes(workers) as pool:
            running = {pool.submit(repeat, each, self.phases, self.checkpoints): each for each in missing}
            for done in as_completed(running):
                self._keep(running[done], done.result())
                left -= 1
                on_done(left)

    def write(self) -> None:
        """Write tables, figures and provenance; all can be made again from the file of repetitions."""
        from seplace.report.figures.saving import save_figure
        from seplace.report.figures.simulation import plot_simulation

        tables = {"curves": self.curves(), "calibration": self.calibrations(), "summary": summary(self.curves())}
        if self.phases.rungs:
            tables["rungs"] = self.rungs()
        for name, table in tables.items():
            write_atomically(self.folder / f"{name}.csv", to_csv(table))
        provenance = {
            "seplace": "seplace " + " ".join(sys.argv[1:]),
            "phases": asdict(self.phases),
            "versions": versions(),
            "repetitions": len(self.outcomes),
            "searched_with": Counter(outcome.version or "unknown" for outcome in self.outcomes.values()),
        }
        write_atomically(self.folder / "provenance.json", json.dumps(provenance, indent=1) + "\n")
        for suffix in ("png", "svg"):
            figure = plot_simulation(
                tables["summary"],
                title="True hypervolume of the recommended front: mean and 95 % interval over searches",
            )
            save_figure(figure, self.folder / f"curves.{suffix}")

    def curves(self) -> pd.DataFrame:
        """Return one row a repetition, recommendation and checkpoint."""
        import pandas as pd

        return pd.DataFrame(
            [
                {**each.columns(), **row, "front_points": row.get("front_points", math.nan)}
                for each, outcome in self._ordered()
                for row in outcome.curve
            ]
        )

    def calibrations(self) -> pd.DataFrame:
        """Return one row a repetition: the calibration of the final estimates, and of those before a confirmation."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    **each.columns(),
                    "searched": outcome.searched,
                    "trained": outcome.trained,
                    "expected_regret": outcome.expected_regret,
                    "regret": outcome.regret,
                    "different": outcome.different,
                    **outcome.calibration,
                    **{f"search_{name}": value for name, value in (outcome.search_calibration or {}).items()},
                }
                for each, outcome in self._ordered()
            ]
        )

    def rungs(self) -> pd.DataFrame:
        """Return one row a repetition and rung: whether it was on at the end, its tau, and how many it stopped."""
        import pandas as pd

        return pd.DataFrame(
            [
                {**each.columns(), **rung}
                for each, outcome in self._ordered()
                if outcome.rungs is not None
                for rung in outcome.rungs["rungs"]
            ]
        )

    def _ordered(self) -> list[tuple[Repetition, Outcome]]:
        return sorted(self.outcomes.items(), key=lambda item: (item[0].problem, item[0].sampler, item[0].number))

    def _keep(self, repetition: Repetition, outcome: Outcome) -> None:
        self.outcomes[repetition] = outcome
        with self._path.open("a") as file:
            file.write(json.dumps([asdict(repetition), asdict(outcome)]) + "\n")

    def _read(self) -> None:
        """Read the file; raises CorruptResults where it is damaged or of a newer version."""
        try:
            plan, *lines = self._path.read_text().splitlines(keepends=True)
            known = read_json(plan)
            refuse_newer(self._path, known, reads=_SCHEMA)
            known = {key: value for key, value in known.items() if key not in ("schema", "seplace")}
            is_same = known | {"rungs": tuple(known.get("rungs", ()))} == asdict(self.phases)
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise CorruptResults(f"{self._path}: not a readable file of repetitions ({error})") from error
        if not is_same:
            raise InputError(
                f"{self._path}: holds a comparison with other phases ({plan.strip()[:500]}); take another folder"
            )
        for number, line in enumerate(lines, start=2):
            if not line.endswith("\n"):  # the last one, torn when the comparison was killed
                write_atomically(self._path, "".join([plan, *lines[:-1]]))
                break
            try:
                repetition, outcome = current_outcome(*read_json(line))
                checked = _OUTCOME.validate_json(json.dumps(outcome), strict=True)
                self.outcomes[_REPETITION.validate_json(json.dumps(repetition), strict=True)] = checked
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                reason = str(error).splitlines()[0]
                raise CorruptResults(f"{self._path}:{number}: not a readable repetition ({reason})") from error
