"""A training of a user's own as Lightning's documentation writes it today: `import lightning as L`."""

import lightning as L
import torch
import torch.nn.functional as F
import torchmetrics
from lightning.pytorch.callbacks import EarlyStopping
from torch import nn
from torch.utils.data import DataLoader

from tests.own_task import CLASSES, SIDE, images


class Data(L.LightningDataModule):
    def __init__(self, batch_size: int = 16):
        super().__init__()
        self.batch_size = batch_size

    def setup(self, stage: str) -> None:
        self.train, self.val, self.test = images(48, 0), images(30, 1), images(24, 2)

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.train, self.batch_size, shuffle=True)

    def val_dataloader(self) -> DataLoader:
        return DataLoader(self.val, self.batch_size)

    def test_dataloader(self) -> DataLoader:
        return DataLoader(self.test, self.batch_size)


class Classifier(L.LightningModule):
    """Makes the same training as that of `own_task`."""

    def __init__(self, network: nn.Module, lr: float = 0.05):
        super().__init__()
        self.save_hyperparameters(ignore=["network"])
        self.network = network
        self.dropout = nn.Dropout(0.1)
        self.val_accuracy = torchmetrics.classification.MulticlassAccuracy(CLASSES, average="micro")
        self.test_accuracy = torchmetrics.classification.MulticlassAccuracy(CLASSES, average="micro")
        self.example_input_array = torch.zeros(1, 3, SIDE, SIDE)

    def forward(self, x):
        return self.network(x)

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.cross_entropy(self(self.dropout(x)), y)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        self.val_accuracy(self(x), y)
        self.log("val_accuracy", self.val_accuracy)

    def test_step(self, batch, batch_idx):
        x, y = batch
        self.test_accuracy(self(x), y)
        self.log("test_accuracy", self.test_accuracy)

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=self.hparams.lr, momentum=0.9)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.trainer.max_epochs)
        return {"optimizer": optimizer, "lr_scheduler": scheduler}


class Decays(L.Callback):
    """Has a state that a training needs to go on: how often it made the weights smaller."""

    def __init__(self):
        self.times = 0

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.times += 1
        with torch.no_grad():
            next(pl_module.network.parameters()).mul_(1 - 0.001 * self.times)

    def state_dict(self):
        return {"times": self.times}

    def load_state_dict(self, state_dict):
        self.times = state_dict["times"]


class Stops(EarlyStopping):
    def __init__(self):
        super().__init__("val_accuracy")
