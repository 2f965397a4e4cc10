"""Where and how trainings take place, instead of what a study says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from seplace.errors import InputError, UnknownName
from seplace.executors import EXECUTORS
from seplace.files.schema import rules_of
from seplace.study.config import StudyConfig
from seplace.study.study_file import RunSection


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """Where and how a run takes place, instead of what its study says; None keeps the value of the study.

    Overrides never change results, and a study may be resumed with others.

    >>> import seplace
    >>> four_at_once = seplace.Overrides(executor="processes", workers=4, threads=1)
    >>> seplace.run("digits-quickstart", overrides=four_at_once)  # doctest: +SKIP
    """

    executor: str | None = None
    """`inline` trains in this process, `processes` in worker processes, `ray` on the machines of a Ray cluster."""
    address: str | None = None
    """The address of the Ray cluster."""
    workers: int | str | None = None
    """The number of concurrent trainings, or `auto`: as many as a short measurement shows to pay."""
    threads: int | None = None
    """The number of torch threads of one training."""
    accelerator: str | None = None
    """`cpu`, `gpu` or `auto`."""
    data_root: str | Path | None = None
    """The folder of the data."""

    def apply(self, config: StudyConfig) -> StudyConfig:
        """Return the same study with this `run` block; raises InputError for a value that a study could not have."""
        given = {key: value for key, value in vars(self).items() if value is not None and key != "data_root"}
        changed: dict[str, Any] = {"run": _run_of(config.run.model_dump() | given)}
        if self.data_root is not None and config.own_training is not None:
            raise InputError(
                "data_root: the data of a training of your own take their folder by options, such as "
                "--set training.options.root=/data"
            )
        if self.data_root is not None:
            changed["data"] = config.data.model_copy(update={"root": str(Path(self.data_root).absolute())})
        return replace(config, file=config.file.model_copy(update=changed))


def _run_of(values: dict[str, Any]) -> RunSection:
    """Return a `run` block; raises InputError, or UnknownName for a name, as reading a study file does."""
    for key, known in (
        ("executor", EXECUTORS),
        ("accelerator", get_args(RunSection.model_fields["accelerator"].annotation)),
    ):
        if values[key] not in known:
            raise UnknownName(key, str(values[key]), known)
    try:
        return RunSection.model_validate(values)
    except ValidationError as error:
        raise InputError("; ".join(rules_of(error))) from error
