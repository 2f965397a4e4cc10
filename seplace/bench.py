"""Architecture benchmark: what placements cost on a backbone, without any training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from seplace.attention.options import GateOptions
from seplace.backbones.backbone import Backbone
from seplace.costs import COSTS
from seplace.costs.latency import measure_latencies
from seplace.models import build
from seplace.placement import Placement, StageChoice

GATE = GateOptions(init="paper")


def bench(
    backbone: Backbone,
    placements: Sequence[Placement],
    *,
    image_size: int,
    num_classes: int,
    with_latency: bool,
) -> list[dict[str, Any]]:
    """Return one record a placement: backbone, placement, every counted cost, and the latency with its quartiles.

    Latency is in ms of one image on this processor, interleaved with the plain backbone, whose median is given too.
    """

    def network(placement: Placement) -> nn.Module:
        return build(backbone, placement, gate=GATE, num_classes=num_classes, in_channels=3, seed=0).eval()

    images = torch.zeros(1, 3, image_size, image_size)
    records: list[dict[str, Any]] = []
    for placement in placements:
        with torch.device("meta"):
            shapes = network(placement)
        counted = shapes.to_empty(device="cpu")  # counts depend on shapes alone
        counts = {name: COSTS[name].measure(counted, images) for name in ("params", "macs", "flops")}
        records.append({"backbone": backbone.text, "placement": str(placement), **counts})
    if with_latency:
        plain = Placement.uniform(StageChoice(), len(backbone.units))
        measured = measure_latencies([network(placement) for placement in (plain, *placements)], images)
        for record, latency in zip(records, measured[1:], strict=True):
            record |= {
                "latency_ms": latency.median_ms,
                "latency_ms_lower": latency.lower_ms,
                "latency_ms_upper": latency.upper_ms,
                "plain_latency_ms": measured[0].median_ms,
            }
    return records
