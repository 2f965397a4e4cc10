"""The metadata of a model card: YAML in front of a README, as Hugging Face and others read it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import yaml

from seplace.attention import ATTENTION

if TYPE_CHECKING:
    from seplace.exporters.trained import TrainedNetwork
    from seplace.metric import Metric

_LONGEST = 200


def card_of(trained: TrainedNetwork) -> str:
    """Return the metadata between two lines of `---`: tags, data set, metrics with their intervals; no license."""
    name = _text(f"{trained.backbone.text} {trained.placement}")
    data = _text(str(trained.provenance.get("data", "")) or "unknown")
    metrics = _metrics(trained)
    modules = [choice.name for choice in trained.placement.choices if choice.name in ATTENTION.built_in]
    card: dict[str, Any] = {
        "library_name": "transformers",
        "pipeline_tag": "image-classification",
        "tags": [
            "image-classification",
            "pytorch",
            "seplace",
            "channel-attention",
            *(module for module in dict.fromkeys(modules) if module != "none"),
        ],
        "datasets": [data],
        "metrics": [_type(trained.metric)],
        "model-index": [
            {
                "name": name,
                "results": [
                    {
                        "task": {"type": "image-classification", "name": "Image classification"},
                        "dataset": {"type": data, "name": data, "split": split},
                        "metrics": of_split,
                    }
                    for split, of_split in metrics.items()
                ],
            }
        ],
    }
    if not metrics:
        del card["model-index"]
    return f"---\n{yaml.safe_dump(card, sort_keys=False, allow_unicode=True, width=10_000)}---\n\n"


def _metrics(trained: TrainedNetwork) -> dict[str, list[dict[str, Any]]]:
    """Return the values of the metric by split, each named with its interval or standard error."""
    known = {
        key: float(value)
        for key, value in trained.provenance.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }
    found: dict[str, list[dict[str, Any]]] = {}
    metric = trained.metric
    name, label = metric.column, metric.label
    if name in known:
        lower, upper = f"{name}_lower", f"{name}_upper"
        interval = (
            f", 90 % credible interval {metric.number(known[lower])} to {metric.number(known[upper])}"
            if {lower, upper} <= known.keys()
            else ""
        )
        seeds = f", n = {known['n']:g}" if "n" in known else ""
        found["validation"] = [
            _metric(metric, f"{label} of the placement{metric.in_unit}{interval}{seeds}", known[name])
        ]
    for key, what in (
        (f"test_{name}_of_these_weights", f"{label} of these weights"),
        (f"test_{name}", f"{label} of the placement"),
    ):
        if key in known:
            error = f" ± {metric.number(known[f'{key}_se'])} (standard error)" if f"{key}_se" in known else ""
            found.setdefault("test", []).append(_metric(metric, f"{what}{metric.in_unit}{error}", known[key]))
    return found


def _metric(metric: Metric, name: str, value: float) -> dict[str, Any]:
    return {"type": _type(metric), "name": _text(name), "value": float(f"{value:.6g}")}


def _type(metric: Metric) -> str:
    """Return the type of a metric, as the hub names metrics."""
    return metric.column


def _text(text: str) -> str:
    """Return a text of one line of characters that can be shown."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:_LONGEST]
