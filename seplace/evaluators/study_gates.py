"""The gates of a network that a study trained, over its validation images."""

from __future__ import annotations

from pathlib import Path

import torch

from seplace.evaluators.stand_alone import StandAlone
from seplace.gates.over_images import LabeledImages, evenly_spaced, gates_over, gates_over_inputs
from seplace.gates.record import GateRecord
from seplace.results.evaluation import Evaluation
from seplace.study.config import StudyConfig


def gates_of_study(
    evaluation: Evaluation, *, config: StudyConfig, folder: Path, most_images: int, device: str
) -> GateRecord:
    """Measure the gates of an evaluation's network over validation images, in full precision.

    Of more than `most_images` those that are evenly spaced are taken. Raises MissingWeights or CorruptResults where the
    weights are not there or were changed, and DataError where the images are not.
    """
    if config.own_training is not None:
        return _of_own_training(evaluation, config=config, folder=folder, most_images=most_images, device=device)
    trained = StandAlone(config, folder, device=device)
    images = trained.networks.images
    count = len(images.validation)
    rows = evenly_spaced(count, most_images)
    space = config.search_space
    placement = evaluation.placement
    with trained.networks.user_errors_in(placement, f"the gates of {placement} cannot be measured"):
        network = trained.trained(evaluation)
        return gates_over(
            LabeledImages(
                pixels=images.validation.batch(rows),
                labels=images.validation.labels[rows],
                classes=images.classes,
                mean=images.mean,
                std=images.std,
                text=f"{len(rows):,}{f' of {count:,}' * (count > len(rows))} validation images of {config.data.name}",
            ),
            network,
            backbone=space.backbone_of(placement),
            placement=placement.on_backbone,
            gate=space.gate,
            device=torch.device(device),
        )


def _of_own_training(
    evaluation: Evaluation, *, config: StudyConfig, folder: Path, most_images: int, device: str
) -> GateRecord:
    """Measure the gates over the inputs that the user's module gives the network in validation, without classes."""
    from seplace.evaluators.lightning import OwnTrainings

    trained = OwnTrainings(config, folder, device=device)
    space, placement = config.search_space, evaluation.placement
    network, inputs = trained.validated(evaluation, most_images=most_images)
    with trained.networks.user_errors_in(placement, f"the gates of {placement} cannot be measured"):
        return gates_over_inputs(
            inputs,
            network,
            backbone=space.backbone_of(placement),
            placement=placement.on_backbone,
            gate=space.gate,
            device=torch.device(device),
            text=f"{len(inputs):,} inputs of the network in validation on {config.data_name}",
        )
