"""The tables of what is on the shelves, and of what is shipped."""

from __future__ import annotations

import importlib
import inspect
import sys
import tomllib

from seplace import testing
from seplace.attachments import ATTACHMENTS
from seplace.attention import ATTENTION
from seplace.backbones import BACKBONES
from seplace.files.shipped import shipped
from seplace.study.config import load_study
from seplace.study.space_file import load_space
from tests.pages import ROOT, markdown_table


def _sentence(entry: object) -> str:
    """Return the first paragraph of an entry's docstring."""
    return " ".join((inspect.getdoc(entry) or "").split("\n\n")[0].split())


def _source(entry: object) -> str:
    """Return the first paragraph of the docstring of the module where an entry stands."""
    module = sys.modules[entry.__module__ if inspect.isclass(entry) else type(entry).__module__]
    return " ".join((module.__doc__ or "").split("\n\n")[0].split())


def _modules() -> str:
    rows = []
    for name in ATTENTION:
        entry = ATTENTION.entry(name)
        options = [
            f"`{option}`: " + (", ".join(f"`{each}`" for each in values) or "a whole number")
            for option, values in entry.options.items()
        ]
        where = "all of gates" if entry.attachments is None else ", ".join(f"`{each}`" for each in entry.attachments)
        ratio = "yes" if entry.takes_ratio else ""
        said = (_source(ATTENTION[name]), _sentence(ATTENTION[name]))
        rows.append([f"`{name}`", said[0], said[1], ratio, "<br>".join(options), where])
    return markdown_table(["module", "source", "what it computes", "ratio", "options", "attachments"], rows)


def _attachments() -> str:
    return markdown_table(
        ["attachment", "where the module stands", "what the block computes"],
        [[f"`{name}`", ATTACHMENTS.entry(name).where, ATTACHMENTS.entry(name).computes] for name in ATTACHMENTS],
    )


def _backbones() -> str:
    rows = []
    for name in BACKBONES:
        backbone = BACKBONES[name]()
        stages = ", ".join(f"{len(unit.sites)} × {unit.channels}" for unit in backbone.units)
        options = [
            f"`{key}={parameter.default:g}`" if isinstance(parameter.default, float) else f"`{key}={parameter.default}`"
            for key, parameter in inspect.signature(BACKBONES[name]).parameters.items()
        ]
        taken = [each for each in ATTACHMENTS if any(each in unit.widths for unit in backbone.units)]
        rows.append([f"`{name}`", str(backbone.image_size), stages, " ".join(taken), " ".join(options)])
    return markdown_table(["backbone", "image", "stages: blocks × channels", "attachments", "options"], rows)


def _comment(kind: str, name: str) -> str:
    """Return the comment at the head of a shipped file, its first sentence."""
    lines = (ROOT / kind / f"{name}.yaml").read_text().splitlines()
    head = " ".join(line.removeprefix("# ") for line in lines if line.startswith("# "))
    ends = [at for mark in (". ", "? ", ": ") if (at := head.find(mark)) > 0]
    return head[: min(ends) + 1].rstrip(":") if ends else head


def _spaces() -> str:
    rows = []
    for name in shipped("search_spaces"):
        space = load_space(name)
        backbones = ", ".join(f"`{backbone.text}`" for backbone in space.backbones.values())
        rows.append(
            [f"[`{name}`]({name}.yaml)", backbones, f"{len(space):,}", f"`{space.gate.init}`"],
        )
    return markdown_table(["space", "backbones", "placements", "gate init"], rows)


def _studies() -> str:
    rows = []
    for name in shipped("studies"):
        config = load_study(name)
        search = config.search
        confirm = f" + {config.confirm.trainings}" if config.confirm else ""
        space = f"[`{config.search_space.name}`](../search_spaces/{config.search_space.name}.yaml)"
        rows.append(
            [
                f"[`{name}`]({name}.yaml)",
                space,
                f"`{config.data_name}`",
                f"`{search.sampler}`",
                f"{search.trainings}{confirm}",
                _comment("studies", name),
            ]
        )
    return markdown_table(["study", "space", "data", "sampler", "trainings", "question"], rows)


_SHELVES = (
    "attention",
    "attachments",
    "backbones",
    "datasets",
    "costs",
    "samplers",
    "evaluators",
    "executors",
    "exporters",
    "proxies",
    "loggers",
)


def _shelves() -> str:
    """Return one row a shelf: its table, what an entry is, and its suite."""
    rows = []
    for name in _SHELVES:
        room = importlib.import_module(f"seplace.{name}")
        said = (room.__doc__ or "").partition("An entry ")[2].partition("\n\n")[0]
        sentence = " ".join(said.split()).partition(". ")[0].rstrip(".")
        assert sentence, f"seplace.{name} does not say what an entry is"
        suite = f"tests/{name}/test_role.py"
        assert (ROOT / suite).exists(), suite
        check = f"check_{_SINGULAR.get(name, name.removesuffix('s'))}"
        assert check in testing.__all__
        rows.append([f"[`{name}`]({name}/__init__.py)", sentence, f"[`{check}`](../{suite})"])
    return markdown_table(["shelf", "an entry …", "role suite"], rows)


def _floors() -> str:
    """Return the floors of the import contract, the highest first."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each["type"] == "layers")
    lines = [layer.replace("seplace.", "").replace(" | ", " · ").replace(" : ", " · ") for layer in layers]
    return "```text\n" + "\n".join(f"{len(lines) - at:2d}  {line}" for at, line in enumerate(lines)) + "\n```"


_SINGULAR = {"proxies": "proxy"}

MAKERS = {
    "shelves": _shelves,
    "floors": _floors,
    "modules": _modules,
    "attachments": _attachments,
    "backbones": _backbones,
    "spaces": _spaces,
    "studies": _studies,
}
