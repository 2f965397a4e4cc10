"""The input of an exporter: a network's description, its weights, and their provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch

from seplace import models
from seplace.backbones.foreign.traced import as_returned
from seplace.costs import COSTS
from seplace.datasets.preprocessing import Preprocessing
from seplace.errors import DataError, ExportMismatch, InputError
from seplace.exporters import exporter_for
from seplace.metric import ACCURACY, Metric
from seplace.results.ledger_content import check_described

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from torch import Tensor, nn

    from seplace.attention.options import GateOptions
    from seplace.backbones.backbone import Backbone
    from seplace.placement import Placement
    from seplace.results.both_splits import Figure
    from seplace.results.evaluation import Evaluation
    from seplace.study.config import StudyConfig


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainedNetwork:
    """A trained network; raises InputError where the number of classes or of channels is wrong."""

    backbone: Backbone
    placement: Placement
    gate: GateOptions
    num_classes: int
    in_channels: int
    image_size: int | tuple[int, int]
    """Side in pixels of the images that it was trained on, and that its FLOPs are counted for; height and width where
    these differ."""
    classes: tuple[str, ...]
    """Names in the order of the logits; empty of a training of the user's own, whose network may return anything."""
    preprocessing: Preprocessing | None
    """What an image goes through before the network; None where that is not known."""
    state: Mapping[str, Tensor] = field(repr=False)
    """The state_dict of the network that `models.build` gives."""
    flops: int | None
    """The FLOPs of one image in the cost table; None where the study could not count them."""
    provenance: Mapping[str, str | int | float | None]
    """Where the weights come from, in the order to show: study, seed, epochs, n, accuracy with accuracy_lower and
    accuracy_upper (percent, expected over seeds and images), cross_entropy (nats), test_accuracy and test_gain with
    their standard errors (`_se`), the test accuracy of these weights, versions, device, data, …

    Another metric has its own name in the place of accuracy.
    """
    metric: Metric = ACCURACY
    """What the figures of `provenance` are of."""
    module: str = ""
    """The import path of the LightningModule that trained it; empty for the built-in recipe."""
    beside: Mapping[str, Tensor] = field(default_factory=dict, repr=False)
    """The trained state that this module holds beside the network, such as the weights of a head."""

    def __post_init__(self) -> None:
        if len(self.classes) != self.num_classes and not (self.module and not self.classes):
            raise InputError(f"{self.num_classes} classes need as many names (got {len(self.classes)})")
        if self.preprocessing is not None and self.preprocessing.channels != self.in_channels:
            raise InputError(
                f"images of {self.preprocessing.channels} channels do not fit a network of {self.in_channels}"
            )

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """The shape (C, H, W) of an input."""
        return shape_of(self.in_channels, self.image_size)

    def preprocessing_for(self, form: str) -> Preprocessing:
        """Return the preprocessing, which an export in this form describes; raises InputError where it is not known."""
        if self.module:
            raise InputError(
                f"the form {form} is for image classifiers and describes what an image goes through before them, which "
                f"only the data of {self.module} knows: export as {exporter_for(self.backbone)} or onnx"
            )
        if self.preprocessing is None:
            raise InputError(f"the form {form} describes what an image goes through, which this study did not record")
        return self.preprocessing

    def build(self) -> nn.Module:
        """Build the network in eval mode with its weights; ExportMismatch if they do not fit it."""
        network = models.build(
            self.backbone,
            self.placement,
            gate=self.gate,
            num_classes=self.num_classes,
            in_channels=self.in_channels,
            seed=0,
        )
        try:
            network.load_state_dict(self.state)
        except RuntimeError as error:
            raise ExportMismatch(f"the weights do not fit {self.backbone.text} {self.placement}: {error}") from error
        return network.eval()


def shape_of(channels: int, image_size: int | Sequence[int]) -> tuple[int, int, int]:
    """Return the shape (C, H, W) of an input by its side, or its height and width."""
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    return channels, height, width


def network_of_study(
    evaluation: Evaluation,
    *,
    config: StudyConfig,
    metric: Metric,
    placements: pd.DataFrame,
    of_weights: Figure,
    images: Mapping[str, Any],
    folder: Path,
) -> TrainedNetwork:
    """Return the trained network of an evaluation, whose weights are in `folder`.

    `placements` is the table of the study's placements, or of those that were trained by another recipe; `of_weights`
    is the metric of these weights on the test split, `images` is the ledger's fact about the data. Raises
    MissingWeights or CorruptResults where the weights are not there or were changed.
    """
    from seplace.evaluators.weights import read_beside, read_weights

    space = config.search_space
    backbone, state = space.backbone_of(evaluation.placement), read_weights(folder, evaluation)
    provenance = {
        "study": config.name,
        "data": config.data_name,
        **_amounts_of(config, images),
        **({} if config.trained_on == "train" else {"trained_on": config.trained_on}),
        **_provenance_of(evaluation, placements, metric, of_weights=of_weights),
    }
    if config.own_training is not None:
        shape = _known_input(images, folder)
        return _with_flops_of_network(
            TrainedNetwork(
                backbone=as_returned(backbone),
                placement=evaluation.placement.on_backbone,
                gate=space.gate,
                num_classes=config.own_training.classes or backbone.num_classes,
                in_channels=shape[0],
                image_size=shape[1] if shape[1] == shape[2] else shape[1:],
                classes=(),
                preprocessing=None,
                state=state,
                flops=int(evaluation.costs["flops"]) if "flops" in evaluation.costs else None,
                provenance=provenance,
                metric=metric,
                module=config.own_training.module,
                beside=read_beside(folder, evaluation),
            ),
            config.own_training.cost_of,
        )
    has_costs = "flops" in evaluation.costs and "image_size" in images
    if not {"classes", "channels", "image_size"} <= images.keys():
        images = {**_read_from(state, backbone), **images}
    try:
        check_described(images)
    except ValueError as error:
        raise DataError(f"{folder}: nothing to export: too little is known of its images ({error})") from error
    return TrainedNetwork(
        backbone=backbone,
        placement=evaluation.placement.on_backbone,
        gate=space.gate,
        num_classes=len(images["classes"]),
        in_channels=images["channels"],
        image_size=images["image_size"],
        classes=tuple(images["classes"]),
        preprocessing=Preprocessing.of_study(images, data=config.data_name),
        state=state,
        flops=int(evaluation.costs["flops"]) if has_costs else None,
        provenance=provenance,
        metric=metric,
    )


def _amounts_of(config: StudyConfig, images: Mapping[str, Any]) -> dict[str, Any]:
    """Return how many images there were, and their noise; of a training of the user's own its precision alone."""
    if config.own_training is not None:
        precision = config.own_training.trainer.precision
        return {} if precision is None or str(precision).startswith("32") else {"precision": str(precision)}
    return {
        "training_images": images.get("training_images"),
        "validation_images": images.get("validation_images"),
        **({"pixel_noise": config.data.noise} if config.data.noise else {}),
    }


def _known_input(images: Mapping[str, Any], folder: Path) -> tuple[int, int, int]:
    match images.get("input"):
        case [int(channels), int(height), int(width)] if min(channels, height, width) >= 1:
            return channels, height, width
    raise DataError(f"{folder}: nothing to export: the shape of an input is not known")


def _with_flops_of_network(trained: TrainedNetwork, cost_of: str) -> TrainedNetwork:
    """Return a network with its own FLOPs, where the study counted those of the module that trained it."""
    if cost_of == "network" or trained.flops is None:
        return trained
    flops = int(COSTS["flops"].measure(trained.build(), torch.zeros(1, *trained.input_shape)))
    return replace(trained, flops=flops, provenance={**trained.provenance, "cost_of": cost_of})


def _read_from(state: Mapping[str, Tensor], backbone: Backbone) -> dict[str, Any]:
    """Return what weights say of the images, for an evaluator of the user's own that describes them in part.

    Classes are numbered by the last linear layer, channels are those of the first convolution, and the size is the
    backbone's usual one.
    """
    with models.without_weights():
        network = backbone.build(num_classes=backbone.num_classes, in_channels=getattr(backbone, "in_channels", 3))
    own = network.state_dict()
    linear = [name for name, tensor in own.items() if tensor.ndim == 2]
    convolutions = [name for name, tensor in own.items() if tensor.ndim == 4]
    return {
        "classes": [str(number) for number in range(len(state[linear[-1]]))],
        "channels": state[convolutions[0]].shape[1],
        "image_size": backbone.image_size,
    }


def _provenance_of(
    evaluation: Evaluation, placements: pd.DataFrame, metric: Metric, *, of_weights: Figure
) -> dict[str, str | int | float | None]:
    """Return the results of a training, and those of its placement over all seeds."""
    name = metric.column
    row = placements.loc[placements["placement"] == str(evaluation.placement)].iloc[0]
    return {
        "seed": evaluation.seed,
        "epochs": evaluation.epochs,
        f"{name}_of_these_weights": evaluation.value,
        f"test_{name}_of_these_weights": of_weights.value,
        f"test_{name}_of_these_weights_se": of_weights.error,
        **{
            key: row[key].item()
            for key in (
                "n",
                name,
                f"{name}_lower",
                f"{name}_upper",
                "cross_entropy",
                "gain",
                "gain_lower",
                "gain_upper",
                "gain_vs_baseline",
                "gain_vs_baseline_lower",
                "gain_vs_baseline_upper",
                f"test_{name}",
                f"test_{name}_se",
                "test_n",
                "test_gain",
                "test_gain_se",
                "test_pairs",
            )
            if key in row
        },
        **({"best_baseline": str(row["best_baseline"])} if row.get("best_baseline") else {}),
        **evaluation.costs,
        "device": evaluation.device,
        **{f"version_{name}": version for name, version in evaluation.versions.items()},
    }
