"""The study that a results folder was begun with: a run goes on there only if its study means the same."""

from __future__ import annotations

import os
import shlex
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seplace.errors import DataError
from seplace.evaluators.identity import Identity, changes_of_identity, changes_of_images, identity_of, other_meaning
from seplace.files.atomic import is_file, write_atomically
from seplace.files.yaml_reader import read_document
from seplace.placement import Placement
from seplace.results.ledger import Ledger
from seplace.search.scoring import PROXY
from seplace.study.differences import differences
from seplace.study.recipe import Recipe
from seplace.study.space_record import space_record

if TYPE_CHECKING:
    from seplace.evaluators.evaluator import Evaluator
    from seplace.evaluators.new_parts import Learning
    from seplace.study.config import StudyConfig


def refuse_changes(config: StudyConfig, folder: Path, ledger: Ledger) -> None:
    """Raise StudyChanged, key by key, if `folder` belongs to a study with another meaning and has results of it."""
    if changes := _changed_values(config, ledger):
        _begin_anew(folder, ledger, changes)


def describe_parts(
    config: StudyConfig, folder: Path, ledger: Ledger, evaluator: Evaluator
) -> tuple[dict[str, Any], Identity]:
    """Return descriptions of the data and of the user's own code.

    Raises StudyChanged if they are not those that the study began with, and there are results of it. A finished study
    needs neither: its results can be read without its images.
    """
    known, identity = ledger.fact("images"), ledger.fact("identity")
    try:
        images = evaluator.describe_images()
    except DataError:
        if known is None or not ledger.fact("finished"):
            raise
        return known, identity or {}
    now = identity_of(config, images)
    if changes := _built_otherwise(ledger, images, now):
        _begin_anew(folder, ledger, changes)
        return images, now
    # The first description stays; a later version adds what an earlier one did not describe.
    return images | (known or {}), now | (identity or {})


def changes_since(config: StudyConfig, folder: Path, images: Mapping[str, Any], identity: Identity) -> list[str]:
    """Return a line for each difference between a study and the one whose results `folder` holds."""
    path = folder / "ledger.sqlite"
    if not is_file(path):
        return []
    with Ledger(path, read_only=True) as ledger:
        changes = _changed_values(config, ledger) or _built_otherwise(ledger, images, identity)
        return [] if _is_empty(folder, ledger) else changes


def _is_empty(folder: Path, ledger: Ledger) -> bool:
    """Return whether a folder has neither a result, nor the score of a proxy, nor a checkpoint to go on from."""
    return not (ledger.has_results or ledger.facts(PROXY) or any((folder / "checkpoints").glob("*")))


def _begin_anew(folder: Path, ledger: Ledger, changes: list[str]) -> None:
    """Make an empty folder anew, as after an error in the user's own code that is mended now, and warn of it.

    Raises StudyChanged where there is something to keep.
    """
    if not _is_empty(folder, ledger):
        raise other_meaning(folder, changes)
    warnings.warn(
        f"no training in {folder} is complete, so the study begins anew with what has changed: {'; '.join(changes)}",
        stacklevel=3,
    )
    (folder / "optuna.db").unlink(missing_ok=True)
    ledger.begin_anew()


def _changed_values(config: StudyConfig, ledger: Ledger) -> list[str]:
    known = ledger.fact("fingerprint")
    changes = [] if known is None else differences(known, config.fingerprint())
    before, now = (ledger.fact("settings") or [], list(config.settings))
    if changes and before != now:
        said = [" ".join(f"--set {shlex.quote(each)}" for each in some) or "no --set" for some in (before, now)]
        changes.append(f"(the results there were begun with {said[0]}, this command has {said[1]})")
    return changes


def _built_otherwise(ledger: Ledger, images: Mapping[str, Any], identity: Identity) -> list[str]:
    return [
        *changes_of_images(ledger.fact("images") or {}, images),
        *changes_of_identity(ledger.fact("identity") or {}, identity),
    ]


def learning_of(config: StudyConfig, images: Mapping[str, Any]) -> Learning:
    """Return what learns in the user's own networks if a study freezes the backbone; nothing if it does not."""
    own = any(backbone.is_own for backbone in config.search_space.backbones.values())
    recipe = config.training
    is_frozen = isinstance(recipe, Recipe) and recipe.freeze == "backbone"
    if not is_frozen or config.evaluator.folder is not None or not own:
        return {}
    from seplace.evaluators.new_parts import parts_that_learn  # torch

    return parts_that_learn(config, images)


def sentence_of(text: str, paths: list[str] | None) -> str:
    """Return a sentence: what learns in a frozen network."""
    if paths is None:
        return (
            f"freeze: {text} comes without trained weights: all of it stays as it was drawn, its head too, and the "
            "inserted modules alone learn"
        )
    if not paths:
        return f"freeze: nothing of {text} learns: all of it was loaded"
    return f"freeze: of {text} {', '.join(paths)} learns too: it was drawn, and not loaded"


def refuse_other_learning(folder: Path, ledger: Ledger, learning: Learning) -> None:
    """Raise StudyChanged if other parts of a frozen backbone learn than in the trainings that are there.

    Before version 0.11 none did.
    """
    known = ledger.fact("learning")
    if known is None:
        known = {} if ledger.evaluations() else learning
    changes = [
        f"training.freeze: of {text} {', '.join(paths or []) or 'nothing'} learns, and "
        f"{', '.join(known.get(text) or []) or 'nothing'} did"
        for text, paths in learning.items()
        if (paths or []) != (known.get(text) or [])
    ]
    if changes:
        raise other_meaning(folder, changes)


def claim(config: StudyConfig, folder: Path, ledger: Ledger) -> None:
    """Make `folder` the results folder of a study."""
    if ledger.fact("fingerprint") is None:
        ledger.set_fact("fingerprint", config.fingerprint())
        own = {name: str(placement) for name, placement in config.own_baselines.items()}
        ledger.set_fact("own_baselines", own)
        ledger.set_fact("front_of_space", True)  # a study that began with 0.10 keeps the front that it had
        ledger.set_fact("confirms_each_once", True)  # and one that began with 0.16 its rounds of confirmation
        if config.settings:
            ledger.set_fact("settings", list(config.settings))
    ledger.set_fact("name", config.name)
    ledger.set_fact("space", space_record(config.search_space))  # so that its results are read without its code
    # Relative, so that a folder of results can be moved with its studies.
    ledger.set_fact("study_folder", os.path.relpath(config.folder, folder.resolve()))
    write_atomically(folder / "study.yaml", config.source_text)
    write_atomically(folder / "space.yaml", config.space_text)


def own_baselines(ledger: Ledger) -> dict[str, Placement]:
    """Return the user's own modules that a study took as baselines when it began; empty before version 0.11."""
    return {name: Placement.parse(text) for name, text in (ledger.fact("own_baselines") or {}).items()}


def warn_of_a_smaller_budget(config: StudyConfig, folder: Path) -> None:
    """Warn of budgets that are smaller than in the study's copy in `folder`."""
    document, _ = read_document(folder / "study.yaml")
    if document is None:
        return
    before = _budgets(document.values)
    now = _budgets(config.file.model_dump())
    if any(now.get(name, 0) < amount for name, amount in before.items()):
        warnings.warn(
            f"the budget was {_text(before)} and is now {_text(now)}: trainings that are done are kept and count, "
            "also those beyond it, and once it is spent none is added",
            stacklevel=2,
        )


def _text(budgets: dict[str, float]) -> str:
    return ", ".join(f"{name} {amount:,}" for name, amount in budgets.items())


def _budgets(values: dict[str, Any]) -> dict[str, float]:
    """Return the budgets of a study by their dotted keys."""
    found = {}
    for block in ("search", "confirm"):
        for key in ("trainings", "hours"):
            value = (values.get(block) or {}).get(key)
            if isinstance(value, int | float):
                found[f"{block}.{key}"] = value
    return found
