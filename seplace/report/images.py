"""The data of a study in lines: classes, splits, and what each split is used for."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from seplace.files.plain_text import printable
from seplace.report.console import notebook_display

_CLASSES_SHOWN = 8


def tell_images(images: Mapping[str, Any]) -> None:
    """Show the data of a run on the error stream."""
    for line in image_lines(images):
        tell(line)


def tell(line: str) -> None:
    """Show a line on the error stream, above a live view if there is one; a notebook takes it as output."""
    print(printable(line), file=sys.stdout if notebook_display() else sys.stderr)


def image_lines(images: Mapping[str, Any]) -> list[str]:
    """Return the data of a study in lines: classes, the images of each split, notes.

    Empty for an evaluator that does not describe its data. Characters that cannot be printed are escaped, since names
    come from outside.
    """
    if "not_found" in images:
        return [f"  data: not looked at, {images['not_found']} is not there"]
    uses = images.get("uses")
    if not uses:
        return []
    classes = images["classes"]
    shown = ", ".join(classes[:_CLASSES_SHOWN]) + (", …" if len(classes) > _CLASSES_SHOWN else "")
    lines = [f"{len(classes):,} classes: {shown}"]
    for split in ("train", "validation", "test"):
        use = uses.get(split)
        if use is None:
            lines.append(f"  {split}: none; the study ends without test figures")
            continue
        each = f"{use['fewest']:,}" if use["fewest"] == use["most"] else f"{use['fewest']:,} to {use['most']:,}"
        lines.append(f"  {split}: {use['images']:,} images, {each} a class{_origin(use)}{_sizes(use)}")
        if use.get("left_out"):
            more, it = ("1 more is", "it") if use["left_out"] == 1 else (f"{use['left_out']:,} more are", "they")
            lines.append(f"    {more} left out: {it} cannot be used")
    for note in images.get("notes", ()):
        lines += f"  note: {note}".replace("\n", "\n  ").split("\n")
    return ["".join(each if each.isprintable() else repr(each)[1:-1] for each in line) for line in lines]


def _origin(use: Mapping[str, Any]) -> str:
    if use["is_held_out"]:
        return f", held out of {use['place'] or 'the training split'}"
    return f", from {use['place']}" if use["place"] else ""


def _sizes(use: Mapping[str, Any]) -> str:
    if "smallest" not in use:
        return ""
    smallest, largest = ("x".join(map(str, use[name])) for name in ("smallest", "largest"))
    return f", {smallest} pixels" if smallest == largest else f", {smallest} to {largest} pixels"
