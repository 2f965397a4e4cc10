"""Sentences on what the gates of each stage learned."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from seplace.gates.classes import class_share
from seplace.gates.record import TOLERANCE, GateRecord, GateValues

_NEARLY_ALL = 95.0
"""Percent of channels."""


def conclusions(record: GateRecord) -> tuple[str, ...]:
    """Return one sentence for each choice that has gates, then those on modules that are not gates."""
    if not record.gates and not record.others:
        return (f"{record.placement} has no attention modules: there are no gates.",)
    by_stage = itertools.groupby(record.gates, key=lambda gate: gate.stage)
    said = [_of_stage(f"{record.noun} {stage}", list(gates), record) for stage, gates in by_stage]
    return (*said, *record.others)


def _of_stage(name: str, gates: Sequence[GateValues], record: GateRecord) -> str:
    by_part = {part: [gate for gate in gates if gate.part == part] for part in dict.fromkeys(g.part for g in gates)}
    said = [
        _on_positions(theirs) if part == "spatial" else _on_channels(theirs, record) for part, theirs in by_part.items()
    ]
    return f"{name}'s {gates[0].module} gates {'; '.join(said)}."


def _on_channels(gates: Sequence[GateValues], record: GateRecord) -> str:
    share = {state: _percent(gates, state) for state in ("at_start", "closed", "open", "constant")}
    mean = np.mean([gate.values.mean(dtype=np.float64) for gate in gates])
    if share["at_start"] >= _NEARLY_ALL:
        return f"are where they started, at {mean:.2f}: they learned nothing"
    if share["closed"] >= _NEARLY_ALL:
        return "are closed, at 0, for every image: nothing of the branch passes"
    if share["open"] >= _NEARLY_ALL:
        return f"are open, at {mean:.2f}, for every image: they change nothing"
    states = _states(share)
    if sum(share.values()) >= _NEARLY_ALL:
        return f"do not depend on the image: they scale channels, as the weights alone could{states}"
    return f"{_on_classes(gates, record)}{states}"


def _on_classes(gates: Sequence[GateValues], record: GateRecord) -> str:
    varies = float(np.sqrt(np.mean(np.concatenate([gate.values.var(0, dtype=np.float64) for gate in gates]))))
    width = float(np.mean([high - low for low, high in (gate.bounds or (0.0, 1.0) for gate in gates)]))
    by_image = f"{'hardly ' * (varies < TOLERANCE * width)}vary from image to image (sd {varies:.3f})"
    if not record.classes:
        return f"{by_image}; the classes of the images are not known"
    share = class_share([gate.values for gate in gates], record.labels)
    if np.isnan(share.percent):
        return f"{by_image}; there are too few images to compare classes"
    if share.is_shown:
        return f"{by_image}, and {share.percent:.0f} % of that variance is between classes"
    return f"{by_image}, but are not shown to depend on the class: channel scaling alone"


def _on_positions(gates: Sequence[GateValues]) -> str:
    varies = float(np.sqrt(np.mean(np.square([gate.positions_sd for gate in gates]))))
    if varies < TOLERANCE:
        return f"at all positions they are the same (spatial sd {varies:.3f})"
    return f"over positions they vary (spatial sd {varies:.2f})"


def _states(share: dict[str, float]) -> str:
    """Return a clause on the channels that do not vary, or an empty text."""
    words = {"closed": "closed", "constant": "constant", "open": "open", "at_start": "where they started"}
    some = [f"{share[state]:.0f} % {word}" for state, word in words.items() if share[state] >= 0.5]
    return f" (of the channels {', '.join(some)})" if some else ""


def _percent(gates: Sequence[GateValues], state: str) -> float:
    return 100 * float(np.mean(np.concatenate([gate.states == state for gate in gates])))
