"""What may stand in a study and a space: the entries of every shelf, and the files that are shipped.

Nothing is imported but the tables of the shelves: what an entry is stands in the docstring of its file, which is read.
"""

from __future__ import annotations

import ast
import functools
import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from seplace.attachments import ATTACHMENTS
from seplace.attention import ATTENTION
from seplace.attention.figures import LETTERS, PARAMS
from seplace.backbones import BACKBONES
from seplace.backbones.figures import FIGURES
from seplace.costs import COSTS
from seplace.datasets import DATASETS
from seplace.errors import UnknownName
from seplace.evaluators import EVALUATORS
from seplace.executors import EXECUTORS
from seplace.exporters import EXPORTERS
from seplace.files.shipped import Kind as FileKind
from seplace.files.shipped import shipped
from seplace.files.yaml_reader import read_document
from seplace.loggers import LOGGERS
from seplace.proxies import PROXIES
from seplace.registry import Registry
from seplace.report.numbers import quantity
from seplace.samplers import SAMPLERS

Row = dict[str, Any]
_SOURCE = re.compile(r" \(([^()]*(?:arXiv|PMLR)[^()]*)\)")
_ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})")
_WILD = re.compile(r"[*?\[]")
_GAP = "  "
_LEAST_ROOM = 24
"""The least width of the last column, also in a terminal that is too narrow for it."""
_COUNTS = ("params", "macs")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of names that can be listed."""

    noun: str
    about: str
    names: Callable[[], Iterable[str]]
    row: Callable[[str], Row]
    columns: tuple[str, ...]
    """Those that are printed; rows have more."""
    note: str = ""
    """A line below the list."""

    def rows(self, patterns: Sequence[str] = ()) -> list[Row]:
        """Return one row a name that matches any of some patterns.

        A pattern is one of `fnmatch`; one without `*`, `?` and `[` matches any name that holds it. Raises UnknownName
        where nothing matches.
        """
        names = list(self.names())
        found = [name for name in names if not patterns or any(_matches(name, pattern) for pattern in patterns)]
        if not found and names:
            raise UnknownName(self.noun, " ".join(patterns), names)
        return [self.row(name) for name in found]


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) if _WILD.search(pattern) else pattern in name


def lines_of(rows: Sequence[Row], columns: Sequence[str], *, width: int | None) -> list[str]:
    """Return rows below their headings as aligned lines, the last column folded to a width; None folds nothing."""
    cells = [
        [column.replace("_", " ") for column in columns],
        *([_shown(column, row.get(column)) for column in columns] for row in rows),
    ]
    is_number = [all(isinstance(row.get(column), int | None) for row in rows) for column in columns]
    widths = [max(len(row[at]) for row in cells) for at in range(len(columns))]
    before = sum(widths[:-1]) + len(_GAP) * (len(columns) - 1)
    room = widths[-1] if width is None else max(_LEAST_ROOM, width - before)
    lines = []
    for row in cells:
        sized = zip(row[:-1], widths, is_number, strict=False)
        first = [cell.rjust(size) if right else cell.ljust(size) for cell, size, right in sized]
        last = textwrap.wrap(row[-1], room, break_long_words=False) or [""]
        lines.append(_GAP.join([*first, last[0].rjust(widths[-1]) if is_number[-1] else last[0]]).rstrip())
        lines += [" " * before + each for each in last[1:]]
    return lines


def _shown(column: str, value: object) -> str:
    if value is None:
        return ""
    if column in _COUNTS and isinstance(value, int):
        return quantity(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


# --------------------------------------------------------------------------------------------------------------------
# Entries of shelves


@functools.cache
def _docstrings(path: str) -> tuple[str, str]:
    """Return the first paragraphs of the docstrings of a file and of an object in it, `module:object`, unimported."""
    module, _, name = path.partition(":")
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return "", ""
    tree = ast.parse(Path(spec.origin).read_text("utf-8"))
    found = [each for each in tree.body if isinstance(each, ast.ClassDef | ast.FunctionDef) and each.name == name]
    return _paragraph(tree), _paragraph(found[0]) if found else ""


def _paragraph(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> str:
    return " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())


def _texts(registry: Registry[Any], name: str) -> tuple[str, str]:
    """Return the docstrings of an entry; of one of the user's own where it comes from, since its code is not read."""
    if registry.is_external(name):
        return "declared by an installed package", ""
    return _docstrings(registry.entry(name).path)


def _backbone(name: str) -> Row:
    of_file, of_entry = _texts(BACKBONES, name)
    if BACKBONES.is_external(name):
        return {"backbone": name, "about": of_file}
    backbone, figures = BACKBONES[name](), FIGURES.get(name)
    return {
        "backbone": name,
        "image": backbone.image_size,
        "blocks": "-".join(str(len(unit.sites)) for unit in backbone.units),
        "channels": [unit.channels for unit in backbone.units],
        "params": None if figures is None else figures.params,
        "macs": None if figures is None else figures.macs,
        "arxiv": "" if figures is None else figures.arxiv,
        "about": of_entry or of_file,
    }


def _module(name: str) -> Row:
    of_file, of_entry = _texts(ATTENTION, name)
    if ATTENTION.is_external(name):
        return {"module": name, "about": of_file}
    entry, source = ATTENTION.entry(name), _SOURCE.search(of_file)
    arxiv = _ARXIV.search(of_file)
    return {
        "module": name,
        "ratio": "r" if entry.takes_ratio else "",
        "extra_params": PARAMS.get(name, ""),
        "source": "" if source is None else arxiv[1] if arxiv else source[1].rpartition(", ")[2],
        "about": of_file.partition(".")[0] if source is None else of_file[: source.start()],
        "computes": of_entry,
        "options": {option: list(values) for option, values in entry.options.items()},
        "attachments": None if entry.attachments is None else list(entry.attachments),
    }


def _attachment(name: str) -> Row:
    if ATTACHMENTS.is_external(name):
        return {"attachment": name, "where": "declared by an installed package", "computes": ""}
    entry = ATTACHMENTS.entry(name)
    return {"attachment": name, "where": entry.where, "computes": entry.computes}


def _entry(registry: Registry[Any], name: str) -> Row:
    of_file, of_entry = _texts(registry, name)
    shares_its_file = sum(_path_of(registry, each) == _path_of(registry, name) for each in registry.built_in) > 1
    return {_key(registry): name, "about": _as_noun(of_entry if shares_its_file and of_entry else of_file)}


def _as_noun(sentence: str) -> str:
    """Return the docstring of a function as what it makes: `CIFAR-10; …` for `Load CIFAR-10; …; raises …`."""
    text = re.sub(r"^(Load|Return|Generate) |; raises .*$", "", sentence)
    return f"{text[:1].upper()}{text[1:].rstrip('.')}"


def _path_of(registry: Registry[Any], name: str) -> str:
    return "" if registry.is_external(name) else str(registry.entry(name).path).partition(":")[0]


def _shelf(registry: Registry[Any], about: str) -> Kind:
    return Kind(
        noun=registry.kind,
        about=about,
        names=lambda: registry,
        row=functools.partial(_entry, registry),
        columns=(_key(registry), "about"),
    )


def _key(registry: Registry[Any]) -> str:
    return registry.kind.replace(" ", "_")


# --------------------------------------------------------------------------------------------------------------------
# Files


def _question(text: str) -> str:
    """Return the first sentence of the comment at the head of a file."""
    head = " ".join(line.removeprefix("#").strip() for line in text.splitlines() if line.startswith("#"))
    ends = [at + 1 for mark in (". ", "? ", ": ") if (at := head.find(mark)) > 0]
    return head[: min(ends)].rstrip(":.") if ends else head.rstrip(".")


def _file(kind: FileKind, name: str) -> tuple[dict[str, Any], str]:
    """Return the values of a shipped file, unchecked, and the first sentence of its comment."""
    document, _ = read_document(shipped(kind)[name])
    return ({}, "") if document is None else (document.values, _question(document.text))


def _study(name: str) -> Row:
    values, question = _file("studies", name)
    search, confirm = values.get("search") or {}, values.get("confirm") or {}
    more = f" + {confirm['trainings']}" if "trainings" in confirm else ""
    return {
        "study": name,
        "trainings": f"{search['trainings']}{more}" if "trainings" in search else f"{search.get('hours')} h",
        "question": question,
        "space": values.get("space"),
        "data": (values.get("data") or {}).get("name") or (values.get("training") or {}).get("data"),
        "sampler": search.get("sampler", "effects"),
    }


def _space(name: str) -> Row:
    from seplace.study.space_file import load_space

    values, about = _file("search_spaces", name)
    if BACKBONES.is_external(str(values.get("backbone")).partition("[")[0]):
        gate = values.get("gate") or {}
        backbone = f"…:{values['backbone'].partition(':')[2]}"
        own = {"placements": None, "backbone": backbone, "about": about, "granularity": "stage"}
        return {"space": name, **own, "init": gate.get("init"), "variants": []}  # its stages are found by running code
    space = load_space(name)
    return {
        "space": name,
        "placements": len(space),
        "backbone": space.backbone.text,
        "about": about,
        "granularity": space.backbone.granularity,
        "init": space.gate.init,
        "variants": [variant.text for variant in space.variants],
    }


KINDS = {
    "backbones": Kind(
        noun="backbone",
        about="networks that attention is put into",
        names=lambda: BACKBONES,
        row=_backbone,
        columns=("backbone", "image", "blocks", "params", "macs", "arxiv"),
        note="image: usual side in pixels; blocks of each stage; params and MACs: of the plain network.",
    ),
    "modules": Kind(
        noun="module",
        about="attention modules",
        names=lambda: ATTENTION,
        row=_module,
        columns=("module", "ratio", "extra_params", "source", "about"),
        note=f"extra params of a block's map. {LETTERS} source: arXiv, or as named.",
    ),
    "attachments": Kind(
        noun="attachment",
        about="how a module joins a block",
        names=lambda: ATTACHMENTS,
        row=_attachment,
        columns=("attachment", "where"),
    ),
    "studies": Kind(
        noun="study",
        about="studies that are shipped",
        names=lambda: shipped("studies"),
        row=_study,
        columns=("study", "trainings", "question"),
    ),
    "spaces": Kind(
        noun="search space",
        about="search spaces that are shipped",
        names=lambda: shipped("search_spaces"),
        row=_space,
        columns=("space", "placements", "backbone", "about"),
    ),
    "datasets": _shelf(DATASETS, "kinds of data sets"),
    "samplers": _shelf(SAMPLERS, "what proposes the next placement"),
    "costs": _shelf(COSTS, "what is traded off against accuracy"),
    "exporters": _shelf(EXPORTERS, "forms of an exported network"),
    "proxies": _shelf(PROXIES, "cheap scores of untrained networks"),
    "evaluators": _shelf(EVALUATORS, "what answers a training"),
    "executors": _shelf(EXECUTORS, "where trainings run"),
    "loggers": _shelf(LOGGERS, "what writes learning curves for other tools"),
}
"""The kinds of names that can be listed."""
