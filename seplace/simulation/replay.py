"""One search in a world: the driver itself, with trainings that answer at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seplace.config import StudyConfig, StudyFile
from seplace.executors.inline import Inline
from seplace.ledger import Ledger
from seplace.search.driver import Driver
from seplace.search.prices import Prices

if TYPE_CHECKING:
    from seplace.results import Evaluation
    from seplace.simulation.world import World


@dataclass(frozen=True, kw_only=True)
class Phases:
    """The plan of a search."""

    trainings: int
    """Of yardsticks and search together."""
    seeds: int
    """The most seeds of one placement in the search."""
    confirm_seeds: int = 0
    """The most seeds of one placement after the confirmation; 0 leaves the confirmation out."""
    confirm_trainings: int = 0
    stop: str = "budget"
    """budget or settled."""
    concurrent: int = 1
    """How many trainings are thought to run at once: a sampler does not know the results of those that do."""


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What a search has left."""

    evaluations: list[Evaluation]
    """In the order in which they were trained."""
    expected_regret: float
    """The share of the attainable hypervolume that the front recommended after the search was believed to miss."""
    searched: int
    """Trainings of yardsticks and search."""


def replay(world: World, phases: Phases, *, sampler: str, seed: int) -> Replay:
    """Search in a world."""
    config = _config(world, phases, sampler=sampler, seed=seed)
    with Ledger(None) as ledger:
        prices = Prices(config, world.prices, ledger=ledger, evaluator=None)
        driver = Driver(
            config,
            ledger=ledger,
            make_executor=lambda on_progress: Inline(world, workers=1, max_retries=0, on_progress=on_progress),
            prices=prices,
            yardsticks={name: mark for name, mark in world.space.yardsticks.items() if mark in world.space},
            study_file=None,
            observer=lambda _: None,
        )
        driver.run_yardsticks()
        driver.run_search()
        driver.run_confirmation()
        regret = ledger.fact("regret")
        return Replay(evaluations=ledger.evaluations(), expected_regret=regret["mean"], searched=regret["trainings"])


def _config(world: World, phases: Phases, *, sampler: str, seed: int) -> StudyConfig:
    """Return the study that a replay is; data and recipe stand for nothing."""
    search = {"sampler": sampler, "trainings": phases.trainings, "seeds": phases.seeds, "seed": seed}
    search["stop"] = phases.stop
    confirm = {"seeds": phases.confirm_seeds, "trainings": phases.confirm_trainings}
    study = {
        "schema": 1,
        "space": world.space.name,
        "data": {"name": "digits", "validation_images": 1},
        "training": {
            "epochs": 1,
            "batch_size": 1,
            "learning_rate": 0.1,
            "momentum": 0.9,
            "weight_decay": 0.0,
            "schedule": "cosine",
        },
        "objective": {"cost": world.cost},
        "search": search,
        "confirm": confirm if phases.confirm_trainings else None,
        "run": {"executor": "inline", "workers": phases.concurrent},
    }
    return StudyConfig(
        name=world.name,
        path=Path(world.name),
        folder=Path(),
        file=StudyFile.model_validate(study),
        search_space=world.space,
        source_text="",
        space_text="",
    )
