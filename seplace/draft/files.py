"""The texts of a first space and study, with a comment where a number was chosen."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from seplace.files.plain_text import printable
from seplace.report.numbers import duration
from seplace.study.settings import in_yaml

if TYPE_CHECKING:
    from seplace.draft.found import Found
    from seplace.draft.numbers import Numbers, Recipe

_COLUMN = 34
"""The column of comments behind values."""
_SEEDS = 3
"""The most seeds of one placement during the search."""


def space_text(recipe: Recipe) -> str:
    """Return the text of the space file."""
    modules, ratios = "[none, se, cbam, eca]", ", ".join(map(str, recipe.ratios))
    return "\n".join(
        [
            "# What may stand in each stage of the network: a module, its reduction ratio, and how it joins a block.",
            "# `seplace list backbones`, `seplace list modules` and `seplace list attachments` show what there is.",
            "schema: 1",
            f"backbone: {in_yaml(recipe.backbone.text)}",
            *_lined("gate: {init: identity}", "a new module changes nothing until it is trained"),
            "choices:",
            f"  modules: {modules}",
            *_lined(f"  ratios: [{ratios}]", "channels over hidden units, of se and cbam"),
            *_lined(f"  attachments: [{', '.join(recipe.attachments)}]", "one more gives more placements"),
            "",
        ]
    )


def study_text(found: Found, numbers: Numbers, *, at: Path, has_gpu: bool, has_bf16: bool) -> str:
    """Return the text of the study file in the folder `at`."""
    recipe, split = numbers.recipe, numbers.split
    steps, each = -(-split.train // recipe.batch_size), duration(numbers.seconds_per_training)
    lines = [
        f"# Where does attention pay on the images in {_in_comment(found.folder.resolve().name)}?",
        "# Drafted by `seplace init`: change what you like. `seplace plan` checks it.",
        "schema: 1",
        "space: ./space.yaml",
        "data:",
        f"  name: {found.name}",
        f"  root: {in_yaml(_root(found.folder, at))}",
        *_image_size(found, recipe),
    ]
    if split.train < split.of:
        lines += _lined(
            f"  train_images: {split.train}", f"of {split.of:,}, so that enough trainings fit into the time"
        )
    if split.is_held_out:
        taken = f"held out of the {found.train.images:,} training images to score placements"
        lines += _lined(f"  validation_images: {split.validation}", taken)
    else:
        place = "" if found.validation is None else _in_comment(found.validation.place)
        lines += [f"  # no validation_images: placements are scored on the {split.validation:,} images of {place}"]
    if found.damaged:
        lines += _lined("  skip_damaged: true", f"{len(found.damaged):,} of those looked at cannot be read")
    lines += [
        "training:",
        *_lined(f"  epochs: {recipe.epochs}", f"of {steps:,} steps each"),
        f"  batch_size: {recipe.batch_size}",
        *_lined(f"  learning_rate: {recipe.learning_rate}", "0.1 for a batch of 128, in proportion"),
        "  momentum: 0.9",
        "  weight_decay: 5.0e-4",
        "  schedule: cosine",
        "  warmup_epochs: 1",
        *_lined("  flip: true", "false where left and right differ, as in digits and text"),
        *_lined(f"  crop_padding: {recipe.crop_padding}", "an eighth of the side"),
    ]
    if has_gpu:
        lines += ["  precision: bf16"] * has_bf16 + ["  channels_last: true"]
    lines += [
        *_lined("objective: {cost: flops}", "or macs, params, latency_ms"),
        "search:",
        *_lined(f"  trainings: {numbers.trainings}", f"about {each} each, 7 of them for the baselines"),
        *_lined(f"  seeds: {_SEEDS}", "the most of one placement during the search"),
        "  seed: 0",
        "confirm:",
        *_lined(f"  seeds: {numbers.confirm_seeds}", "of the front and the baselines; a verdict needs two"),
        *_lined(f"  trainings: {numbers.confirm_trainings}", "the most that this takes in all"),
    ]
    if has_gpu:
        lines += _lined("run: {workers: auto}", "measures how many trainings at once pay on the GPU")
    elif numbers.workers > 1:
        lines += [f"run: {{executor: processes, workers: {numbers.workers}, threads: 1}}  # a core each"]
    return "\n".join([*lines, ""])


def _image_size(found: Found, recipe: Recipe) -> list[str]:
    if found.is_of_one_size and recipe.image_size == found.short_side:
        return []
    smallest, largest = ("x".join(map(str, each)) for each in (found.sizes.min(axis=0), found.sizes.max(axis=0)))
    of = f"{smallest} pixels" if smallest == largest else f"{smallest} to {largest} pixels"
    return _lined(f"  image_size: {recipe.image_size}", f"images are {of}; the center square is resized")


def _lined(value: str, comment: str) -> list[str]:
    """Return a line with a comment, or two where it would be long."""
    line = f"{value:{_COLUMN}}# {comment}"
    indent = " " * (len(value) - len(value.lstrip()))
    return [line] if len(line) <= 120 else [f"{indent}# {comment}", value]


def _in_comment(text: str) -> str:
    return " ".join(printable(text).split())


def _root(folder: Path, at: Path) -> str:
    """Return a folder as a study in the folder `at` names it: relative where it is near."""
    relative = os.path.relpath(folder.resolve(), at.resolve())
    if relative.count("..") > 2:
        return str(folder.resolve())
    return relative if relative.startswith(".") else f"./{relative}"
