"""Study files: YAML in, a frozen StudyConfig out, or every problem at once with its line and column.

A study says what is searched, on which data, by which recipe and with which budget. The block `run` says
where it runs and is no part of the study's meaning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from seplace.costs import COSTS
from seplace.datasets import DATASETS
from seplace.documents import Keys, Problem, read_document, refuse, spelled
from seplace.errors import InputError, UnknownName
from seplace.evaluators import EVALUATORS
from seplace.proxies import PROXIES
from seplace.recipe import Recipe
from seplace.registry import Registry, import_from
from seplace.samplers import SAMPLERS
from seplace.shapes import Block, Checked, Schema, check_shape
from seplace.shipped import is_name, locate, name_of
from seplace.space import SearchSpace
from seplace.space_file import space_of

Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]

_LATER_OPTIONS: dict[str, Any] = {
    "training.freeze": "nothing",
    "search.stop": "budget",
    "search.rungs": [],
    "search.proxies": [],
    "search.proxy_placements": 64,
    "evaluator.name": "stand_alone",
    "evaluator.folder": None,
}
"""Options that came after version 0.1, with their defaults."""

_NOT_MEANING = {"data.root", "search.trainings", "search.hours"}
"""Where the data lies, and the budgets, which may grow."""


class Data(Block):
    """Which images, and how the training split is divided."""

    name: str
    """A data set of seplace.datasets, or `package.module:object`."""
    root: str | None = None
    """As written; StudyConfig.data_root is resolved."""
    image_size: Count | None = None
    """Side in pixels that images are resized to; None leaves them as they are."""
    train_images: Count | None = None
    """A seeded subset of the training split; None takes all of it."""
    validation_images: Count
    """How many images of the training split are held out for the search."""
    noise: NotNegative = 0.0
    """Standard deviation of seeded Gaussian pixel noise, in units of the full pixel range."""
    seed: Natural = 0
    """The seed of the split, the subset and the noise."""


class Evaluator(Block):
    """What answers a training."""

    name: str
    """An evaluator of seplace.evaluators, or `package.module:object`."""
    folder: str | None = None
    """The results folder that it answers from, as written; StudyConfig.evaluator_folder is resolved."""


class Objective(Block):
    """What is weighed against accuracy."""

    cost: str
    """A cost of seplace.costs."""
    limits: dict[str, Positive] = Field(default_factory=dict)
    """The most that a placement may cost, by the name of the cost, in its unit."""


class Search(Block):
    """How placements are proposed, and the budget, which is `trainings` or `hours`."""

    sampler: str
    """A sampler of seplace.samplers."""
    trainings: Count | None = None
    hours: Positive | None = None
    seeds: Count
    """The most seeds that one placement is trained with during the search."""
    seed: Natural
    stop: Literal["budget", "settled"] = "budget"
    """`settled` ends the search before the budget does, when the model believes the front to be nearly found."""
    rungs: tuple[Count, ...] = ()
    """Epochs, rising and fewer than the training's, after which a training may be stopped; see seplace.search.rungs."""
    proxies: tuple[str, ...] = ()
    """Cheap scores of seplace.proxies that the model of effects may learn from, whichever sampler proposes."""
    proxy_placements: Count = 64
    """So many members of the space, drawn at random, are scored beside the yardsticks."""


class Confirm(Block):
    """Members of the front and the yardsticks are trained further after the search."""

    seeds: Count
    """Until each has so many seeds …"""
    trainings: Count
    """… with at most so many further trainings in all."""


class Run(Block):
    """Where trainings run; another place gives the same study."""

    executor: Literal["inline", "processes"] = "inline"
    workers: Count = 1
    threads: Count = 1
    """Torch threads of one worker."""
    accelerator: Literal["cpu", "gpu", "auto"] = "auto"
    max_retries: Natural = 2
    stop_after_failures: Count = 5
    """So many failed trainings in a row end the run."""


class StudyFile(Block):
    """The shape of a study file; rules between values and with other files are checked by `load_study`."""

    schema_version: Schema = Field(alias="schema")
    space: str
    """The name of a shipped space, or the path of one, relative to the study file."""
    data: Data
    training: Recipe
    evaluator: Evaluator = Evaluator(name="stand_alone")
    objective: Objective
    search: Search
    confirm: Confirm | None = None
    run: Run = Run()


@dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """A study that was read and found sound, with its search space."""

    name: str
    """The stem of the study file, or the name of the results folder that it was read back from."""
    path: Path
    folder: Path
    """Absolute; what a relative `data.root` is relative to."""
    file: StudyFile
    search_space: SearchSpace
    source_text: str
    """The text of the study file."""
    space_text: str
    """The text of the space file."""

    @property
    def schema_version(self) -> int:
        """The `schema:` of the study file."""
        return self.file.schema_version

    @property
    def data(self) -> Data:
        """The block `data`."""
        return self.file.data

    @property
    def training(self) -> Recipe:
        """The block `training`."""
        return self.file.training

    @property
    def evaluator(self) -> Evaluator:
        """The block `evaluator`."""
        return self.file.evaluator

    @property
    def objective(self) -> Objective:
        """The block `objective`."""
        return self.file.objective

    @property
    def search(self) -> Search:
        """The block `search`."""
        return self.file.search

    @property
    def confirm(self) -> Confirm | None:
        """The block `confirm`, if there is one."""
        return self.file.confirm

    @property
    def run(self) -> Run:
        """The block `run`."""
        return self.file.run

    @property
    def scored_epochs(self) -> tuple[int, ...]:
        """The epochs after which the validation split is scored: the recipe's, and the rungs."""
        return tuple(sorted({*self.training.check_epochs, *self.search.rungs}))

    @property
    def data_root(self) -> Path | None:
        """The folder of the data, None if none is named; a relative one starts at the study's folder, or at ours."""
        return self._folder(self.data.root)

    @property
    def evaluator_folder(self) -> Path | None:
        """The folder that the evaluator answers from, None if none is named; a relative one starts as the data's."""
        return self._folder(self.evaluator.folder)

    def _folder(self, text: str | None) -> Path | None:
        if text is None:
            return None
        path = Path(text).expanduser()
        at_study, here = self.folder / path, Path.cwd() / path
        return here if here.exists() and not at_study.exists() else at_study

    def fingerprint(self) -> dict[str, Any]:
        """Return the study's meaning as a flat dict, dotted key -> JSON value, defaults written out.

        Left out are `run`, `confirm`, the budget of the search, and where the data lies.
        """
        meaning: dict[str, Any] = {
            "space": self.search_space.fingerprint(),
            "space.backbone": self.search_space.backbone.text,
        }
        for name in ("data", "training", "evaluator", "objective", "search"):
            meaning |= _flat(name, getattr(self, name).model_dump(mode="json"))
        return {key: meaning[key] for key in sorted(meaning) if key not in _NOT_MEANING}

    def price_key(self) -> dict[str, object]:
        """Return what the study's prices depend on."""
        return {
            "space": self.search_space.fingerprint(),
            "data": self.data.name,
            "image_size": self.data.image_size,
        }


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return one line `key: old -> new` for each key in which two fingerprints differ.

    An option that an older version did not have is no difference while it is at its default.
    """
    missing = object()
    later = {key: value for key, value in _LATER_OPTIONS.items() if new.get(key) == value}
    pairs = {key: ({**later, **old}.get(key, missing), new.get(key, missing)) for key in sorted({*old, *new})}
    return [
        f"{key}: {' -> '.join('absent' if each is missing else json.dumps(each) for each in pair)}"
        for key, pair in pairs.items()
        if pair[0] != pair[1]
    ]


def load_study(place: str | Path) -> StudyConfig:
    """Read a study from a file, or by a shipped name; InvalidStudy lists all that is wrong with it."""
    path = place if isinstance(place, Path) else locate("studies", place, relative_to=None)
    return _load(path, name=name_of(path.name), folder=path.parent, space_path=None)


def load_results_study(folder: Path, *, study_folder: Path) -> StudyConfig:
    """Read a study back from the copies `study.yaml` and `space.yaml` in its results folder, which names it.

    A relative `data.root` stays relative to `study_folder`, the folder of the file that was copied.
    """
    name = folder.resolve().name
    return _load(folder / "study.yaml", name=name, folder=study_folder, space_path=folder / "space.yaml")


def _load(path: Path, *, name: str, folder: Path, space_path: Path | None) -> StudyConfig:
    """Read both files, check all rules, and raise everything that is wrong in either of them at once."""
    import_from(folder)
    document, problems = read_document(path)
    if document is None:
        refuse(problems)
    if not is_name(name):
        problems.append(Problem(file=str(path), rule="a study needs a valid name", got=spelled(name)))
    checked = check_shape(document, StudyFile)
    problems += checked.problems
    space, space_text = None, ""
    space_name = checked.sound("space")
    if space_name is not None:
        space_file = space_path or _locate_space(checked, space_name, path.parent, problems)
        space_document, more = read_document(space_file) if space_file else (None, [])
        problems += more
        if space_document is not None:
            space, more = space_of(space_document, name=name_of(space_name))
            space_text = space_document.text
            problems += more
    problems += _cross_checks(checked, space)
    if problems or checked.block is None or space is None:
        refuse(problems)
    return StudyConfig(
        name=name,
        path=path,
        folder=folder.resolve(),
        file=checked.block,
        search_space=space,
        source_text=document.text,
        space_text=space_text,
    )


def _locate_space(checked: Checked[StudyFile], text: str, folder: Path, problems: list[Problem]) -> Path | None:
    try:
        return locate("search_spaces", text, relative_to=folder)
    except UnknownName as error:
        problems.append(checked.document.unknown_name(("space",), error))
    except InputError as error:
        problems.append(checked.document.problem(("space",), str(error)))
    return None


def _cross_checks(checked: Checked[StudyFile], space: SearchSpace | None) -> list[Problem]:
    """Return what breaks a rule between values, as far as the values themselves are sound."""
    if () in checked.refused:
        return []
    return [
        *_unknown_names(checked),
        *_evaluator_problems(checked),
        *_training_problems(checked),
        *_image_size_problems(checked, space),
        *_budget_problems(checked, space),
        *_rung_problems(checked),
        *_proxy_problems(checked),
    ]


def _unknown_names(checked: Checked[StudyFile]) -> list[Problem]:
    names: list[tuple[Keys, str | None, Registry]] = [
        (("data", "name"), checked.sound("data", "name"), DATASETS),
        (("evaluator", "name"), checked.sound("evaluator", "name"), EVALUATORS),
        (("objective", "cost"), checked.sound("objective", "cost"), COSTS),
        (("search", "sampler"), checked.sound("search", "sampler"), SAMPLERS),
    ]
    limits = checked.sound("objective", "limits") or ()
    names += [(("objective", "limits", cost), cost, COSTS) for cost in limits]
    proxies = checked.sound("search", "proxies") or ()
    names += [
        (("search", "proxies", at), checked.sound("search", "proxies", at), PROXIES) for at in range(len(proxies))
    ]
    return [
        checked.document.unknown_name(keys, UnknownName(registry.kind, name, registry), at_key="limits" in keys)
        for keys, name, registry in names
        if name is not None and name not in registry
    ]


def _evaluator_problems(checked: Checked[StudyFile]) -> list[Problem]:
    keys: Keys = ("evaluator", "folder")
    name, folder = checked.sound("evaluator", "name"), checked.sound(*keys)
    if name is None or name not in EVALUATORS or keys in checked.refused:
        return []
    takes_folder = EVALUATORS.member(name).takes_folder
    if folder is not None and not takes_folder:
        return [checked.document.problem(keys, f"{name} answers from no folder; leave it out", at_key=True)]
    if folder is None and takes_folder and ":" not in name:
        return [checked.document.problem(keys, f"is missing: the results folder that {name} answers from")]
    return []


def _training_problems(checked: Checked[StudyFile]) -> list[Problem]:
    problems = []
    epochs, warmup = checked.sound("training", "epochs"), checked.sound("training", "warmup_epochs")
    if epochs is not None and warmup is not None and warmup >= epochs:
        rule = f"must be less than the {epochs:,} epochs of the training"
        problems.append(checked.document.problem(("training", "warmup_epochs"), rule, got=spelled(warmup)))
    if checked.sound("training", "nesterov") and checked.sound("training", "momentum") == 0:
        rule = "needs a momentum greater than 0"
        problems.append(checked.document.problem(("training", "nesterov"), rule, got="true"))
    batch, images = checked.sound("training", "batch_size"), checked.sound("data", "train_images")
    if batch is not None and images is not None and batch > images:
        rule = f"must be at most the {images:,} training images"
        problems.append(checked.document.problem(("training", "batch_size"), rule, got=spelled(batch)))
    return problems


def _image_size_problems(checked: Checked[StudyFile], space: SearchSpace | None) -> list[Problem]:
    size = checked.sound("data", "image_size")
    if space is None or size is None:
        return []
    backbone = max(space.backbones.values(), key=lambda each: each.min_image_size)
    if size >= backbone.min_image_size:
        return []
    rule = f"must be at least {backbone.min_image_size}, or the strides of {backbone.text} leave nothing"
    return [checked.document.problem(("data", "image_size"), rule, got=spelled(size))]


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
    first = len(space.yardsticks)
    if trainings < first:
        rule = f"must be at least {first}: so many yardsticks are trained first"
        return [document.problem(("search", "trainings"), rule, got=spelled(trainings))]
    if seeds is None:
        return []
    beside = sum(placement not in space for placement in space.yardsticks.values())
    most = len(space) * seeds + beside
    if trainings <= most:
        return []
    others = f" and one of each of {beside:,} yardsticks beside it" if beside else ""
    rule = (
        f"is more than the space can use: space {space.name} has {len(space):,} members, "
        f"which with at most {seeds:,} seeds each{others} allows {most:,} trainings"
    )
    return [document.problem(("search", "trainings"), rule, got=spelled(trainings))]


def _rung_problems(checked: Checked[StudyFile]) -> list[Problem]:
    rungs, epochs = checked.sound("search", "rungs") or (), checked.sound("training", "epochs")
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
        rule = "stop trainings, which `sampler: exhaustive` is to complete; leave one of them out"
        problems.append(problem(("search", "rungs"), rule, at_key=True))
    if rungs and checked.sound("search", "hours") is not None:
        rule = "need a budget of trainings: what goes on must not depend on the clock"
        problems.append(problem(("search", "rungs"), rule, at_key=True))
    return problems


def _proxy_problems(checked: Checked[StudyFile]) -> list[Problem]:
    proxies = checked.sound("search", "proxies") or ()
    return [
        checked.document.problem(("search", "proxies", at), "is listed before", got=spelled(name))
        for at, name in enumerate(proxies)
        if name in proxies[:at]
    ]


def _flat(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(f"{prefix}.{key}", value) if isinstance(value, dict) else {f"{prefix}.{key}": value}
    return flat
