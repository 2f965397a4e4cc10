"""The identity of the code and data of a study, so that it never continues with another network, module or data set.

A study file names code and data of the user's own, which can change while their names stay. The identity is taken when
a study begins, kept in its ledger, and compared before each training and export.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seplace.attachments import ATTACHMENTS
from seplace.backbones import BACKBONES
from seplace.costs import COSTS
from seplace.datasets import DATASETS
from seplace.errors import StudyChanged
from seplace.evaluators import EVALUATORS
from seplace.proxies import PROXIES
from seplace.registry import Registry
from seplace.samplers import SAMPLERS
from seplace.study.own_rules import KINDS
from seplace.user_code import is_user_file
from seplace.user_modules import USER_MODULES, resolve

if TYPE_CHECKING:
    from seplace.study.config import StudyConfig

Identity = dict[str, dict[str, Any]]
"""By subject, such as `backbone nets:build`: its properties as plain JSON types."""

_RELATIVE_TOLERANCE = 1e-4
"""Numbers within this tolerance are the same, since processors round differently."""

_WORDS = {
    "stages": "stages",
    "parameters": "parameters",
    "operators": "operators",
    "values": "loaded weights or constants",
    "drawn": "initial weights",
    "constants": "constants in its forward",
    "output": "computed values",
    "code": "code",
}
_OF_TORCH = ("operators", "drawn", "constants", "output")
"""Properties of the same network that can differ between versions of torch."""

_OF_IMAGES = ("classes", "channels", "image_size", "training_images", "validation_images")
"""The compared properties of the data beside the splits; mean and deviation follow from these, to rounding."""


def identity_of(config: StudyConfig, images: Mapping[str, Any]) -> Identity:
    """Return the identity of the user's own code in a study: networks, attention modules, and all other import paths.

    A study with a tabular benchmark builds no network. `images` is the description of the data.
    """
    own = config.own_training
    named: list[tuple[Registry[Any], Sequence[str]]] = [
        (EVALUATORS, [config.evaluator.name]),
        (DATASETS, [] if own is not None else [config.data.name]),
        (COSTS, [config.objective.cost, *config.objective.limits]),
        (SAMPLERS, [config.search.sampler]),
        (PROXIES, config.search.proxies),
        (ATTACHMENTS, [choice.attachment for choices in config.search_space.choices for choice in choices]),
    ]
    identity: Identity = {
        f"{shelf.kind} {name}": {"code": _code_digest(shelf.entry(name).path, kind=shelf.kind)}
        for shelf, names in named
        for name in dict.fromkeys(names)
        if shelf.is_external(name)
    }
    if own is not None:
        parts = [("module", own.module), ("data", own.data), *(("callback", each.path) for each in own.callbacks)]
        identity |= {f"{KINDS[name]} {path}": {"code": _code_digest(path, kind=KINDS[name])} for name, path in parts}
    if config.evaluator.folder is None:
        identity |= _identity_of_networks(config, images)
    return identity


def _identity_of_networks(config: StudyConfig, images: Mapping[str, Any]) -> Identity:
    space = config.search_space
    own_backbones = [
        backbone for backbone in space.backbones.values() if BACKBONES.is_external(backbone.text.partition("[")[0])
    ]
    own_choices = {
        str(choice): (choice, stage)
        for stage, choices in enumerate(space.choices)
        for choice in choices
        if choice.is_external
    }
    if not own_backbones and not own_choices:
        return {}
    from seplace.evaluators.network_identity import identity_of_backbone, identity_of_choice

    identity: Identity = {}
    for backbone in own_backbones:
        own = config.own_training
        shape = images.get("input") or [images["channels"], images["image_size"], images["image_size"]]
        classes = len(images["classes"]) if own is None else own.classes or backbone.num_classes
        identity[f"backbone {backbone.text}"] = identity_of_backbone(backbone, num_classes=classes, shape=tuple(shape))
    for text, (choice, stage) in own_choices.items():
        unit = space.backbone.units[stage]
        identity[f"attention module {text}"] = identity_of_choice(choice, unit, gate=space.gate)
    return identity


def changes_of_identity(known: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a line for each network, module or other code that has changed.

    A subject that only one side has is not a change here: the study file shows it.
    """
    lines = []
    for subject in now:
        if subject not in known:
            continue
        before, after = known[subject], now[subject]
        compared = [name for name in _WORDS if name in before and name in after]
        if before.get("torch") != after.get("torch"):
            compared = [name for name in compared if name not in _OF_TORCH]
        others = [_WORDS[name] for name in compared if not _is_same(before[name], after[name])]
        if others:
            lines.append(f"{subject} is another than when the study began (other {', '.join(others)})")
    return lines


def counted_code(identity: Identity) -> dict[str, object]:
    """Return the properties of the user's own code on which counted costs depend; empty without such code."""
    counted = ("stages", "parameters", "operators", "code", "torch")
    own = {subject: {name: each[name] for name in counted if name in each} for subject, each in identity.items()}
    return {"code": own} if own else {}


def changes_of_images(known: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return a line for each property of the data set that has changed.

    A property that an earlier version did not record is not compared.
    """
    from seplace.datasets.identity import changes_of_splits

    compared = [name for name in _OF_IMAGES if name in known and name in now]
    lines = [f"{name}: {_short(known[name])} -> {_short(now[name])}" for name in compared if known[name] != now[name]]
    if "splits" in known and "splits" in now:
        lines += changes_of_splits(known["splits"], now["splits"])
    return [f"the data set is another than when the study began: {line}" for line in lines]


def refuse_other_code(known: Identity | None, config: StudyConfig, images: Mapping[str, Any], *, folder: Path) -> None:
    """Raise StudyChanged where the user's own code has changed since the study in `folder` began.

    Results of version 0.10 and before have no identity, and are not compared.
    """
    if known and (changes := changes_of_identity(known, identity_of(config, images))):
        raise other_meaning(folder, changes)


def other_meaning(folder: Path, changes: Iterable[str]) -> StudyChanged:
    """Return the error for a folder with results of a study with another meaning, with the changes."""
    return StudyChanged(
        f"{folder} holds results of a study with another meaning; only its budget may grow. Go on with the study as it "
        "was, or give this one another folder (--results). Changed:\n  " + "\n  ".join(changes)
    )


def _is_same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal, numbers to a tolerance relative to the largest of their list."""
    if not (isinstance(one, list) and isinstance(other, list)):
        return bool(one == other)
    if all(isinstance(each, float) for each in (*one, *other)):
        tolerance = _RELATIVE_TOLERANCE * max(map(abs, (*one, *other)), default=0.0)
        return len(one) == len(other) and all(
            math.isclose(left, right, abs_tol=tolerance) for left, right in zip(one, other, strict=True)
        )
    return len(one) == len(other) and all(_is_same(left, right) for left, right in zip(one, other, strict=True))


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _code_digest(path: str, *, kind: str) -> str:
    """Return the SHA-256 of the code of a module and of the user modules that it imports, without comments."""
    resolve(path, kind=kind)
    trees = trees_of(path.partition(":")[0])
    digest = hashlib.sha256()
    for name in sorted(trees):
        _drop_docstrings(trees[name])
        digest.update(f"{name}\n{ast.dump(trees[name])}\n".encode())
    return digest.hexdigest()


def trees_of(name: str) -> dict[str, ast.Module]:
    """Return the code of a module and of the user's Python modules that it imports, by name."""
    trees: dict[str, ast.Module] = {}
    waiting = [name]
    while waiting:
        one = waiting.pop()
        file = file_of(one)
        if one in trees or file is None or not file.endswith(".py") or not (one == name or is_user_file(file)):
            continue
        trees[one] = ast.parse(Path(file).read_bytes())
        waiting += _imported_by(trees[one], one)
    return trees


def file_of(name: str) -> str | None:
    """Return the file of a module without importing it; None for a module without a file, or in a library's package."""
    top, _, inside = name.partition(".")
    try:
        spec = importlib.util.find_spec(top) or USER_MODULES.locate(top)
        # A folder without an __init__.py has no file of its own.
        origin = None if spec is None else spec.origin or next(iter(spec.submodule_search_locations or ()), None)
        if inside and origin is not None and is_user_file(origin):
            spec = importlib.util.find_spec(name)
    except Exception:  # a package of the user's own is imported to find what is inside it
        return None
    return None if spec is None else spec.origin


def _imported_by(tree: ast.Module, name: str) -> Iterator[str]:
    """Yield the names of modules that a module imports, and names that may be modules of a package."""
    package = getattr(sys.modules.get(name), "__package__", None) or ""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = f"{'.' * node.level}{node.module or ''}"
            try:
                base = importlib.util.resolve_name(source, package)
            except ImportError:
                continue
            yield from (base, *(f"{base}.{alias.name}" for alias in node.names))


def _drop_docstrings(tree: ast.AST) -> None:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
