"""Two trainings on canvases with digits: which pixels belong to which digit, and which digits there are."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR
from torchmetrics.functional.segmentation import mean_iou

from seplace.examples.canvas import DIGITS
from seplace.examples.networks import Classifier, Encoder, UNet

Batch = tuple[Tensor, Tensor]
"""Images (N, 1, H, W) and masks (N, H, W)."""


class Segmentation(pl.LightningModule):
    """Trains a network that maps images to logits (N, classes, H, W) by cross-entropy.

    Its metric is the mean over the images of the mean IoU of the classes in each image or in its prediction.
    """

    def __init__(self, network: nn.Module, *, lr: float = 0.01) -> None:
        super().__init__()
        self.network = network
        self.lr = lr
        self.sample_scores: list[float] = []

    def configure_optimizers(self) -> Any:
        """Return AdamW with a one-cycle schedule."""
        optimizer = AdamW(self.parameters(), lr=self.lr)
        steps = int(self.trainer.estimated_stepping_batches)
        return [optimizer], [{"scheduler": OneCycleLR(optimizer, self.lr, total_steps=steps), "interval": "step"}]

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:  # noqa: ARG002 - Lightning's
        """Return the loss of a batch."""
        images, masks = batch
        return F.cross_entropy(self.network(images), masks)

    def on_validation_epoch_start(self) -> None:
        """Begin the scores of all validation images."""
        self.sample_scores = []

    def validation_step(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002 - Lightning's
        """Score validation images."""
        scores = self.scores(batch)
        self.log("val_miou", scores.mean(), batch_size=len(scores))
        self.sample_scores += scores.tolist()

    def on_test_epoch_start(self) -> None:
        """Begin the scores of all test images."""
        self.sample_scores = []

    def test_step(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002 - Lightning's
        """Score test images."""
        scores = self.scores(batch)
        self.log("test_miou", scores.mean(), batch_size=len(scores))
        self.sample_scores += scores.tolist()

    def scores(self, batch: Batch) -> Tensor:
        """Return the mean IoU of each image (N,)."""
        images, masks = batch
        logits = self.network(images)
        return mean_iou(logits.argmax(1), masks, num_classes=logits.shape[1], input_format="index")


class Presence(pl.LightningModule):
    """Trains a network that maps images to logits (N, digits) to say which digits are on a canvas.

    Its metric is the mean over the images of the Jaccard index of the digits that are there and those that are named.
    """

    def __init__(self, network: nn.Module, *, lr: float = 0.01) -> None:
        super().__init__()
        self.network = network
        self.lr = lr
        self.sample_scores: list[float] = []

    configure_optimizers = Segmentation.configure_optimizers

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:  # noqa: ARG002 - Lightning's
        """Return the loss of a batch."""
        images, masks = batch
        return F.binary_cross_entropy_with_logits(self.network(images), present(masks))

    def on_validation_epoch_start(self) -> None:
        """Begin the scores of all validation images."""
        self.sample_scores = []

    def validation_step(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002 - Lightning's
        """Score validation images."""
        scores = self.scores(batch)
        self.log("val_jaccard", scores.mean(), batch_size=len(scores))
        self.sample_scores += scores.tolist()

    def on_test_epoch_start(self) -> None:
        """Begin the scores of all test images."""
        self.sample_scores = []

    def test_step(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002 - Lightning's
        """Score test images."""
        scores = self.scores(batch)
        self.log("test_jaccard", scores.mean(), batch_size=len(scores))
        self.sample_scores += scores.tolist()

    def scores(self, batch: Batch) -> Tensor:
        """Return the Jaccard index of each image (N,)."""
        images, masks = batch
        named, there = self.network(images) > 0, present(masks) > 0
        scores: Tensor = (named & there).sum(1) / (named | there).sum(1)
        return scores


def present(masks: Tensor) -> Tensor:
    """Return which digits are on each canvas: (N, digits), 1 or 0."""
    return F.one_hot(masks, DIGITS + 1).amax((1, 2))[:, 1:].float()


def segmentation(encoder: Encoder, *, lr: float = 0.01) -> Segmentation:
    """Return the training of a U-Net on an encoder."""
    return Segmentation(UNet(encoder, num_classes=DIGITS + 1), lr=lr)


def presence(encoder: Encoder, *, lr: float = 0.01) -> Presence:
    """Return the training of a classifier on an encoder."""
    return Presence(Classifier(encoder, num_classes=DIGITS), lr=lr)
