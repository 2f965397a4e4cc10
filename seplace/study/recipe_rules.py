"""The rules between the values of a recipe, each problem with its line and column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from seplace.files.schema import Checked
from seplace.files.yaml_reader import Problem, spelled

if TYPE_CHECKING:
    from seplace.study.study_file import StudyFile


def recipe_problems(checked: Checked[StudyFile]) -> list[Problem]:
    """Return the problems between the values of the section `training`."""
    if not isinstance(checked.document.values.get("training"), dict) or ("training",) in checked.refused:
        return []
    return [*_optimizer_problems(checked), *_crop_problems(checked), *_mixing_problems(checked)]


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


def _crop_problems(checked: Checked[StudyFile]) -> list[Problem]:
    problem, problems = checked.document.problem, []
    crop = checked.sound("training", "random_resized_crop")
    for key in ("scale", "ratio") if crop is not None else ():
        keys = ("training", "random_resized_crop", key)
        pair: Sequence[float] | None = checked.sound(*keys)
        is_sound = pair is not None and not any((*keys, at) in checked.refused for at in range(2))
        if is_sound and pair is not None and pair[0] > pair[1]:
            rule = "must rise: the least value, then the largest"
            problems.append(problem(keys, rule, got=", ".join(map(spelled, pair))))
    if crop is not None and checked.sound("training", "crop_padding"):
        rule = "crops images, and so does `random_resized_crop`: leave one of the two out"
        problems.append(problem(("training", "crop_padding"), rule, at_key=True))
    return problems


def _mixing_problems(checked: Checked[StudyFile]) -> list[Problem]:
    shares = {
        name: checked.sound("training", name, "probability") or 1.0
        for name in ("mixup", "cutmix")
        if checked.sound("training", name) is not None and ("training", name, "probability") not in checked.refused
    }
    if sum(shares.values()) <= 1 or len(shares) < 2:
        return []
    rule = (
        "a batch is mixed by one of the two: give `mixup` and `cutmix` probabilities that add up to at most 1, such as "
        "0.5 each"
    )
    return [checked.document.problem(("training", "cutmix"), rule, at_key=True)]
