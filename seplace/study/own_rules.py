"""The rules of a study with a training of the user's own, and of its code: each problem with its line and column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from seplace.errors import InputError, nearest
from seplace.files.schema import Checked
from seplace.files.yaml_reader import Keys, Problem, spelled
from seplace.study.own_callbacks import refused_callback
from seplace.study.own_network import NETWORK_NAMES, takes_no_network
from seplace.study.own_training import OWN_KEYS
from seplace.study.parameters import Parameters
from seplace.study.study_file import StudyFile
from seplace.user_modules import is_import_path, resolve

KINDS = {"module": "training module", "data": "training data", "callback": "callback"}
"""What import paths of a training are called in messages."""

_TRAINER: Keys = ("training", "trainer")


def is_own_training(checked: Checked[StudyFile]) -> bool:
    """Return whether a study trains a module of the user's own."""
    training = checked.document.values.get("training")
    return isinstance(training, dict) and not OWN_KEYS.isdisjoint(training)


def epochs_of(checked: Checked[StudyFile]) -> int | None:
    """Return the epochs of a training; None where they are not known."""
    keys: Keys = (*_TRAINER, "max_epochs") if is_own_training(checked) else ("training", "epochs")
    epochs: int | None = checked.sound(*keys)
    return epochs


def own_training_problems(checked: Checked[StudyFile]) -> list[Problem]:
    """Return the problems between the training of the user's own and the rest of a study; nothing is imported."""
    document = checked.document
    has_data = document.values.get("data") is not None
    if not is_own_training(checked):
        is_known = document.values.get("training") is not None
        return [] if has_data or not is_known else [document.problem(("data",), "is missing and required")]
    problems = []
    if has_data:
        rule = "is left out beside a training of your own, whose `training.data` is a LightningDataModule"
        problems.append(document.problem(("data",), rule, at_key=True))
    objective = document.values.get("objective")
    if isinstance(objective, dict) and objective.get("metric") is None:
        rule = "is missing and required: what your module logs, such as {name: val_miou, goal: maximize}"
        problems.append(document.problem(("objective", "metric"), rule))
    problems += [
        document.problem(keys, "must be an import path: package.module:object", got=spelled(path))
        for keys, path, _ in _paths(checked)
        if not is_import_path(path)
    ]
    return [*problems, *_unvalidated(checked), *_of_several_devices(checked), *_without_proxies(checked)]


def _unvalidated(checked: Checked[StudyFile]) -> Iterator[Problem]:
    """Find epochs whose value is needed and after which nothing is validated."""
    keys: Keys = (*_TRAINER, "check_val_every_n_epoch")
    every, epochs = checked.sound(*keys), epochs_of(checked)
    if every is None:
        return
    if epochs is not None and epochs % every:
        rule = f"must divide the {epochs:,} epochs of the training: its last epoch is validated"
        yield checked.document.problem(keys, rule, got=spelled(every))
        return
    for at, rung in enumerate(checked.sound("search", "rungs") or ()):
        if isinstance(rung, int) and rung % every:
            rule = f"must be an epoch that is validated, a multiple of check_val_every_n_epoch: {every}"
            yield checked.document.problem(("search", "rungs", at), rule, got=spelled(rung))


def _of_several_devices(checked: Checked[StudyFile]) -> Iterator[Problem]:
    keys: Keys = (*_TRAINER, "strategy")
    devices, strategy = checked.sound(*_TRAINER, "devices") or 1, checked.sound(*keys)
    if devices == 1 and strategy is not None:
        yield checked.document.problem(keys, "is that of several devices: give `devices` too", got=spelled(strategy))
    share = checked.sound("run", "gpus")
    if devices > 1 and share is not None and share < 1:
        rule = f"is the share of a training on one GPU, and this one takes {devices} devices; leave it out"
        yield checked.document.problem(("run", "gpus"), rule, got=spelled(share))


def _without_proxies(checked: Checked[StudyFile]) -> Iterator[Problem]:
    if checked.sound("search", "proxies"):
        rule = "score networks by labeled images, which a training of your own does not show; leave it out"
        yield checked.document.problem(("search", "proxies"), rule, at_key=True)


def _paths(checked: Checked[StudyFile]) -> Iterator[tuple[Keys, str, str]]:
    """Yield the import paths of a training of the user's own, each with its keys and its kind."""
    for name in ("module", "data"):
        path = checked.sound("training", name)
        if path is not None:
            yield ("training", name), path, KINDS[name]
    for at, each in enumerate(checked.sound("training", "callbacks") or ()):
        keys: Keys = ("training", "callbacks", at)
        path = checked.sound(*keys, "path") if isinstance(each, dict) else checked.sound(*keys)
        if isinstance(path, str):
            yield ((*keys, "path") if isinstance(each, dict) else keys), path, KINDS["callback"]


def signature_problems(checked: Checked[StudyFile]) -> list[Problem]:
    """Import what a training of the user's own names, and hold its options against the signatures."""
    if not is_own_training(checked):
        return []
    document = checked.document
    problems: list[Problem] = []
    called: dict[Keys, Parameters] = {}
    for keys, path, kind in _paths(checked):
        if not is_import_path(path):
            continue
        try:
            found: Any = resolve(path, kind=kind)
        except InputError as error:
            problems.append(document.problem(keys, str(error)))
            continue
        if not callable(found):
            rule = f"{kind} {path!r}: is a {type(found).__name__}, not a function or class"
            problems.append(document.problem(keys, rule))
            continue
        if kind == KINDS["callback"] and isinstance(found, type) and (refusal := refused_callback(found)):
            problems.append(document.problem(keys, refusal, got=spelled(path)))
            continue
        called[keys] = Parameters.of(found, leading=1 if keys == ("training", "module") else 0)
    module, data = called.get(("training", "module")), called.get(("training", "data"))
    options = checked.sound("training", "options")
    options = {} if options is None and ("training", "options") not in checked.refused else options
    if module is not None and data is not None and isinstance(options, dict):
        without = _without_network(checked, options, module, data)
        if without is not None:
            problems.append(without)
            options = {name: value for name, value in options.items() if name != module.first}
        problems += _of_options(checked, options, ("training", "options"), {"module": module, "data": data})
    for keys, parameters in called.items():
        if keys[:2] == ("training", "callbacks"):
            given = checked.sound(*keys[:3], "options") or {} if keys[-1] == "path" else {}
            problems += _of_options(checked, given, (*keys[:3], "options"), {"callback": parameters})
    return problems


def _without_network(
    checked: Checked[StudyFile], options: dict[str, Any], module: Parameters, data: Parameters
) -> Problem | None:
    """Find a module that takes no network, or an option that is given to the parameter of the network."""
    first, document = module.first, checked.document
    if first in NETWORK_NAMES and first in options and not data.takes(first):
        rule = "is the parameter of the module that gets the network; leave it out"
        return document.problem(("training", "options", first), rule, at_key=True)
    is_option = first is not None and first in options and not data.takes(first)
    if module.takes_positions and not is_option and not module.first_is_number:
        return None
    path = checked.sound("training", "module")
    return document.problem(("training", "module"), f"{path} {takes_no_network(module)}")


def _of_options(
    checked: Checked[StudyFile], options: dict[str, Any], at: Keys, takers: dict[str, Parameters]
) -> Iterator[Problem]:
    """Find options that nothing takes, and parameters without a value."""
    known = list(dict.fromkeys(name for taker in takers.values() for name in taker.names))
    said = " and ".join(takers)
    for name in options:
        if not any(taker.takes(name) for taker in takers.values()):
            listed = f" (known: {', '.join(known)})" if known else ""
            rule = (
                f"is a parameter of neither {' nor '.join(takers)}"
                if len(takers) > 1
                else f"is no parameter of the {said}"
            )
            yield checked.document.problem((*at, name), f"{rule}{listed}", at_key=True, suggestion=nearest(name, known))
    for role, taker in takers.items():
        for name in taker.required:
            if name not in options:
                rule = f"is missing: the {role} has the parameter {name!r} without a default"
                yield checked.document.problem((*at, name), rule)
