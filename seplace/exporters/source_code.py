"""The text of model.py: the classes that a network is made of, as they stand in their modules, and a `build`.

Nothing is generated but imports, docstrings and calls with literal arguments; what came from outside is
either the `repr` of a validated literal or left out.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from seplace import __version__
from seplace.attachments import ATTACHMENTS
from seplace.attention import ATTENTION
from seplace.exporters.code_check import UnexportableCode, check_code
from seplace.exporters.definitions import Definition, Definitions, Import
from seplace.models import gate_arguments

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from seplace.attention.options import GateOptions
    from seplace.backbones.backbone import Backbone
    from seplace.placement import Placement, StageChoice

_LINE_LENGTH = 110
_PLAIN_TEXT = re.compile(r"[\w .:,=+\[\]-]{1,100}", re.ASCII)
"""Texts that can stand in the first line of a docstring as they are."""


def source_text(
    backbone: Backbone, placement: Placement, *, gate: GateOptions, num_classes: int, in_channels: int
) -> str:
    """Return a module that needs torch alone and whose `build()` gives the network of a placement.

    UnexportableCode if that cannot be: see `Definitions` and `check_code`.
    """
    stages: dict[StageChoice, list[int]] = defaultdict(list)
    for stage, choice in enumerate(placement.choices):
        if choice.module != "none":
            stages[choice].append(stage)
    definitions = Definitions(
        [
            backbone.network_class,
            *(ATTENTION[choice.module] for choice in stages),
            *(ATTACHMENTS[choice.attachment] for choice in stages),
        ],
        reserved=["build", "network", "stage", "block", "channels"],
    )
    build = _build_function(
        backbone,
        stages,
        gate=gate,
        arguments={**backbone.arguments, "num_classes": num_classes, "in_channels": in_channels},
    )
    text = "\n".join(
        [
            _docstring(backbone, placement),
            "",
            _import_block(definitions.imports),
            "",
            "",
            _body(definitions.in_order()),
            "",
            "",
            build,
            "",
        ]
    )
    check_code(text)
    return text


def _docstring(backbone: Backbone, placement: Placement) -> str:
    title = f"{backbone.text}{' without attention' if placement.is_plain else f' with attention {placement}'}"
    if not _PLAIN_TEXT.fullmatch(title):
        title = "The network of config.json"
    return f'''"""{title}.

Exported by seplace {__version__}. Needs torch alone; the weights are read with safetensors:

    network = build()
    network.load_state_dict(safetensors.torch.load_file("model.safetensors"))
    network.eval()
"""'''


def _import_block(imports: Iterable[Import]) -> str:
    """Return import statements in isort's order: future, standard library, torch; `import` before `from`."""
    sections: dict[bool, dict[str, set[str]]] = {False: defaultdict(set), True: defaultdict(set)}
    for each in imports:
        if each.module == "__future__":
            continue
        section = sections[each.module.partition(".")[0] == "torch"]
        renamed = "" if each.alias in (None, each.name) else f" as {each.alias}"
        if each.name is None:
            section[f"import {each.module}{renamed}"] = set()
        else:
            section[f"from {each.module} import "].add(f"{each.name}{renamed}")
    blocks = ["from __future__ import annotations"]
    for section in sections.values():
        statements = sorted(section, key=lambda start: (start.startswith("from "), start))
        blocks.append("\n".join(start + ", ".join(sorted(section[start], key=_isort_key)) for start in statements))
    return "\n\n".join(filter(None, blocks))


def _isort_key(name: str) -> tuple[int, str]:
    """Sort constants, then classes, then the rest."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name)


def _body(definitions: list[Definition]) -> str:
    """Join definitions by two blank lines, and constants that follow one another by none."""
    text = definitions[0].text
    for before, definition in itertools.pairwise(definitions):
        text += ("\n" if before.is_constant and definition.is_constant else "\n\n\n") + definition.text
    return text


def _build_function(
    backbone: Backbone,
    stages: Mapping[StageChoice, list[int]],
    *,
    gate: GateOptions,
    arguments: Mapping[str, Any],
) -> str:
    network = backbone.network_class
    lines = [
        f"def build(){f' -> {network.__qualname__}' if isinstance(network, type) else ''}:",
        '    """Build the network with random weights."""',
        *_call(f"network = {network.__qualname__}(", arguments, ")", indent=4),
    ]
    for choice, numbers in stages.items():
        indent = 4
        if len(numbers) > 1:
            lines.append(f"    for stage in {tuple(numbers)}:")
            indent = 8
        lines += [
            f"{' ' * indent}for block in network.stages[{'stage' if len(numbers) > 1 else numbers[0]}]:",
            *_call(
                f"{ATTACHMENTS[choice.attachment].__qualname__}.attach(block, "
                f"lambda channels: {ATTENTION[choice.module].__qualname__}(channels, ",
                gate_arguments(choice, gate=gate),
                "))",
                indent=indent + 4,
            ),
        ]
    return "\n".join([*lines, "    return network"])


def _call(start: str, arguments: Mapping[str, Any], end: str, *, indent: int) -> list[str]:
    """Return a call with literal keyword arguments: on one line if it fits, else with one argument a line."""
    for key in arguments:
        if not key.isidentifier():
            raise UnexportableCode(f"{key!r} is no name for an argument")
    parts = [f"{key}={_literal(value)}" for key, value in arguments.items()]
    line = " " * indent + start + ", ".join(parts) + end
    if len(line) <= _LINE_LENGTH:
        return [line]
    return [
        " " * indent + start.rstrip(),
        *(f"{' ' * (indent + 4)}{part}," for part in parts),
        " " * indent + end,
    ]


def _literal(value: Any) -> str:
    """Return the source of a literal; UnexportableCode if reading it back does not give an equal value."""
    text = repr(value)
    if isinstance(value, str) and text.startswith("'") and '"' not in text and "\\" not in text:
        text = f'"{text[1:-1]}"'
    try:
        same = ast.literal_eval(text) == value
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        same = False
    if not same:
        raise UnexportableCode(f"an argument of the network is no literal: {text[:100]}")
    return text
