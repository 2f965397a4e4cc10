"""The plan of a study: what a run would do."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seplace.costs import main_count, measured_names
from seplace.costs.stored import cost_file, read_cost_table
from seplace.executors.ray_cluster import address_of
from seplace.files.atomic import is_file
from seplace.placement import Placement, StageChoice
from seplace.results.ledger import Ledger
from seplace.search.limits import Kept, check_limits, kept_of
from seplace.search.of_study import budget_of, task_of
from seplace.search.power import Power, power_of
from seplace.search.room import Room
from seplace.search.scoring import placements_to_score, proxy_records
from seplace.search.time_estimate import TimeEstimate, at_once
from seplace.search.workers import OPEN, choose_workers, count_in, with_workers

if TYPE_CHECKING:
    from seplace.evaluators.evaluator import Evaluator
    from seplace.samplers.task import Task
    from seplace.search.budget import Budget
    from seplace.study.config import StudyConfig


@dataclass(frozen=True, kw_only=True)
class CostSpan:
    """A counted cost over a space."""

    name: str
    plain: int
    cheapest: int
    dearest: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The plan of a study."""

    config: StudyConfig
    baselines: dict[str, Placement]
    budget: Budget
    spans: tuple[CostSpan, ...] | None
    """None until the costs of the space have been counted once."""
    estimate: TimeEstimate | None
    """The time estimate from training steps that were timed; None without a batch."""
    kept: Kept | None
    """The placements that keep the limits on counted costs; None without limits, or before costs are counted."""
    images: Mapping[str, Any]
    """A description of the data, as in the ledger of a run; empty if none was looked at."""
    frozen: list[str]
    """A sentence for each frozen network of the user's own: what learns in it; empty without a batch."""
    proxy_seconds: float | None
    """The time of all proxy scores, from those of an earlier run; None if a proxy has not been timed."""
    power: Power
    """The smallest gain that the study can show, with what it follows from."""
    workers_note: str
    """A sentence on the number of trainings at once where the study leaves it open; else empty."""
    room: Room | None
    """The memory of the trainings; None without a batch, and where trainings are not ours."""

    @property
    def seconds(self) -> float | None:
        """The estimated time of the run, including the scores of proxies if these were timed."""
        if self.estimate is None:
            return None
        seconds = self.estimate.seconds(
            self.budget,
            sampler=self.config.search.sampler,
            baselines=len(self.baselines),
            candidates=len(self.config.search_space),
        )
        return seconds + (self.proxy_seconds or 0.0)

    @property
    def proxies_note(self) -> str:
        """Whether the estimated time includes the proxies, as a clause; empty without proxies."""
        if not self.config.search.proxies:
            return ""
        return ", proxies not included: not timed yet" if self.proxy_seconds is None else ", proxies included"


def make_plan(config: StudyConfig, folder: Path, *, with_batch: bool, pilot: Path | None = None) -> Plan:
    """Plan a run; with a batch costs are counted and training steps timed, without it torch is not imported.

    An evaluator that answers from a folder needs no batch and is always consulted: it refuses a study that it cannot
    answer. In the results folder `pilot` the noise is measured that limits which gains the study can show; see
    `power_of` for what it must be.
    """
    begun = time.perf_counter()
    count, unresolved = None, config
    is_open = config.run.workers == "auto"
    if is_open:
        count = count_in(folder)
        config = with_workers(config, 1 if count is None else count.number)
    table = read_cost_table(cost_file(folder), key=config.cost_key())
    estimate = None
    has_gpus = config.run.accelerator == "gpu" or (config.run.accelerator == "auto" and Path("/dev/nvidia0").exists())
    running, note = _at_once(config, gpus=None if has_gpus else 0)  # as far as that is known without torch
    images: Mapping[str, Any] = {}
    frozen: list[str] = []
    room = None
    if config.evaluator.name == "stand_alone" and not with_batch:
        images = _light_look(config)
    if with_batch or config.evaluator.folder is not None:
        from seplace.evaluators.identity import counted_code, identity_of, other_meaning
        from seplace.executors.executor import EvaluatorMaker
        from seplace.search.cost_table import kept_cost_table
        from seplace.search.meaning import changes_since, learning_of, sentence_of

        maker = EvaluatorMaker(config, folder)
        evaluator = maker.make_here()
        images = evaluator.describe_images()
        read = time.perf_counter() - begun
        identity = identity_of(config, images)
        frozen = [sentence_of(text, paths) for text, paths in learning_of(config, images).items()]
        if changes := changes_since(config, folder, images, identity):
            warnings.warn(f"a run would be refused: {other_meaning(folder, changes)}", stacklevel=2)
            table = evaluator.cost_table()  # its folder keeps those of the study whose results it holds
        else:
            key = config.cost_key() | counted_code(identity)
            table = kept_cost_table(folder, evaluator, key=key, names=config.wanted_costs)
        plain = Placement.uniform(StageChoice(), len(config.search_space.choices))
        if config.evaluator.folder is None and measured_names(config.wanted_costs):
            evaluator.latencies([plain])  # refuses what cannot be measured before anything is trained
        dearest = table.dearest(config.search_space.choices, main_count(table.names))
        if is_open and count is None:
            count = choose_workers(unresolved, maker, dearest, on_progress=lambda: None)
            config = with_workers(unresolved, count.number)
        gpus = _gpus(config)
        running, note = _at_once(config, gpus=gpus)
        estimate = _estimated(
            evaluator, plain, dearest, read=read, running=running, is_inline=config.run.executor == "inline"
        )
        if count is not None:
            running, note = count.number, ""
            estimate = replace(estimate, at_once=running, training=estimate.training * count.slowdown)
        room = _room(config, evaluator, gpus=gpus, known=0 if count is None else count.held_bytes)
        note = " ".join(each for each in (note, "" if room is None else room.warning) if each)
    if note and not (is_open and room is None):  # a number that was measured, or is still to be
        warnings.warn(note, stacklevel=2)
    baselines = config.search_space.baselines | config.own_baselines
    task = None if table is None else task_of(config, table)
    if task is not None:
        check_limits(task, path=config.path)
        baselines = {
            name: mark
            for name, mark in baselines.items()
            if all(task.cost_table.costs_of(mark)[cost] <= limit for cost, limit in task.counted_limits.items())
        }
    return Plan(
        config=config,
        baselines=baselines,
        budget=budget_of(config),
        spans=None if task is None else spans_of(task),
        estimate=estimate,
        kept=None if task is None else kept_of(task),
        images=images,
        frozen=frozen,
        proxy_seconds=_proxy_seconds(config, folder),
        power=power_of(config, images, pilot=pilot),
        workers_note=(OPEN if count is None else count.sentence) if is_open else "",
        room=room,
    )


def _at_once(config: StudyConfig, *, gpus: int | None) -> tuple[int, str]:
    run = config.run
    if _is_elsewhere(config):
        return config.workers, ""
    if gpus and run.executor == "ray":
        gpus = int(gpus / (run.gpus or 1.0))
    if gpus:
        gpus = max(gpus // config.devices, 1)
    return at_once(run.executor, workers=config.workers, threads=run.threads * config.devices, gpus=gpus)


def _is_elsewhere(config: StudyConfig) -> bool:
    """Return whether trainings run on the machines of a cluster, which a plan does not look at."""
    return config.run.executor == "ray" and address_of(config.run) is not None


def _gpus(config: StudyConfig) -> int | None:
    """Return the number of GPUs that trainings use here; None where they run elsewhere, or with another evaluator."""
    if not config.trains or _is_elsewhere(config):
        return None
    from seplace.training.devices import gpus_of

    return gpus_of(config.run.accelerator)


def _room(config: StudyConfig, evaluator: Evaluator, *, gpus: int | None, known: int) -> Room | None:
    """Return the memory of trainings, from those that this process has timed, and from `known` bytes of a worker."""
    if gpus is None:
        return None
    from seplace.evaluators.lightning import OwnTrainings
    from seplace.evaluators.stand_alone import StandAlone
    from seplace.training.devices import free_memory, held_memory

    assert isinstance(evaluator, StandAlone | OwnTrainings)
    held, free = held_memory(evaluator.networks.device), free_memory(evaluator.networks.device)
    is_here = config.run.executor == "inline"  # a run trains in its own process then, which is as large as this one
    return Room(
        each=max(held, known),
        workers=1 if is_here else config.workers,
        gpus=gpus,
        free=None if free is None else free + held * is_here,
    )


def _estimated(
    evaluator: Evaluator, plain: Placement, dearest: Placement, *, read: float, running: int, is_inline: bool
) -> TimeEstimate:
    """Time the steps of a run; `read` is the time in seconds of imports and of reading the data."""
    begun = time.perf_counter()
    first = evaluator.estimate_seconds(plain)
    setting_up = time.perf_counter() - begun
    training = (first + evaluator.estimate_seconds(dearest)) / 2
    begun = time.perf_counter()
    evaluator.latencies([plain, dearest])
    return TimeEstimate(
        starting=read + setting_up,
        training=training,
        timing=(time.perf_counter() - begun) / 3,  # the plain network is timed beside both
        at_once=running,
        is_inline=is_inline,
    )


def _light_look(config: StudyConfig) -> Mapping[str, Any]:
    """Describe data in files without decoding images; the files need not exist yet."""
    from seplace.evaluators.data_look import look_at_study

    root = config.data_root
    if root is None:
        return {}
    if not root.exists():
        return {"not_found": str(root)}
    look = look_at_study(config, whole=False)
    return {"classes": list(look.classes), **look.to_record()}


def _proxy_seconds(config: StudyConfig, folder: Path) -> float | None:
    names, path = config.search.proxies, folder / "ledger.sqlite"
    if not names or not is_file(path):
        return None
    with Ledger(path, read_only=True) as ledger:
        records = proxy_records(ledger)
    space = config.search_space
    marks = list((space.baselines | config.own_baselines).values())
    scored = placements_to_score(space, marks, count=config.search.proxy_placements, seed=config.search.seed)
    estimates = [records[name].seconds_of(len(scored)) for name in names if name in records]
    timed = [each for each in estimates if each is not None]
    return sum(timed) if len(timed) == len(names) else None


def spans_of(task: Task) -> tuple[CostSpan, ...]:
    """Return the range of each counted cost over the space."""
    table, spans = task.cost_table, []
    for name, plain in zip(table.names, table.plain, strict=True):
        cheapest, dearest = table.span(task.space.choices, name)
        spans.append(CostSpan(name=name, plain=plain, cheapest=cheapest, dearest=dearest))
    return tuple(spans)
