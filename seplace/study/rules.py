"""The rules between the values of a study file, each problem with its line and column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seplace.costs import COSTS, cost_named
from seplace.datasets import DATASETS
from seplace.errors import InputError, InvalidPlacement, UnknownName
from seplace.evaluators import EVALUATORS
from seplace.executors import EXECUTORS
from seplace.files.atomic import path_problem
from seplace.files.schema import Checked
from seplace.files.yaml_reader import Keys, Problem, spelled
from seplace.loggers import LOGGERS
from seplace.metric import ACCURACY
from seplace.proxies import PROXIES
from seplace.registry import Registry
from seplace.samplers import SAMPLERS
from seplace.study.listed import listed_placement
from seplace.study.own_network import network_problems
from seplace.study.own_rules import epochs_of, is_own_training, own_training_problems, signature_problems
from seplace.study.recipe_rules import recipe_problems
from seplace.study.study_file import StudyFile

if TYPE_CHECKING:
    from seplace.placement import Placement
    from seplace.space import SearchSpace

_OF_FILES = ("image_folder", "image_parquet")
"""The data sets of image files on the shelf; they may have their own validation split."""


def cross_checks(checked: Checked[StudyFile], space: SearchSpace | None) -> list[Problem]:
    """Return the problems of rules between values; values that broke a rule themselves are left out."""
    if () in checked.refused:
        return []
    return [
        *_unknown_names(checked),
        *_path_problems(checked),
        *_evaluator_problems(checked),
        *own_training_problems(checked),
        *(network_problems(checked, space) if is_own_training(checked) else ()),
        *_training_problems(checked),
        *([] if is_own_training(checked) else recipe_problems(checked)),
        *_validation_problems(checked),
        *_image_size_problems(checked, space),
        *_metric_problems(checked),
        *_memory_problems(checked),
        *_listed_problems(checked, space),
        *_budget_problems(checked, space),
        *_rung_problems(checked),
        *_proxy_problems(checked),
    ]


def own_code_problems(checked: Checked[StudyFile]) -> list[Problem]:
    """Import the user's own code that a study names, and return the problems with it."""
    return [
        checked.document.problem(keys, problem, at_key="limits" in keys)
        for keys, name, registry in _names(checked)
        if name is not None
        and registry.is_external(name)
        and name in registry
        and (problem := _problem_of_path(name, registry))
    ] + signature_problems(checked)


def _problem_of_path(name: str, registry: Registry[Any]) -> str | None:
    try:
        named = cost_named(name) if registry is COSTS else registry[name]
    except InputError as error:
        return str(error)
    if callable(named) or registry is COSTS:
        return None
    return f"{registry.kind} {name!r}: is a {type(named).__name__}, not a function or class"


def _unknown_names(checked: Checked[StudyFile]) -> list[Problem]:
    return [
        checked.document.unknown_name(keys, UnknownName(registry.kind, name, registry), at_key="limits" in keys)
        for keys, name, registry in _names(checked)
        if name is not None and name not in registry
    ]


def _names(checked: Checked[StudyFile]) -> list[tuple[Keys, str | None, Registry[Any]]]:
    """Return the names of entries in a study, each with its keys and its shelf."""
    names: list[tuple[Keys, str | None, Registry[Any]]] = [
        (("data", "name"), checked.sound("data", "name"), DATASETS),
        (("evaluator", "name"), checked.sound("evaluator", "name"), EVALUATORS),
        (("objective", "cost"), checked.sound("objective", "cost"), COSTS),
        (("search", "sampler"), checked.sound("search", "sampler"), SAMPLERS),
        (("run", "executor"), checked.sound("run", "executor"), EXECUTORS),
    ]
    limits = checked.sound("objective", "limits") or ()
    names += [(("objective", "limits", cost), cost, COSTS) for cost in limits]
    proxies = checked.sound("search", "proxies") or ()
    names += [
        (("search", "proxies", at), checked.sound("search", "proxies", at), PROXIES) for at in range(len(proxies))
    ]
    loggers = checked.sound("run", "loggers") or ()
    names += [(("run", "loggers", at), checked.sound("run", "loggers", at), LOGGERS) for at in range(len(loggers))]
    return names


def _path_problems(checked: Checked[StudyFile]) -> list[Problem]:
    problems = []
    for keys in (("data", "root"), ("evaluator", "folder")):
        text = checked.sound(*keys)
        if text is not None and (rule := path_problem(text)):
            problems.append(checked.document.problem(keys, rule, got=spelled(text)))
    return problems


def _evaluator_problems(checked: Checked[StudyFile]) -> list[Problem]:
    keys: Keys = ("evaluator", "folder")
    name, folder = checked.sound("evaluator", "name"), checked.sound(*keys)
    if name is None or name not in EVALUATORS or keys in checked.refused:
        return []
    is_own = is_own_training(checked)
    other = {
        True: ("stand_alone", "trains by the built-in recipe"),
        False: ("lightning", "trains a module of your own"),
    }
    if name == other[is_own][0]:
        rule = f"{other[is_own][1]}, which `training` does not name; leave `evaluator` out"
        return [checked.document.problem(("evaluator", "name"), rule, got=spelled(name))]
    entry = EVALUATORS.entry(name)
    if folder is not None and not entry.takes_folder:
        return [checked.document.problem(keys, f"{name} answers from no folder; leave `folder` out", at_key=True)]
    if folder is None and entry.needs_folder:
        return [checked.document.problem(keys, f"is missing: the results folder that {name} answers from")]
    return []


def _training_problems(checked: Checked[StudyFile]) -> list[Problem]:
    problems = []
    epochs, warmup = checked.sound("training", "epochs"), checked.sound("training", "warmup_epochs")
    if epochs is not None and warmup is not None and warmup >= epochs:
        rule = f"must be less than the {epochs:,} epochs of the training"
        problems.append(checked.document.problem(("training", "warmup_epochs"), rule, got=spelled(warmup)))
    batch, parts = checked.sound("training", "batch_size"), checked.sound("training", "accumulate")
    if batch is not None and parts is not None and batch % parts:
        rule = f"must divide the {batch:,} images of a batch into equal parts"
        problems.append(checked.document.problem(("training", "accumulate"), rule, got=spelled(parts)))
    batch, images = checked.sound("training", "batch_size"), checked.sound("data", "train_images")
    if batch is not None and images is not None and batch > images:
        rule = f"must be at most the {images:,} training images"
        problems.append(checked.document.problem(("training", "batch_size"), rule, got=spelled(batch)))
    return problems


def _validation_problems(checked: Checked[StudyFile]) -> list[Problem]:
    keys: Keys = ("data", "validation_images")
    name = checked.sound("data", "name")
    has_own = name in _OF_FILES or (name is not None and DATASETS.is_external(name))
    if name is None or has_own or keys in checked.refused or checked.sound(*keys) is not None:
        return []
    rule = f"is missing and required: {name} has no validation split of its own"
    return [checked.document.problem(keys, rule)]


def _image_size_problems(checked: Checked[StudyFile], space: SearchSpace | None) -> list[Problem]:
    size = checked.sound("data", "image_size")
    if space is None or size is None:
        return []
    backbone = max(space.backbones.values(), key=lambda each: each.min_image_size)
    if size >= backbone.min_image_size:
        return []
    rule = f"must be at least {backbone.min_image_size}, or the strides of {backbone.text} leave nothing"
    return [checked.document.problem(("data", "image_size"), rule, got=spelled(size))]


def _metric_problems(checked: Checked[StudyFile]) -> list[Problem]:
    """Return the problems of the metric with the built-in recipe, which has one metric alone."""
    keys: Keys = ("objective", "metric")
    section = checked.sound(*keys)
    if section is None or is_own_training(checked):
        return []
    only = "the built-in recipe reports accuracy, in percent, which is maximized: leave `metric` out"
    allowed = {"name": ACCURACY.name, "goal": ACCURACY.goal, "scale": 1.0, "unit": ACCURACY.unit}
    wrong = [key for key, value in section.items() if allowed.get(key, value) != value]
    return [checked.document.problem((*keys, key), only, got=spelled(section[key])) for key in wrong]


def _memory_problems(checked: Checked[StudyFile]) -> list[Problem]:
    keys: Keys = ("data", "in_memory")
    name = checked.sound("data", "name")
    if checked.sound(*keys) is not False or name is None or name in _OF_FILES or DATASETS.is_external(name):
        return []
    rule = f"is for image files, which can be decoded anew; those of {name} are arrays"
    return [checked.document.problem(keys, rule, got="false")]


def _listed_problems(checked: Checked[StudyFile], space: SearchSpace | None) -> list[Problem]:
    keys: Keys = ("search", "placements")
    lists = checked.sound(*keys) or {}
    problems = []
    if lists and checked.sound("search", "sampler") not in (None, "exhaustive"):
        rule = "are trained by `sampler: exhaustive` alone; another sampler searches the space"
        problems.append(checked.document.problem(keys, rule, at_key=True))
    for title in lists if space is not None else ():
        for at in range(len(checked.sound(*keys, title) or ())):
            text = checked.sound(*keys, title, at)
            try:
                if text is not None and space is not None:
                    listed_placement(text, space)
            except InvalidPlacement as error:
                problems.append(checked.document.problem((*keys, title, at), str(error)))
    return problems


def _listed(checked: Checked[StudyFile], space: SearchSpace) -> list[Placement] | None:
    """Return the placements of all lists, each once; None where some cannot be read."""
    lists = checked.sound("search", "placements") or {}
    try:
        return list(dict.fromkeys(listed_placement(text, space) for texts in lists.values() for text in texts))
    except (InvalidPlacement, AttributeError, TypeError):
        return None


def _budget_problems(checked: Checked[StudyFile], space: SearchSpace | None) -> list[Problem]:
    document = checked.document
    search = document.values.get("search")
    if not isinstance(search, dict):
        return []
    written = [key for key in search if key in ("trainings", "hours") and search[key] is not None]
    if len(written) == 2:
        rule = "the budget is either trainings or hours, not both"
        return [document.problem(("search", written[1]), rule, at_key=True)]
    if not written:
        rule = "is missing; the budget is either trainings or hours"
        return [document.problem(("search", "trainings"), rule)]
    trainings, seeds = checked.sound("search", "trainings"), checked.sound("search", "seeds")
    if space is None or trainings is None:
        return []
    first = len(space.baselines)
    listed = _listed(checked, space)
    candidates = listed or space
    beside = sum(placement not in candidates for placement in space.baselines.values())
    most = len(candidates) * seeds + beside if seeds is not None and listed is not None else max(first, trainings)
    if trainings < first <= most:
        rule = f"must be at least {first}, the number of baselines, which are trained first"
        return [document.problem(("search", "trainings"), rule, got=spelled(trainings))]
    if trainings <= most:  # fewer than the baselines in a small space of one stage: some have two names
        return []
    others = f" and one of each of {beside:,} baselines beside it" if beside else ""
    what, has = ("list", "the list") if listed else ("space", f"space {space.name}")
    rule = (
        f"is more than the {what} can use: {has} has {len(candidates):,} {'placements' if listed else 'candidates'}, "
        f"which with at most {seeds:,} seeds each{others} allows {most:,} trainings"
    )
    return [document.problem(("search", "trainings"), rule, got=spelled(trainings))]


def _rung_problems(checked: Checked[StudyFile]) -> list[Problem]:
    rungs, epochs = checked.sound("search", "rungs") or (), epochs_of(checked)
    problem = checked.document.problem
    problems = []
    for at, rung in enumerate(rungs):
        keys = ("search", "rungs", at)
        if checked.sound(*keys) is None:
            continue
        before = checked.sound("search", "rungs", at - 1) if at else None
        if before is not None and rung <= before:
            problems.append(problem(keys, f"must be more than {before:,}: rungs rise", got=spelled(rung)))
        elif epochs is not None and rung >= epochs:
            rule = f"must be less than the {epochs:,} epochs of the training"
            problems.append(problem(keys, rule, got=spelled(rung)))
    if rungs and checked.sound("search", "sampler") == "exhaustive":
        rule = "stop trainings, and `sampler: exhaustive` completes all of them; leave one of the two out"
        problems.append(problem(("search", "rungs"), rule, at_key=True))
    if rungs and checked.sound("search", "hours") is not None:
        rule = "need a budget of trainings: which trainings continue must not depend on the clock"
        problems.append(problem(("search", "rungs"), rule, at_key=True))
    return problems


def _proxy_problems(checked: Checked[StudyFile]) -> list[Problem]:
    proxies = checked.sound("search", "proxies") or ()
    return [
        checked.document.problem(("search", "proxies", at), "is listed before", got=spelled(name))
        for at, name in enumerate(proxies)
        if name in proxies[:at]
    ]
