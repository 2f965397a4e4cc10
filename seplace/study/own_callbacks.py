"""The callbacks of Lightning's that a search refuses: those that stop trainings, and those that write checkpoints."""

from __future__ import annotations

_SHELVES = ("pytorch_lightning.callbacks.", "lightning.pytorch.callbacks.")
"""The beginnings of the modules in which both packages of Lightning's define their callbacks."""


def refused_callback(kind: type) -> str | None:
    """Return why callbacks of a class are refused; None where they are not. Lightning is not imported."""
    origins = {each.__name__ for each in kind.__mro__ if each.__module__.startswith(_SHELVES)}
    if origins & {"EarlyStopping", "Timer"}:
        return (
            f"{kind.__name__} stops a training early, and a search compares trainings of equal length; leave it out "
            "(rungs of the search stop what does not pay)"
        )
    if "Checkpoint" in origins:
        return f"{kind.__name__} writes checkpoints, which the search does itself; leave it out"
    return None
