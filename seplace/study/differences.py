"""What two studies differ in, by their fingerprints, also where an older version wrote one of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_LATER_OPTIONS: dict[str, Any] = {
    "data.skip_damaged": False,
    "training.accumulate": 1,
    "training.freeze": "nothing",
    "training.optimizer": "sgd",
    "training.betas": [0.9, 0.999],
    "training.gradient_clip_norm": None,
    "training.random_resized_crop": None,
    "training.randaugment": None,
    "training.mixup": None,
    "training.cutmix": None,
    "objective.metric": None,
    "search.stop": "budget",
    "search.rungs": [],
    "search.proxies": [],
    "search.proxy_placements": 64,
    "evaluator.name": "stand_alone",
    "evaluator.folder": None,
}
"""Keys of a fingerprint that came after version 0.1, with their defaults."""

_DETAILS = ("space.choices", "space.gate", "space.granularity", "space.variants")
"""Keys of a fingerprint that describe the space beside its digest, since version 0.11."""


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return a line `key: old -> new` for each key in which two fingerprints differ.

    A key that an older version did not have is no difference while its value is the default. Fingerprints of version
    0.10 and earlier describe their space by its digest alone.
    """
    missing = object()
    later = {key: value for key, value in _LATER_OPTIONS.items() if key in new and new[key] == value}
    before = {**later, **old}
    is_in_detail = all("space.granularity" in each for each in (old, new))
    compared = [key for key in sorted({*before, *new}) if is_in_detail or not key.startswith(_DETAILS)]
    changed = {
        key: (before.get(key, missing), new.get(key, missing))
        for key in compared
        if before.get(key, missing) != new.get(key, missing)
    }
    for key in [key for key, pair in changed.items() if None in pair and missing in pair]:
        if any(other.startswith(f"{key}.") for other in changed):  # a block that one of the two leaves out
            changed.pop(key)
    if any(key.startswith("space.") for key in changed):
        changed.pop("space", None)  # the digest adds nothing to them
    return [f"{key}: {_difference(key, *pair, missing=missing)}" for key, pair in changed.items()]


def _difference(key: str, old: Any, new: Any, *, missing: object) -> str:
    if key == "space":
        return "has other choices, blocks or gates than before"
    if key.startswith("space.choices") and missing not in (old, new):
        removed, added = [each for each in old if each not in new], [each for each in new if each not in old]
        parts = [f"{verb} {', '.join(some)}" for verb, some in (("added", added), ("removed", removed)) if some]
        return "; ".join(parts) or "the same choices in another order"
    return " -> ".join("absent" if each is missing else json.dumps(each) for each in (old, new))
