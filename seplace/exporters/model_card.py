"""The metadata of a model card: YAML in front of a README, as Hugging Face and others read it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import yaml

from seplace.attention import ATTENTION

if TYPE_CHECKING:
    from seplace.exporters.trained import TrainedNetwork

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
        "metrics": ["accuracy"],
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
    """Return the accuracies in percent by split, each named with its interval or standard error."""
    known = {
        key: float(value)
        for key, value in trained.provenance.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }
    found: dict[str, list[dict[str, Any]]] = {}
    if "accuracy" in known:
        interval = (
            f", 90 % credible interval {known['accuracy_lower']:.2f} to {known['accuracy_upper']:.2f}"
            if {"accuracy_lower", "accuracy_upper"} <= known.keys()
            else ""
        )
        seeds = f", n = {known['n']:g}" if "n" in known else ""
        found["validation"] = [_metric(f"accuracy of the placement in %{interval}{seeds}", known["accuracy"])]
    for key, what in (
        ("test_accuracy_of_these_weights", "accuracy of these weights"),
        ("test_accuracy", "accuracy of the placement"),
    ):
        if key in known:
            error = f" ± {known[f'{key}_se']:.2f} (standard error)" if f"{key}_se" in known else ""
            found.setdefault("test", []).append(_metric(f"{what} in %{error}", known[key]))
    return found


def _metric(name: str, value: float) -> dict[str, Any]:
    return {"type": "accuracy", "name": name, "value": round(value, 4)}


def _text(text: str) -> str:
    """Return a text of one line of characters that can be shown."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:_LONGEST]
