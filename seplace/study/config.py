"""Studies: files in, a frozen StudyConfig out, or every problem of all of them at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from seplace.errors import DataError, InputError, UnknownName
from seplace.files.former_words import current_study_values
from seplace.files.schema import Checked, check_shape
from seplace.files.shipped import is_name, locate, name_of, valid_name
from seplace.files.yaml_reader import Problem, read_document, refuse, spelled
from seplace.placement import Placement
from seplace.space import SearchSpace
from seplace.study.recipe import Recipe
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
    cross_checks,
    own_code_problems,
)
from seplace.user_modules import import_from

_LATER_OPTIONS: dict[str, Any] = {
    "data.skip_damaged": False,
    "training.freeze": "nothing",
    "search.stop": "budget",
    "search.rungs": [],
    "search.proxies": [],
    "search.proxy_placements": 64,
    "evaluator.name": "stand_alone",
    "evaluator.folder": None,
}
"""Options that came after version 0.1, with their defaults."""

_DETAILS = ("space.choices", "space.gate", "space.granularity", "space.variants")
"""What a fingerprint says of its space beside the digest, since version 0.11."""

STUDY_FACTS = ("study_folder", "name", "space")
"""What a ledger says of its study beside the copies of its files; the latter two since version 0.11."""

_NOT_MEANING = {"data.root", "search.trainings", "search.hours"}
"""Where the data lies, and the budgets, which may grow."""


@dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """A study that was read and found sound, with its search space."""

    name: str
    """The stem of the study file."""
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
    def data(self) -> DataSection:
        """The section `data`."""
        return self.file.data

    @property
    def training(self) -> Recipe:
        """The section `training`."""
        return self.file.training

    @property
    def evaluator(self) -> EvaluatorSection:
        """The section `evaluator`."""
        return self.file.evaluator

    @property
    def objective(self) -> ObjectiveSection:
        """The section `objective`."""
        return self.file.objective

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
    def own_baselines(self) -> dict[str, Placement]:
        """The user's own modules as baselines of a study that begins now; none where the budget is too small."""
        own, trainings = self.search_space.own_baselines, self.search.trainings
        fits = trainings is None or trainings >= len(self.search_space.baselines) + len(own)
        return own if fits else {}

    @property
    def wanted_costs(self) -> tuple[str, ...]:
        """The names of the costs that the study asks for: its axis, and those that it limits."""
        return tuple(dict.fromkeys([self.objective.cost, *self.objective.limits]))

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
        for name in ("data", "training", "evaluator", "objective", "search"):
            meaning |= _flat(name, getattr(self, name).model_dump(mode="json"))
        return {key: meaning[key] for key in sorted(meaning) if key not in _NOT_MEANING}

    def cost_key(self) -> dict[str, object]:
        """Return what the study's costs depend on."""
        return {
            "space": self.search_space.fingerprint(),
            "data": self.data.name,
            "image_size": self.data.image_size,
        }


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return one line `key: old -> new` for each key in which two fingerprints differ.

    An option that an older version did not have is no difference while it is at its default. Until version 0.10 a
    fingerprint had the digest of its space alone.
    """
    missing = object()
    later = {key: value for key, value in _LATER_OPTIONS.items() if key in new and new[key] == value}
    before = {**later, **old}
    is_in_detail = all("space.granularity" in each for each in (old, new))
    compared = [key for key in sorted({*before, *new}) if is_in_detail or not key.startswith(_DETAILS)]
    changed = {
        key: (before.get(key, missing), new.get(key, missing))
        for key in compared
        if before.get(key, missing) != new.get(key, missing)
    }
    if any(key.startswith("space.") for key in changed):
        changed.pop("space", None)  # which says no more than they do
    return [f"{key}: {_difference(key, *pair, missing=missing)}" for key, pair in changed.items()]


def _difference(key: str, old: Any, new: Any, *, missing: object) -> str:
    if key == "space":
        return "has other choices, blocks or gates than before"
    if key.startswith("space.choices") and missing not in (old, new):
        removed, added = [each for each in old if each not in new], [each for each in new if each not in old]
        parts = [f"{verb} {', '.join(some)}" for verb, some in (("added", added), ("removed", removed)) if some]
        return "; ".join(parts) or "the same choices in another order"
    return " -> ".join("absent" if each is missing else json.dumps(each) for each in (old, new))


def load_study(place: str | Path) -> StudyConfig:
    """Read a study from a file, or by a shipped name; InvalidStudy lists all that is wrong with it."""
    path = place if isinstance(place, Path) else locate("studies", place, relative_to=None)
    return _load(path, name=name_of(path.name), folder=path.parent, space_path=None)


def load_results_study(folder: Path, facts: Mapping[str, Any], *, live: bool = False) -> StudyConfig:
    """Read a study back from its results: the copies of its files, and what the ledger says of it by `STUDY_FACTS`.

    Nothing is imported: the space is what the ledger keeps of it. With `live` its code is imported, and networks can be
    built. A relative `data.root` stays relative to the folder of the file that was copied. DataError for results of
    version 0.10, which kept no space, with a network of the user's own, and where a copy is no regular file.
    """
    for path in (folder / "study.yaml", folder / "space.yaml"):
        if path.exists() and not path.is_dir() and not path.is_file():  # a FIFO would be read for ever
            raise DataError(f"{path}: is no regular file")
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
) -> StudyConfig:
    """Read both files, check all rules, and raise everything that is wrong in either of them at once.

    With a space, its file is read for its text alone.
    """
    if imports:
        import_from(folder)
    document, problems = read_document(path)
    if document is None:
        refuse(problems)
    if not is_name(name):
        problems.append(Problem(file=str(path), rule="a study needs a valid name", got=spelled(name)))
    checked = check_shape(replace(document, values=current_study_values(document.values)), StudyFile)
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
            space, more = space_of(space_document, name=name_of(space_name), is_copy=not imports)
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
