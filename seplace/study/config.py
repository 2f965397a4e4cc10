"""Studies: their files are read into a frozen StudyConfig, or all problems of all files are reported at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from seplace.errors import DataError, InputError, UnknownName, check_type
from seplace.files.former_words import current_study_values
from seplace.files.schema import Checked, check_shape
from seplace.files.shipped import is_name, locate, name_of, valid_name
from seplace.files.yaml_reader import Problem, read_document, refuse, spelled
from seplace.metric import ACCURACY, Metric
from seplace.placement import Placement
from seplace.space import SearchSpace
from seplace.study.listed import first_of_each, listed_placement
from seplace.study.own_rules import is_own_training
from seplace.study.own_training import OwnTraining
from seplace.study.recipe import Recipe
from seplace.study.rules import cross_checks, own_code_problems
from seplace.study.settings import read_settings, with_settings
from seplace.study.space_file import space_of
from seplace.study.space_record import space_of_record
from seplace.study.study_file import (
    ConfirmSection,
    DataSection,
    EvaluatorSection,
    ObjectiveSection,
    RunSection,
    SearchSection,
    StudyFile,
)
from seplace.user_modules import import_from

STUDY_FACTS = ("study_folder", "name", "space")
"""The facts of a ledger that a study is read back with; `name` and `space` came with version 0.11."""

_NOT_MEANING = {
    *("data.root", "data.in_memory", "search.trainings", "search.hours"),
    *("objective.metric.unit", "objective.metric.label"),
}
"""Keys that are no part of a study's meaning: where the data are, the budgets, which may grow, and words."""


TrainedOn = Literal["train", "train+validation"]
"""The splits that a network may be trained on."""


@dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """A valid study with its search space."""

    name: str
    """The stem of the study file."""
    path: Path
    folder: Path
    """Absolute; relative paths in the study start here."""
    file: StudyFile
    search_space: SearchSpace
    source_text: str
    """The text of the study file, with the values of `settings` in it."""
    space_text: str
    """The text of the space file."""
    settings: tuple[str, ...] = ()
    """The values that were given beside the study file, such as `training.epochs=5`; `source_text` holds them."""
    trained_on: TrainedOn = "train"
    """The images that networks are trained on: those of a study are trained on `train` alone."""

    @property
    def schema_version(self) -> int:
        """The `schema:` of the study file."""
        return self.file.schema_version

    @property
    def data(self) -> DataSection:
        """The section `data`, which a training of the user's own does not have."""
        assert self.file.data is not None
        return self.file.data

    @property
    def data_name(self) -> str:
        """The name of the data: that of the data set, or the import path of the user's own."""
        return self.training.data if isinstance(self.training, OwnTraining) else self.data.name

    @property
    def training(self) -> Recipe | OwnTraining:
        """The section `training`."""
        return self.file.training

    @property
    def own_training(self) -> OwnTraining | None:
        """The training of the user's own; None with the built-in recipe."""
        return self.training if isinstance(self.training, OwnTraining) else None

    @property
    def recipe(self) -> Recipe:
        """The built-in recipe, which a study with a training of the user's own does not have."""
        assert isinstance(self.training, Recipe)
        return self.training

    @property
    def evaluator(self) -> EvaluatorSection:
        """The section `evaluator`; by default what trains by the section `training`."""
        trains = "stand_alone" if self.own_training is None else "lightning"
        return self.file.evaluator or EvaluatorSection(name=trains)

    @property
    def devices(self) -> int:
        """The number of devices that one training takes."""
        return 1 if self.own_training is None else self.own_training.devices

    @property
    def trains(self) -> bool:
        """Whether seplace trains here, by the recipe or with the user's own module."""
        return self.evaluator.name in ("stand_alone", "lightning")

    @property
    def objective(self) -> ObjectiveSection:
        """The section `objective`."""
        return self.file.objective

    @cached_property
    def metric(self) -> Metric:
        """The metric that placements are compared by: accuracy with the built-in recipe."""
        section = self.objective.metric
        return ACCURACY if section is None or isinstance(self.training, Recipe) else section.metric()

    @property
    def search(self) -> SearchSection:
        """The section `search`."""
        return self.file.search

    @property
    def confirm(self) -> ConfirmSection | None:
        """The section `confirm`, if there is one."""
        return self.file.confirm

    @property
    def run(self) -> RunSection:
        """The section `run`."""
        return self.file.run

    @property
    def workers(self) -> int:
        """The number of trainings at once; with `workers: auto` a number must have taken its place before."""
        assert self.run.workers != "auto"
        return self.run.workers

    @property
    def own_baselines(self) -> dict[str, Placement]:
        """The user's own modules as baselines of a new study, by name; empty where the budget is too small."""
        own, trainings = self.search_space.own_baselines, self.search.trainings
        fits = trainings is None or trainings >= len(self.search_space.baselines) + len(own)
        return own if fits else {}

    @cached_property
    def listed(self) -> dict[str, tuple[Placement, ...]]:
        """The placements that the study lists, by the titles of their lists; empty where it searches its space."""
        return {
            title: tuple(listed_placement(text, self.search_space) for text in texts)
            for title, texts in self.search.placements.items()
        }

    @property
    def candidates(self) -> int:
        """The number of placements that the search proposes: those that are listed, or the whole space."""
        return len(first_of_each(self.listed)) or len(self.search_space)

    @property
    def wanted_costs(self) -> tuple[str, ...]:
        """The names of the costs in the objective: the axis of the front, and those with a limit."""
        return tuple(dict.fromkeys([self.objective.cost, *self.objective.limits]))

    @property
    def scored_epochs(self) -> tuple[int, ...]:
        """The epochs after which the validation split is scored: the recipe's, and the rungs."""
        return tuple(sorted({*self.training.check_epochs, *self.search.rungs}))

    @property
    def data_root(self) -> Path | None:
        """The folder of the data, or None; a relative one is found beside the study or in the current folder."""
        return None if self.file.data is None else self._folder(self.file.data.root)

    @property
    def evaluator_folder(self) -> Path | None:
        """The folder that the evaluator answers from, or None; a relative one is looked for as that of the data."""
        return self._folder(self.evaluator.folder)

    def _folder(self, text: str | None) -> Path | None:
        if text is None:
            return None
        path = Path(text).expanduser()
        at_study, here = self.folder / path, Path.cwd() / path
        return here if here.exists() and not at_study.exists() else at_study

    def fingerprint(self) -> dict[str, Any]:
        """Return the study's meaning as a flat dict from dotted keys to JSON values, with defaults.

        Not part of it are `run`, `confirm`, the budget of the search, and the place of the data.
        """
        space = self.search_space
        meaning: dict[str, Any] = {
            "space": space.fingerprint(),
            "space.backbone": space.backbone.text,
            "space.granularity": space.backbone.granularity,
            "space.variants": [variant.text for variant in space.variants],
            **_flat("space.gate", asdict(space.gate)),
        }
        for number, choices in enumerate(space.choices, start=1):
            meaning[f"space.choices[{number}]"] = [str(choice) for choice in choices]
        blocks = ("training", "evaluator", "objective", "search")
        for name in blocks if self.file.data is None else ("data", *blocks):
            meaning |= _flat(name, getattr(self, name).model_dump(mode="json"))
        if self.metric is ACCURACY:  # also where the study says so
            meaning = {key: value for key, value in meaning.items() if not key.startswith("objective.metric")}
            meaning["objective.metric"] = None
        left_out = {key for key, value in meaning.items() if key.startswith("training.trainer.") and value is None}
        kept = {key: meaning[key] for key in sorted(meaning) if key not in _NOT_MEANING | left_out}
        recipe = self.training
        if isinstance(recipe, Recipe) and recipe.random_resized_crop is not None and self.data.in_memory is True:
            kept["data.in_memory"] = True  # random crops of images in memory are not those of their files
        return kept

    def cost_key(self) -> dict[str, object]:
        """Return the key of the study's cost table: all that its costs depend on."""
        own = self.own_training
        if own is not None:
            named = own.model_dump(mode="json", include={"module", "options", "input", "classes", "cost_of"})
            return {"space": self.search_space.fingerprint(), **named}
        return {
            "space": self.search_space.fingerprint(),
            "data": self.data.name,
            "image_size": self.data.image_size,
        }


def load_study(place: str | Path, *, settings: Sequence[str] = ()) -> StudyConfig:
    """Read a study from a file, or by a shipped name; raises InvalidStudy with all problems.

    Args:
        place: The path of a study file, or the name of a shipped study.
        settings: Values that take the place of those in the file: texts such as `training.epochs=5`.

    """
    check_type("a study", place, str, Path, said="the path of a file, or the name of a shipped one")
    check_type("settings", settings, list, tuple, said="a list of texts such as 'training.epochs=5'")
    for setting in settings:
        check_type("a setting", setting, str, said="a text such as 'training.epochs=5'")
    path = place if isinstance(place, Path) else locate("studies", place, relative_to=None)
    return _load(path, name=name_of(path.name), folder=path.parent, space_path=None, settings=tuple(settings))


def load_results_study(folder: Path, facts: Mapping[str, Any], *, live: bool = False) -> StudyConfig:
    """Read a study back from its results: the copies of its files, and the `STUDY_FACTS` of the ledger.

    Nothing is imported: the space is read from the ledger. With `live` the study's code is imported, so that networks
    can be built. A relative `data.root` stays relative to the folder of the original file.

    Raises:
        DataError: A copy is not a regular file, or the results are of version 0.10, which stored no space, and have a
            network of the user's own.

    """
    for path in (folder / "study.yaml", folder / "space.yaml"):
        if path.exists() and not path.is_dir() and not path.is_file():  # reading a FIFO would not end
            raise DataError(f"{path}: is not a regular file")
    return _load(
        folder / "study.yaml",
        name=facts["name"] or valid_name(folder.resolve().name),
        folder=folder / facts["study_folder"],
        space_path=folder / "space.yaml",
        space=None if live or facts["space"] is None else space_of_record(facts["space"]),
        imports=live,
    )


def _load(
    path: Path,
    *,
    name: str,
    folder: Path,
    space_path: Path | None,
    space: SearchSpace | None = None,
    imports: bool = True,
    settings: tuple[str, ...] = (),
) -> StudyConfig:
    """Read both files, check all rules, and report all problems of both at once.

    Where `space` is given, the space file is read for its text only.
    """
    if imports:
        import_from(folder)
    document, problems = read_document(path)
    if document is None:
        refuse(problems)
    if not is_name(name):
        problems.append(
            Problem(
                file=str(path),
                rule="the name of a study is that of its file: letters, digits, _, . and -",
                got=spelled(name),
            )
        )
    document = replace(document, values=current_study_values(document.values))
    given, more = read_settings(settings)
    problems += more
    document, more = with_settings(document, given)
    problems += more
    checked = check_shape(document, StudyFile)
    problems += checked.problems
    space_text = ""
    space_name = checked.sound("space")
    if space_name is not None:
        space_file = space_path or _locate_space(checked, space_name, path.parent, problems)
        space_document, more = read_document(space_file) if space_file else (None, [])
        problems += more
        if space_document is not None:
            space_text = space_document.text
        if space_document is not None and space is None:
            space, more = space_of(
                space_document,
                name=name_of(space_name),
                is_copy=not imports,
                needs_logits=not is_own_training(checked),
            )
            problems += more
    problems += cross_checks(checked, space)
    if space_path is None:
        problems += own_code_problems(checked)
    if problems or checked.section is None or space is None:
        refuse(problems)
    return StudyConfig(
        name=name,
        path=path,
        folder=folder.resolve(),
        file=checked.section,
        search_space=space,
        source_text=document.text,
        space_text=space_text,
        settings=settings,
    )


def _locate_space(checked: Checked[StudyFile], text: str, folder: Path, problems: list[Problem]) -> Path | None:
    try:
        return locate("search_spaces", text, relative_to=folder)
    except UnknownName as error:
        problems.append(checked.document.unknown_name(("space",), error))
    except InputError as error:
        problems.append(checked.document.problem(("space",), str(error)))
    return None


def _flat(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(f"{prefix}.{key}", value) if isinstance(value, dict) else {f"{prefix}.{key}": value}
    return flat
