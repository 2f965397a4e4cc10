"""The pilot of a study: earlier results on the same task, in which noise can be measured before the study is run."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seplace.errors import DataError, InputError
from seplace.results.ledger import ledger_of_results
from seplace.results.pilot import Pilot, pilot_of
from seplace.study.config import STUDY_FACTS, load_results_study
from seplace.study.differences import differences

if TYPE_CHECKING:
    from seplace.study.config import StudyConfig

_TASK = ("data.image_size", "data.noise", "data.train_images", "space.backbone", "training.")
"""Keys of a fingerprint (or their beginnings) on which noise depends; others may differ without a word."""


def load_pilot(folder: Path, config: StudyConfig, images: Mapping[str, Any]) -> tuple[Pilot, int | None]:
    """Measure the noise of the trainings in a results folder; also return its number of validation images.

    Warns where its recipe, backbone or training images are not those of the study, which noise depends on.

    Raises:
        InputError: The pilot has another data set, or other classes.
        DataError: There are no results in the folder, or no placement has two seeds.

    """
    with ledger_of_results(folder) as ledger:
        facts = {name: ledger.fact(name) for name in STUDY_FACTS}
        meaning, of_pilot, rows = ledger.fact("fingerprint"), ledger.fact("images") or {}, ledger.evaluations()
    study = load_results_study(folder, facts)
    if study.data_name != config.data_name:
        raise InputError(f"{folder}: the pilot is a study of {study.data_name}, and this one of {config.data_name}")
    classes, known = images.get("classes"), of_pilot.get("classes")
    if classes is not None and known is not None and list(classes) != list(known):
        raise InputError(
            f"{folder}: the pilot has other classes: {len(known):,} ({_some(known)}), and this study {len(classes):,} "
            f"({_some(classes)})"
        )
    compared = [] if meaning is None else differences(meaning, config.fingerprint())
    changes = [line for line in compared if line.startswith(_TASK)]
    if changes:
        warnings.warn(
            f"the pilot {folder} differs from this study, so the noise of its trainings may differ too: "
            + "; ".join(changes),
            stacklevel=2,
        )
    try:
        pilot = pilot_of(rows)
    except DataError as error:
        raise DataError(f"{folder}: not usable as a pilot: {error}") from error
    return pilot, pilot.images or validation_images_of(study, of_pilot)


def validation_images_of(config: StudyConfig, images: Mapping[str, Any]) -> int | None:
    """Return the number of validation images of a study: as its data were described, or as its file says."""
    use = images.get("uses", {}).get("validation")
    if use is not None:
        return int(use["images"])
    return images.get("validation_images") if config.own_training is not None else config.data.validation_images


def _some(names: list[str]) -> str:
    return ", ".join(map(str, names[:3])) + (", …" if len(names) > 3 else "")
