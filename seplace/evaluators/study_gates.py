"""The gates of a network that a study trained, over its validation images."""

from __future__ import annotations

from pathlib import Path

import torch

from seplace.errors import InputError
from seplace.evaluators.stand_alone import StandAlone
from seplace.gates.over_images import LabeledImages, evenly_spaced, gates_over
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
        raise InputError(
            "gates are measured over labeled images, which a training of your own does not show: export the network, "
            "and give its images by folder: seplace gates EXPORT --data FOLDER"
        )
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
