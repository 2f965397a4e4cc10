"""Estimates of the time of a training of the user's own, from a few timed steps."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from seplace.errors import DeviceUnavailable, TrainingFailed
from seplace.training.own_probe import probe

if TYPE_CHECKING:
    from seplace.evaluators.own_networks import OwnNetworks
    from seplace.placement import Placement


def estimate_own_training(networks: OwnNetworks, placement: Placement) -> float:
    """Return the seconds of one training: its set-up, and its steps as a short one took them.

    The user's module is validated once, so that a metric that it does not log is known before any training. Raises
    DeviceUnavailable where a batch does not fit into the memory.
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
    probed = replace(probed, steps=math.ceil(probed.steps / networks.training.devices))  # each takes its share
    return probed.seconds(networks.training.epochs, every=networks.training.trainer.check_val_every_n_epoch or 1)
