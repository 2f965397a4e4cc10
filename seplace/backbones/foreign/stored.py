"""Backbones as results store them: their descriptions, without the code that only a run imports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from seplace.backbones.backbone import Backbone, Granularity
from seplace.backbones.sites import Site, Stage
from seplace.errors import InputError

if TYPE_CHECKING:
    from torch import nn

_SITE = ("path", "widths", "in_channels", "channels", "has_native_gate")
_FIGURES = ("image_size", "num_classes", "min_image_size")


@dataclass(frozen=True, kw_only=True)
class StoredBackbone(Backbone):
    """A backbone that was read from results: its description, without the code that builds it."""

    def build(self, *, num_classes: int, in_channels: int = 3) -> nn.Module:  # noqa: ARG002 - nothing can be built
        """Raise InputError."""
        raise InputError(f"backbone {self.text}: what is read from results is its description, which builds nothing")


def backbone_record(backbone: Backbone) -> dict[str, Any]:
    """Return the description of a backbone as plain JSON types."""
    stages = [
        [{name: each for name, each in asdict(site).items() if name in _SITE} for site in stage.sites]
        for stage in backbone.stages
    ]
    figures = {name: getattr(backbone, name) for name in _FIGURES}
    return {"text": backbone.text, "granularity": backbone.granularity, "stages": stages, **figures} | (
        {"blocks": list(backbone.blocks)} if backbone.blocks else {}
    )


def backbone_of_record(record: Mapping[str, Any]) -> StoredBackbone:
    """Read a record of `backbone_record`. Raises KeyError, TypeError or ValueError for anything else."""
    granularity: Granularity = record["granularity"]
    return StoredBackbone(
        text=record["text"],
        stages=tuple(Stage(sites=tuple(Site(**site) for site in sites)) for sites in record["stages"]),
        network="",
        arguments={},
        granularity=granularity,
        blocks=tuple(map(str, record.get("blocks", ()))),
        image_size=int(record["image_size"]),
        num_classes=int(record["num_classes"]),
        min_image_size=int(record["min_image_size"]),
    )
