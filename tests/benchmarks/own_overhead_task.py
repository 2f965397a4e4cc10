"""A training for `own_training_overhead`, as a user would write it."""

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Data(pl.LightningDataModule):
    """Random images in memory."""

    def setup(self, stage: str) -> None:
        generator = torch.Generator().manual_seed(0)
        images, labels = (
            torch.randn(640, 3, 32, 32, generator=generator),
            torch.randint(10, (640,), generator=generator),
        )
        self.train, self.val = TensorDataset(images[:512], labels[:512]), TensorDataset(images[512:], labels[512:])

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.train, 32, shuffle=True)

    def val_dataloader(self) -> DataLoader:
        return DataLoader(self.val, 128)


class Task(pl.LightningModule):
    """SGD with a schedule by the step."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def training_step(self, batch, batch_idx):
        images, labels = batch
        return F.cross_entropy(self.network(images), labels)

    def validation_step(self, batch, batch_idx):
        images, labels = batch
        self.log("val_accuracy", (self.network(images).argmax(1) == labels).float().mean(), batch_size=len(images))

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9)
        steps = self.trainer.estimated_stepping_batches
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=int(steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
