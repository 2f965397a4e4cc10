"""Where the numbers of the page come from: recipe, versions, devices, seeds, and how to make them again."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seplace.report.numbers import duration
from seplace.results.advice import command_of
from seplace.results.provenance import provenance_of
from seplace.version import __version__

if TYPE_CHECKING:
    from seplace.report.page.reported import Reported
    from seplace.study.config import StudyConfig

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class About:
    """The origin of a study's numbers."""

    recipe: Facts
    search: Facts
    origin: Facts
    versions: tuple[Facts, ...]
    """The versions of packages; several where trainings ran with several."""
    files: Facts
    """The name of a file and its text: study and space."""
    commands: tuple[tuple[str, str], ...]
    """What a command does, and the command."""


def about_of(study: Reported) -> About:
    """Return where a study's numbers come from."""
    config = study.config
    provenance = provenance_of(study.rows, study.rung_rows)
    folder = shlex.quote(str(study.folder))
    return About(
        recipe=tuple(recipe_of(config)),
        search=tuple(_search(study)),
        origin=tuple(_origin(study, provenance)),
        versions=tuple(tuple((name, str(text)) for name, text in each.items()) for each in provenance["versions"]),
        files=(("study.yaml", config.source_text), ("space.yaml", config.space_text)),
        commands=(
            ("run it", command_of(config, study.folder, noted=study.command, settings=study.settings)),
            ("make this page again", f"seplace report {folder}"),
        ),
    )


def recipe_of(config: StudyConfig) -> list[tuple[str, str]]:
    """Return the keys of the recipe that are not their defaults, each block with all that is in it."""
    if config.own_training is not None:  # of its trainer, too, what is written alone
        return _flat(config.own_training.model_dump(mode="json", exclude_defaults=True))
    whole, set_apart = config.training.model_dump(mode="json"), config.training.model_dump(exclude_defaults=True)
    return _flat({name: value for name, value in whole.items() if name in set_apart})


def _search(study: Reported) -> list[tuple[str, str]]:
    config, space = study.config, study.config.search_space
    search, confirm = config.search, config.confirm
    backbones = ", ".join(backbone.text for backbone in space.backbones.values())
    facts = [
        ("search space", f"{space.name}: {len(space):,} placements"),
        ("backbones" if space.variants else "backbone", backbones),
        ("gates start", {"identity": "as the identity", "paper": "as in their papers"}.get(space.gate.init, "")),
        ("cost axis", study.cost),
        ("sampler", search.sampler),
        ("budget", f"{search.trainings:,} trainings" if search.trainings is not None else f"{search.hours:g} h"),
        ("confirmation", "none" if confirm is None else f"{confirm.trainings} trainings, {confirm.seeds} seeds"),
        ("seed of the search", str(search.seed)),
    ]
    facts += [(f"limit on {name}", f"{limit:g}") for name, limit in config.objective.limits.items()]
    if search.rungs:
        facts.append(("rungs", ", ".join(f"{rung} epochs" for rung in search.rungs)))
    if search.proxies:
        facts.append(("proxies", ", ".join(search.proxies)))
    return facts


def _origin(study: Reported, provenance: dict[str, Any]) -> list[tuple[str, str]]:
    threads = ", ".join(str(each) for each in provenance["threads"] if each)
    facts = [
        ("evaluator", study.config.evaluator.name),
        ("devices", ", ".join(each for each in provenance["devices"] if each) or "not noted"),
        ("torch threads of a training", threads or "not noted"),
        ("seeds of trainings", ", ".join(map(str, provenance["seeds"])) or "none"),
        ("trainings", f"{provenance['trainings']:,}"),
        ("training time", duration(provenance["training_seconds"])),
        ("estimates and page by", f"seplace {__version__}"),
    ]
    if study.workers:
        facts.append(("workers", study.workers))
    latency = next(iter(study.latencies.values()), None)
    if latency is not None:
        parts = f"{latency.get('device', '')}, {latency.get('precision', '')}, batch {latency.get('batch', '')}, "
        facts.append(("latency", f"{parts}median of {latency.get('repeats', '')} rounds beside the plain backbone"))
    return facts


def _flat(values: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name.replace("_", " "), _text(value)) for name, value in values.items()]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {_text(inside)}" for name, inside in value.items())
    if isinstance(value, list):
        return " and ".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
