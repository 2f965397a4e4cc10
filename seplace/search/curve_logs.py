"""The learning curves of a study's trainings, sent to the loggers that its block `run` names.

They are sent from the ledger, by the process that drives the run: so they arrive whatever executes the trainings, cost
these no time, and those of earlier runs are sent when a logger is named later. `logs/<logger>.txt` lists what was sent.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from seplace.files.atomic import safe_name
from seplace.loggers import LOGGERS
from seplace.results.curves import curve_names, curve_points
from seplace.user_code import describe_error

if TYPE_CHECKING:
    from pathlib import Path

    from seplace.results.evaluation import Evaluation
    from seplace.search.trainings import Trainings
    from seplace.study.config import StudyConfig

FOLDER = "logs"
_SECONDS = 2.0


class CurveLogs:
    """Sends curves to loggers. Raises MissingPackage, which says what to install, where a logger's package is not."""

    def __init__(self, config: StudyConfig, folder: Path) -> None:
        """Take the study, and the folder of its results."""
        self.config = config
        self.folder = folder / FOLDER
        self.training_images: int | None = None
        """The number of training images, on which the learning rate depends; None where it is not known."""
        self.makers: dict[str, Any] = {}
        for name in dict.fromkeys(config.run.loggers):
            LOGGERS.entry(name).refuse_missing(name)
            self.makers[name] = LOGGERS[name]
        self._sent = {name: self._read(name) for name in self.makers}
        self._due = time.monotonic() + _SECONDS

    @property
    def is_due(self) -> bool:
        """Whether it is time to look for news."""
        return bool(self.makers) and time.monotonic() >= self._due

    def update(self, trainings: Trainings, *, is_end: bool = False) -> None:
        """Send what is complete and was not sent; at the end of a run the trainings that stopped at a rung too."""
        for name in list(self.makers):
            for row in list(self._lacking(trainings, name, is_end=is_end)):
                try:
                    self._send(row, name)
                except Exception as error:
                    # Nothing is lost: the ledger has the curves.
                    warnings.warn(
                        f"logger {name} fails ({describe_error(error)}); the next run sends what it lacks", stacklevel=2
                    )
                    del self.makers[name]
                    break
        self._due = time.monotonic() + _SECONDS

    def _lacking(self, trainings: Trainings, name: str, *, is_end: bool) -> Iterator[Evaluation]:
        sent = self._sent[name]
        for key in list(trainings.results):
            if " ".join(map(str, key)) not in sent and key not in trainings.failed_keys:
                yield trainings.results[key]
        if is_end:
            yield from (row for row in trainings.stopped if " ".join(map(str, row.key)) not in sent)

    def _send(self, row: Evaluation, name: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of folders that are there: a stopped training has gone on
            logger = self.makers[name](
                folder=self.folder, study=self.config.name, placement=str(row.placement), seed=row.seed
            )
            stages = {f"stage{number}": str(choice) for number, choice in enumerate(row.placement.choices, start=1)}
            logger.log_hyperparams(
                {"placement": str(row.placement), "seed": row.seed, "epochs": row.epochs, **stages, **row.costs}
            )
            # The images that a network was trained on tell nothing of new ones.
            known = curve_names(self.config.metric)
            names = known if self.config.trained_on == "train" else {"train_loss": "train_loss"}
            for point in curve_points(row):
                epoch = int(point["epoch"] or 0)
                scores = {name: point.get(key) for key, name in names.items()} | {
                    "learning_rate": self._learning_rate(epoch)
                }
                logger.log_metrics({each: value for each, value in scores.items() if value is not None}, step=epoch)
            logger.finalize("success")
            if name == "wandb":
                logger.experiment.finish()  # else the next training would go on in this run
        key = " ".join(map(str, row.key))
        self._sent[name].add(key)
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._list_of(name).open("a") as file:
            file.write(f"{key}\n")

    def _learning_rate(self, epoch: int) -> float | None:
        """Return the learning rate of the last step of an epoch; None where seplace does not train, or know it."""
        if self.config.evaluator.name != "stand_alone" or self.training_images is None:
            return None
        recipe = self.config.recipe
        return recipe.learning_rate_at(epoch, steps_per_epoch=self.training_images // recipe.batch_size)

    def _list_of(self, name: str) -> Path:
        return self.folder / f"{safe_name(name)}.txt"

    def _read(self, name: str) -> set[str]:
        path = self._list_of(name)
        return set(path.read_text().splitlines()) if path.is_file() else set()
