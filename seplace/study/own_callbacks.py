"""The callbacks of Lightning's that a search refuses, with the reason."""

from __future__ import annotations

_SHELVES = ("pytorch_lightning.callbacks.", "lightning.pytorch.callbacks.")
"""The beginnings of the modules in which both packages of Lightning's define their callbacks."""

_STOPS = (
    "stops a training early, and a search compares trainings of equal length; leave it out (rungs of the search stop "
    "what does not pay)"
)
_FINDS = "chooses its value anew in each training, so that placements would not be trained alike; set one for all"
_NEEDS_A_LOGGER = "needs a logger, and trainings have none; leave it out"
_REFUSED = {
    "EarlyStopping": _STOPS,
    "Timer": _STOPS,
    "Checkpoint": "writes checkpoints, which the search does itself; leave it out",
    "StochasticWeightAveraging": (
        "trains an epoch more, or changes the weights after the last validation, so that the metric is not that of the "
        "weights that are kept; EMAWeightAveraging validates what it keeps"
    ),
    "LearningRateFinder": _FINDS,
    "BatchSizeFinder": _FINDS,
    "LearningRateMonitor": _NEEDS_A_LOGGER,
    "DeviceStatsMonitor": _NEEDS_A_LOGGER,
    "ThroughputMonitor": _NEEDS_A_LOGGER,
    "ProgressBar": "shows the progress of one training, and a search shows its own; leave it out",
}
"""By the class that a callback is, or derives from."""


def refused_callback(kind: type) -> str | None:
    """Return why callbacks of a class are refused; None where they are not. Lightning is not imported."""
    origins = {each.__name__ for each in kind.__mro__ if each.__module__.startswith(_SHELVES)}
    rule = next((rule for name, rule in _REFUSED.items() if name in origins), None)
    return None if rule is None else f"{kind.__name__} {rule}"
