"""Estimates of the time of a training of the user's own, from a few timed steps."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from seplace.errors import DeviceUnavailable, TrainingFailed
from seplace.evaluators.own_inputs import notes_of_inputs
from seplace.training.own_probe import probe

if TYPE_CHECKING:
    from seplace.evaluators.own_networks import OwnNetworks
    from seplace.placement import Placement
    from seplace.training.own_probe import Probed


def estimate_own_training(networks: OwnNetworks, placement: Placement) -> float:
    """Return the seconds of one training: its set-up, and its steps as a short one took them.

    The user's module is validated once, so that a metric that it does not log is known before any training. Warns, for
    the plain backbone, where the metric is not finite, and where the network is given other inputs than costs are
    counted for. Raises DeviceUnavailable where a batch does not fit into the memory.
    """
    try:
        probed = probe(
            networks.build(placement, seed=0),
            training=networks.training,
            metric=networks.config.metric,
            device=networks.device,
        )
    except TrainingFailed as error:
        if error.reason == "oom":
            raise DeviceUnavailable(
                f"{placement}: a batch of {networks.training.data} does not fit here: {error}"
            ) from error
        raise
    if placement.is_plain:  # the others have the same data
        for note in (*_of_the_metric(networks, probed), *notes_of_inputs(networks, probed.shapes)):
            warnings.warn(note, stacklevel=2)
    probed = replace(probed, steps=math.ceil(probed.steps / networks.training.devices))  # each takes its share
    return probed.seconds(networks.training.epochs, every=networks.training.trainer.check_val_every_n_epoch or 1)


def _of_the_metric(networks: OwnNetworks, probed: Probed) -> Iterator[str]:
    """Yield what a metric means that is not finite; a few steps may be too few for a finite one."""
    if not math.isfinite(probed.value):
        yield (
            f"{networks.config.metric.name} was {probed.value} after the {probed.timed} steps of this plan: a training "
            "whose validation gives that fails as diverged, and where it is the plain backbone's the run ends"
        )
