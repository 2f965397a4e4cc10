"""From the text of a backbone, such as `cifar_resnet20[shortcut=B,width=0.5]`, to its description."""

from __future__ import annotations

import re
from collections.abc import Callable

from seplace.backbones import BACKBONES
from seplace.backbones.backbone import Backbone, NoBlocksToName, defaults_of, parse_options
from seplace.errors import InputError, quoted

_TEXT = re.compile(r"(?P<name>[\w.:]+)(?:\[(?P<options>[^\[\]]*)\])?", re.ASCII)


def describe(text: str, *, blocks: tuple[str, ...] = (), needs_logits: bool = True) -> Backbone:
    """Return the backbone that a text names: an entry of the shelf, or a network of the user's own.

    Unless `needs_logits`, such a network may return anything.

    `blocks` names the blocks of a network of the user's own by their paths. Raises NoBlocksToName where they are given
    for a backbone that describes its blocks itself, and InputError where the text is not canonical: options sorted,
    those at their defaults left out.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise InputError(
            f"backbone {quoted(text)}: write a name, or a name with options such as cifar_resnet20[width=0.5]"
        )
    name, options = match.group("name", "options")
    BACKBONES.entry(name)  # an unknown name is refused before torch is imported
    if BACKBONES.is_external(name):
        # Only a network of the user's own needs torch to be described.
        from seplace.backbones.foreign.imported import describe_import

        backbone = describe_import(name, options or "", blocks)
        if needs_logits and (problem := getattr(backbone, "no_logits", "")):
            raise InputError(problem)
    else:
        if blocks:
            raise NoBlocksToName(text)
        entry: Callable[..., Backbone] = BACKBONES[name]
        backbone = entry(**parse_options(name, options or "", defaults_of(entry)))
    if backbone.text != text:
        raise InputError(f"backbone {quoted(text)}: write {backbone.text!r}")
    return backbone
