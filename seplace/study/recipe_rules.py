"""The rules between the values of a recipe, each problem with its line and column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seplace.files.schema import Checked
from seplace.files.yaml_reader import Problem

if TYPE_CHECKING:
    from seplace.study.study_file import StudyFile


def recipe_problems(checked: Checked[StudyFile]) -> list[Problem]:
    """Return the problems between the values of the section `training`."""
    if not isinstance(checked.document.values.get("training"), dict) or ("training",) in checked.refused:
        return []
    return _optimizer_problems(checked)


def _optimizer_problems(checked: Checked[StudyFile]) -> list[Problem]:
    problem, problems = checked.document.problem, []
    written = checked.document.values["training"]
    assert isinstance(written, dict)
    if ("training", "optimizer") in checked.refused:
        return []
    momentum = checked.sound("training", "momentum")
    if written.get("optimizer", "sgd") == "sgd":
        if written.get("momentum") is None:
            problems.append(problem(("training", "momentum"), "is missing and required with SGD (0 is plain SGD)"))
        if "betas" in written:
            rule = "are AdamW's, SGD has a momentum: leave them out, or say `optimizer: adamw`"
            problems.append(problem(("training", "betas"), rule, at_key=True))
        if checked.sound("training", "nesterov") and momentum == 0:
            problems.append(problem(("training", "nesterov"), "needs a momentum greater than 0", got="true"))
        return problems
    if momentum is not None:
        rule = "is SGD's, AdamW has `betas`: leave it out"
        problems.append(problem(("training", "momentum"), rule, at_key=True))
    if checked.sound("training", "nesterov"):
        rule = "is a kind of SGD's momentum, which AdamW has not: leave it out"
        problems.append(problem(("training", "nesterov"), rule, at_key=True))
    return problems
