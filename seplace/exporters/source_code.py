"""Write the text of model.py: the classes of a network, copied from their modules, and a function `build`.

Nothing is generated but imports, docstrings and calls with literal arguments; what came from outside is
either the `repr` of a validated literal or left out.
"""

from __future__ import annotations

import ast
import itertools
import math
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from seplace.attachments import ATTACHMENTS
from seplace.attention import ATTENTION
from seplace.backbones.foreign.traced import TracedBackbone
from seplace.backbones.networks.features import FeatureMaps, load_weights
from seplace.exporters.code_check import UnexportableCode, check_code
from seplace.exporters.definitions import Definition, Definitions, Import, name_of
from seplace.models import applied_by, attachment_name, gate_arguments, without_weights
from seplace.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from seplace.attention.options import GateOptions
    from seplace.backbones.backbone import Backbone
    from seplace.backbones.sites import Site, Stage
    from seplace.exporters.trained import TrainedNetwork
    from seplace.placement import Placement, StageChoice

_LINE_LENGTH = 110
_SIDE_OF_FEATURES = 512
"""The side of the image for which strides are measured: large enough that borders do not matter."""
_PLAIN_TEXT = re.compile(r"[\w .:,=+\[\]-]{1,100}", re.ASCII)
"""Texts that need no escaping in the first line of a docstring."""


def source_of(trained: TrainedNetwork) -> str:
    """Return the module of a trained network; see `source_text`."""
    return source_text(
        trained.backbone,
        trained.placement,
        gate=trained.gate,
        num_classes=trained.num_classes,
        in_channels=trained.in_channels,
    )


def source_text(
    backbone: Backbone, placement: Placement, *, gate: GateOptions, num_classes: int, in_channels: int
) -> str:
    """Return a module that needs torch alone and whose `build()` gives the network of a placement.

    UnexportableCode if that cannot be: see `Definitions` and `check_code`. Of a network of the user's, whose blocks got
    slots when it was built, there is no such code.
    """
    if isinstance(backbone, TracedBackbone):
        raise UnexportableCode(
            f"{backbone.text} has no code of seplace's and is written as a program: seplace export --as program"
        )
    for value in backbone.arguments.values():
        _literal(value)
    units: dict[StageChoice, list[Stage]] = defaultdict(list)
    for unit, choice in zip(backbone.units, placement.choices, strict=True):
        if choice.module != "none":
            units[choice].append(unit)
    definitions = Definitions(
        [
            backbone.network_class,
            load_weights,
            *([] if backbone.is_own else [FeatureMaps]),
            *(ATTENTION[choice.name] for choice in units),
            *(applied_by(choice) for choice in units),
            *(ATTACHMENTS[attachment_name(choice)] for choice in units),
        ],
        reserved=["build", "network", "stage", "block", "channels", "num_classes", "features_only"],
    )
    build = _build_function(
        backbone,
        units,
        gate=gate,
        network_arguments={**backbone.arguments, "num_classes": _Code("num_classes"), "in_channels": in_channels},
        num_classes=num_classes,
        features=None if backbone.is_own else feature_arguments(backbone, in_channels=in_channels),
    )
    ordered = definitions.in_order()
    text = "\n".join(
        [
            _docstring(backbone, placement),
            "",
            _import_block(definitions.imports),
            # isort has one blank line before a constant, and two before a definition.
            *([""] if ordered[0].is_constant else ["", ""]),
            _body(ordered),
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
    features = "" if backbone.is_own else ", `build(features_only=True)` returns the map of each stage"
    return f'''"""{title}.

Exported by seplace {__version__}. Needs torch alone; the weights are read by safetensors or by predict.py beside it:

    network = build()
    load_weights(network, predict.read_weights("model.safetensors"))
    network.eval()

`build(num_classes=5)` has a new classifier{features}.
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
    units: Mapping[StageChoice, list[Stage]],
    *,
    gate: GateOptions,
    network_arguments: Mapping[str, Any],
    num_classes: int,
    features: Mapping[str, Any] | None,
) -> str:
    """Return the function `build`; `features` are the arguments of `FeatureMaps`, None where the network has none."""
    network = backbone.network_class
    own_type = f" -> {network.__qualname__}" if isinstance(network, type) else ""
    lines = (
        [
            f"def build(num_classes: int = {num_classes}){own_type}:",
            '    """Build the network with random weights."""',
        ]
        if features is None
        else [
            f"def build(num_classes: int = {num_classes}, *, features_only: bool = False) -> nn.Module:",
            '    """Build the network, or with `features_only` the maps of its stages, with random weights."""',
        ]
    )
    lines += [
        *_call(f"network = {network.__qualname__}(", network_arguments, ")", indent=4),
    ]
    for choice, placed in units.items():
        loops = _loops(backbone, choice, placed)
        lines += loops
        arguments, keywords = gate_arguments(
            choice, gate=gate, channels=_Code("channels"), block_input=_Code("block.in_channels")
        )
        bound = ", block=block" if _Code("block.in_channels") in keywords.values() else ""
        first = ", ".join([*map(_literal, arguments), *([""] if arguments and keywords else [])])
        lines += _call(
            f"{name_of(ATTACHMENTS[attachment_name(choice)])}.attach(block, lambda channels{bound}: "
            f"{applied_by(choice).__qualname__}({ATTENTION[choice.name].__qualname__}({first}",
            keywords,
            ")))",
            indent=4 + 4 * sum(line.endswith(":") for line in loops),
        )
    if features is not None:
        lines.append("    if features_only:")
        lines += _call("return FeatureMaps(network, ", features, ")", indent=8)
    return "\n".join([*lines, "    return network"])


def feature_arguments(backbone: Backbone, *, in_channels: int) -> dict[str, tuple[int, ...]]:
    """Return the channels and the strides of the maps that the stages leave; a stride is a power of two.

    The map of a network that does not pad is smaller than its stride says.
    """
    side = max(_SIDE_OF_FEATURES, backbone.min_image_size)
    with without_weights():
        network = FeatureMaps(
            backbone.build(num_classes=1, in_channels=in_channels), channels=[0] * len(backbone.stages), strides=()
        )
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):  # keeps the shape; without a device torch computes it in Python
                setattr(module, name, nn.Identity())
    maps = network.eval()(torch.empty(1, in_channels, side, side, device="meta"))
    return {
        "channels": tuple(each.shape[1] for each in maps),
        "strides": tuple(2 ** round(math.log2(side / each.shape[3])) for each in maps),
    }


def _loops(backbone: Backbone, choice: StageChoice, units: list[Stage]) -> list[str]:
    """Return the heads of the loops over the blocks that a choice holds for."""
    places = [tuple(map(int, site.path.removeprefix("stages.").split("."))) for unit in units for site in unit.sites]
    attachment = ATTACHMENTS[attachment_name(choice)]
    if choice.name == "native":
        gated = [place for place, site in zip(places, _sites(units), strict=True) if site.has_native_gate]
        return _loop_over_blocks(gated)
    if backbone.granularity == "block":
        return _loop_over_blocks(places)
    stages = list(dict.fromkeys(stage for stage, _ in places))
    once = "[-1:]" if getattr(attachment, "is_once_a_stage", False) else ""
    if len(stages) == 1:
        return [f"    for block in network.stages[{stages[0]}]{once}:"]
    return [f"    for stage in {tuple(stages)}:", f"        for block in network.stages[stage]{once}:"]


def _sites(units: list[Stage]) -> list[Site]:
    return [site for unit in units for site in unit.sites]


def _loop_over_blocks(places: list[tuple[int, ...]]) -> list[str]:
    blocks = [f"network.stages[{stage}][{block}]" for stage, block in places]
    line = f"    for block in [{', '.join(blocks)}]:"
    if len(line) <= _LINE_LENGTH:
        return [line]
    return ["    for block in [", *(f"        {block}," for block in blocks), "    ]:"]


class _Code(str):
    """Source code that is written as it is."""


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
    if isinstance(value, _Code):
        return str(value)
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
