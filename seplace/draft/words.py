"""What was found in a folder of images, what is doubtful, and what the drafted study could show, in plain words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from seplace.report.numbers import duration
from seplace.report.power import points, ways_to_see_more

if TYPE_CHECKING:
    from seplace.draft.found import Found
    from seplace.draft.numbers import Numbers
    from seplace.search.power import Power

_CLASSES_SHOWN = 6
_EXAMPLES = 3
_FEW = 50
"""The images of a class below which training from scratch gives little."""
_UNEVEN = 5
"""The ratio of the largest class to the smallest from which it is said."""
_USUAL = 1.0
"""The gain in points that attention seldom exceeds."""


def found_lines(found: Found) -> list[str]:
    """Say what is in the folder."""
    shown = ", ".join(found.classes[:_CLASSES_SHOWN]) + (", …" if len(found.classes) > _CLASSES_SHOWN else "")
    lines = [f"{found.folder}: {len(found.classes):,} classes ({shown})"]
    for name, split in found.splits.items():
        if name == "test" and found.validation is not None and not found.has_test_beside_validation:
            continue
        label = "test" if name == "validation" and not found.has_test_beside_validation else name
        fewest, most = min(split.counts), max(split.counts)
        each = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
        place = f" (from {split.place})" if split.place and split.place != label else ""
        lines.append(f"  {label}: {split.images:,} images, {each} a class{place}")
    if found.test is None:
        lines.append("  test: none, so the study will end without test figures")
    (width, height), (widest, highest) = found.sizes.min(axis=0).tolist(), found.sizes.max(axis=0).tolist()
    size = f"{width}x{height}" if (width, height) == (widest, highest) else f"{width}x{height} to {widest}x{highest}"
    color = {0.0: "gray", 1.0: "in color"}.get(found.colored, f"{100 * found.colored:.0f} % in color, the others gray")
    looked = sum(split.looked_at for split in found.splits.values())
    whole = sum(split.images for split in found.splits.values())
    part = f" ({looked:,} of {whole:,} were looked at)" if looked < whole else ""
    lines.append(f"  {size} pixels, {color}{part}")
    return _on_one_line_each([*lines, *(f"  note: {note}" for note in found.notes)])


def doubt_lines(found: Found, numbers: Numbers) -> list[str]:
    """Say what is doubtful about the images; nothing where all is well."""
    counts = dict(zip(found.classes, found.train.counts, strict=True))
    small, large = min(counts, key=lambda name: counts[name]), max(counts, key=lambda name: counts[name])
    lines = []
    if found.damaged:
        some = "; ".join(found.damaged[:_EXAMPLES]) + ("; …" if len(found.damaged) > _EXAMPLES else "")
        many = f"{len(found.damaged):,} image{'s' * (len(found.damaged) > 1)} cannot be read and will be left out"
        lines.append(f"{many} (skip_damaged): {some}")
    if found.duplicates:
        pairs = len(found.duplicates)
        many = f"{pairs:,} training image{'s are' if pairs > 1 else ' is'} in another split too, so scores are too good"
        lines.append(f"{many}: {'; '.join(found.duplicates[:_EXAMPLES])}{'; …' if pairs > _EXAMPLES else ''}")
    share = counts[large] / sum(counts.values())
    if counts[large] >= _UNEVEN * counts[small]:
        always = f"whoever always answers {large} is right for {100 * share:.0f} % of the images"
        lines.append(
            f"classes are uneven: {large} has {counts[large]:,} images, {small} {counts[small]:,}; {always}, and "
            "accuracy says little about small classes"
        )
    if counts[small] < _FEW:
        where = "a class" if counts[small] == counts[large] else f"of {small}"
        lines.append(
            f"few images: {counts[small]:,} {where}. Networks that are trained from scratch on so few differ more "
            f"by chance than by attention; {_FEW * 4} a class are a beginning"
        )
    scored = math.floor(numbers.split.validation * counts[small] / sum(counts.values()))
    if numbers.split.is_held_out and scored < 1:
        lines.append(f"not every class can be validated on: {small} has too few images for that")
    return _on_one_line_each(lines)


def _on_one_line_each(lines: list[str]) -> list[str]:
    """Return lines with what cannot be printed escaped: names come from outside."""
    return ["".join(each if each.isprintable() else repr(each)[1:-1] for each in line) for line in lines]


def choice_lines(numbers: Numbers, *, device: str, placements: int) -> list[str]:
    """Say what was chosen, and why it fits the machine."""
    recipe, split = numbers.recipe, numbers.split
    together = f", {numbers.workers} at once" if numbers.workers > 1 else ""
    taken = f"{split.validation:,} held out" if split.is_held_out else f"{split.validation:,} of the validation split"
    lines = [
        f"network: {recipe.backbone.text} on images of {recipe.image_size}x{recipe.image_size} pixels; {placements:,} "
        "placements",
        f"images: {split.train:,}{f' of {split.of:,}' if split.train < split.of else ''} to train on, {taken} to score",
        f"machine: {device}; a step of {recipe.batch_size} images takes {duration(numbers.seconds_per_step)}, a "
        f"training of {recipe.epochs} epochs about {duration(numbers.seconds_per_training)}{together}",
        f"budget: {numbers.trainings} + {numbers.confirm_trainings} trainings, about "
        f"{duration(3600 * numbers.estimated_hours)}",
    ]
    if numbers.estimated_hours > 1.1 * numbers.hours:
        lines.append(
            f"that is more than the {numbers.hours:g} h: a study of fewer trainings finds nothing. A GPU, fewer images "
            "(train_images), or fewer epochs shorten it"
        )
    return lines


def power_sentences(power: Power, numbers: Numbers) -> list[str]:
    """Say which differences the study could show at all."""
    gain, images = power.gain(), numbers.split.validation
    sees = (
        f"With {images:,} validation images and {power.seeds} seeds this study can show gains of about {points(gain)} "
        "of accuracy or more; smaller ones would look like chance."
    )
    usual = "Attention usually gains tenths of a point to 1 point"
    if gain <= _USUAL:
        return [f"{sees} {usual}: the larger ones would be seen."]
    if gain <= 3 * _USUAL:
        verdict = f"{usual}: most likely the verdict will be that nothing is shown, unless it pays much here."
    else:
        verdict = f"{usual}: this study can try everything out, and show only what is far larger than usual."
    return [f"{sees} {verdict}", ways_to_see_more(power, is_exhaustive=False)]
