"""The data of a study as the page shows them: splits, classes, and example images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seplace.report.page.examples import Example, examples_of

if TYPE_CHECKING:
    from seplace.study.config import StudyConfig

_CLASSES = 60
"""The most classes that are named."""
_SPLITS = {"train": "training", "validation": "validation", "test": "test"}


@dataclass(frozen=True, kw_only=True)
class SplitRow:
    """A split that the study uses."""

    name: str
    images: int | None
    each: str
    """The images of a class."""
    origin: str
    sizes: str


@dataclass(frozen=True, kw_only=True)
class DataSummary:
    """The data of a study."""

    name: str
    splits: tuple[SplitRow, ...]
    classes: tuple[tuple[str, int | None], ...]
    """The first classes with their images in the published training split, where these are known."""
    more_classes: int
    """The number of classes that are not named."""
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    examples: tuple[Example, ...]
    no_examples: str
    """A sentence that says why no images are shown; empty with `examples`."""
    no_splits: str
    """A sentence that stands in the place of `splits` where these are not known."""


def data_of(config: StudyConfig, images: Mapping[str, Any]) -> DataSummary:
    """Return the data of a study from its description in the ledger, which may be empty."""
    is_own = config.own_training is not None
    classes: list[str] = [] if is_own else list(images.get("classes", ()))
    published = images.get("splits", {}).get("train", {})
    counts = published.get("classes", {})
    examples, no_examples = examples_of(config, images=published.get("images"))
    return DataSummary(
        name=config.data_name,
        splits=tuple(_splits(images)),
        classes=tuple((name, counts.get(name)) for name in classes[:_CLASSES]),
        more_classes=max(len(classes) - _CLASSES, 0),
        facts=tuple(_facts(config, images)),
        notes=tuple(images.get("notes", ())),
        examples=examples,
        no_examples=no_examples,
        no_splits="Its LightningDataModule makes the splits."
        if is_own
        else "The splits of this data set were not noted.",
    )


def _splits(images: Mapping[str, Any]) -> list[SplitRow]:
    uses = images.get("uses", {})
    if not uses:  # as evaluators of users' own and versions before 0.10 describe them
        known = {"training": images.get("training_images"), "validation": images.get("validation_images")}
        return [
            SplitRow(name=name, images=count, each="", origin="", sizes="")
            for name, count in known.items()
            if count is not None
        ]
    return [_split(label, uses[name]) for name, label in _SPLITS.items() if name in uses]


def _split(label: str, use: Mapping[str, Any]) -> SplitRow:
    place = use.get("place") or ""
    each = f"{use['fewest']:,}" if use["fewest"] == use["most"] else f"{use['fewest']:,} to {use['most']:,}"
    held_out = f"held out of {place or 'the training split'}" if use.get("is_held_out") else place
    left_out = f"{use['left_out']:,} left out, they cannot be used" if use.get("left_out") else ""
    sizes = ""
    if "smallest" in use:
        smallest, largest = ("×".join(map(str, use[name])) for name in ("smallest", "largest"))
        sizes = smallest if smallest == largest else f"{smallest} to {largest}"
    origin = "; ".join(each for each in (held_out, left_out) if each)
    return SplitRow(name=label, images=use["images"], each=each, origin=origin, sizes=sizes)


def _facts(config: StudyConfig, images: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = []
    if config.own_training is not None:
        return [("network input", "×".join(map(str, images["input"])))] if "input" in images else []
    data = config.data
    if "channels" in images:
        side, channels = images["image_size"], images["channels"]
        facts.append(("network input", f"{channels}×{side}×{side}"))
    if images.get("mean"):
        facts.append(("mean of the channels", ", ".join(f"{value:.4f}" for value in images["mean"])))
        facts.append(("their standard deviation", ", ".join(f"{value:.4f}" for value in images["std"])))
    if data.noise:
        facts.append(("pixel noise", f"{data.noise:g} of the full range"))
    if data.root is not None:
        facts.append(("folder", data.root))
    facts.append(("seed of the split", str(data.seed)))
    return facts
