"""Trainings of a user's own for tests, in the style of Lightning's examples: tiny networks on random images."""

import os

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
import torchmetrics
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

CLASSES, SIDE = 3, 8


def images(count: int, seed: int) -> TensorDataset:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (count,), generator=generator)
    pixels = torch.randn(count, 3, SIDE, SIDE, generator=generator) * 0.5
    pixels[:, 0] += labels[:, None, None] * 0.7
    return TensorDataset(pixels, labels)


class Data(pl.LightningDataModule):
    def __init__(self, batch_size: int = 16, workers: int = 0):
        super().__init__()
        self.batch_size = batch_size
        self.workers = workers

    def setup(self, stage: str) -> None:
        self.train, self.val, self.test = images(48, 0), images(30, 1), images(24, 2)

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.train, self.batch_size, shuffle=True, num_workers=self.workers)

    def val_dataloader(self) -> DataLoader:
        return DataLoader(self.val, self.batch_size)

    def test_dataloader(self) -> DataLoader:
        return DataLoader(self.test, self.batch_size)


class OtherValidation(Data):
    def setup(self, stage: str) -> None:
        super().setup(stage)
        self.val = images(30, 9)


class Classifier(pl.LightningModule):
    """Automatic optimisation, torchmetrics and a scheduler, as in Lightning's tutorials."""

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
        logits = self(x)
        self.val_accuracy(logits, y)
        self.log("val_accuracy", self.val_accuracy)
        self.log("val_loss", F.cross_entropy(logits, y))

    def test_step(self, batch, batch_idx):
        x, y = batch
        self.test_accuracy(self(x), y)
        self.log("test_accuracy", self.test_accuracy)

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=self.hparams.lr, momentum=0.9)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.trainer.max_epochs)
        return {"optimizer": optimizer, "lr_scheduler": scheduler}


class Plateau(Classifier):
    """Its scheduler waits for a metric of the validation, and it can be trained once only."""

    def configure_model(self):
        assert not hasattr(self, "is_configured")
        self.is_configured = True

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=self.hparams.lr, momentum=0.9)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "monitor": "val_loss"}}


class Scored(Classifier):
    """Offers the score of each sample: right or not."""

    def on_validation_epoch_start(self):
        self.sample_scores = []

    on_test_epoch_start = on_validation_epoch_start

    def validation_step(self, batch, batch_idx):
        super().validation_step(batch, batch_idx)
        self.sample_scores.append((self(batch[0]).argmax(1) == batch[1]).float())

    def test_step(self, batch, batch_idx):
        super().test_step(batch, batch_idx)
        self.sample_scores.append((self(batch[0]).argmax(1) == batch[1]).float())


class FailsOnSecondDevice(Classifier):
    def __init__(self, network: nn.Module, how: str):
        super().__init__(network)
        self.how = how

    def on_train_epoch_end(self):
        if self.global_rank == 1:
            if self.how == "exit":
                os._exit(7)
            raise ValueError("only here")


class TwoOptimizers(pl.LightningModule):
    """Manual optimisation: the network and a head of its own have an optimizer each; the error is minimized."""

    def __init__(self, network: nn.Module, lr: float = 0.05):
        super().__init__()
        self.save_hyperparameters()  # also of the network, as many do
        self.automatic_optimization = False
        self.network = network
        self.head = nn.Linear(CLASSES, CLASSES)
        self.lr = lr

    def forward(self, x):
        return self.head(self.network(x))

    def training_step(self, batch, batch_idx):
        x, y = batch
        first, second = self.optimizers()
        loss = F.cross_entropy(self(x + 0.1 * torch.randn_like(x)), y)
        first.zero_grad()
        second.zero_grad()
        self.manual_backward(loss)
        first.step()
        second.step()

    def on_train_epoch_end(self):
        for scheduler in self.lr_schedulers():
            scheduler.step()

    def validation_step(self, batch, batch_idx):
        x, y = batch
        self.log("val/error", (self(x).argmax(1) != y).float().mean())
        self.log("val/loss", F.cross_entropy(self(x), y))

    def test_step(self, batch, batch_idx):
        x, y = batch
        self.log("test/loss", F.cross_entropy(self(x), y))

    def configure_optimizers(self):
        first = torch.optim.SGD(self.network.parameters(), lr=self.lr, momentum=0.9)
        second = torch.optim.Adam(self.head.parameters(), lr=self.lr)
        schedulers = [torch.optim.lr_scheduler.StepLR(each, 1, gamma=0.7) for each in (first, second)]
        return [first, second], schedulers


class Lazy(Classifier):
    """Makes its head in one of the hooks that Lightning has for it, and draws weights anew in the same."""

    def __init__(self, network: nn.Module, hook: str):
        super().__init__(network)
        self.hook, self.head = hook, None

    def forward(self, x):
        return self.head(self.network(x))

    def setup(self, stage: str) -> None:
        self._make("setup")

    def configure_model(self) -> None:
        self._make("configure_model")

    def _make(self, hook: str) -> None:
        if hook == self.hook and self.head is None:
            self.head = nn.Linear(CLASSES, CLASSES)
            nn.init.normal_(next(self.network.parameters()))

    def on_validation_epoch_end(self):
        self.log("val_weights", self._weights())

    def on_test_epoch_end(self):
        self.log("test_weights", self._weights())

    def _weights(self):
        return sum(next(each.parameters()).detach().sum() for each in (self.network, self.head))


class Leaves(Classifier):
    """Changes what belongs to the whole process."""

    def setup(self, stage: str) -> None:
        os.chdir("/")
        os.environ["SEPLACE_TEST"] = "left"
        del os.environ["SEPLACE_TEST_OTHER"]
        torch.set_default_dtype(torch.float64)
        torch.set_num_threads(torch.get_num_threads() + 1)

    def on_fit_end(self) -> None:
        torch.set_grad_enabled(False)


class Broken(Classifier):
    """Fails in a way that it is told."""

    def __init__(self, network: nn.Module, how: str = ""):
        super().__init__(network)
        self.how = how
        if how == "refuses":
            raise ValueError("the network has no decoder")
        if how == "copies":
            self.network = nn.Linear(1, 1)

    def training_step(self, batch, batch_idx):
        if self.how == "memory":
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        if self.how == "stops" and self.current_epoch == 1:
            self.trainer.should_stop = True
        loss = super().training_step(batch, batch_idx)
        self.log("val_of_training", loss)
        if self.how == "returns nothing":
            return None
        return loss * float("nan") if self.how == "loss" else loss

    def validation_step(self, batch, batch_idx):
        super().validation_step(batch, batch_idx)
        if self.current_epoch == 0:
            self.log("val_at_first", 1.0)
        if self.how == "value":
            self.log("val_accuracy_of_none", float("nan"))


class Unchanged(pl.LightningModule):
    """Builds its network itself, as before seplace."""

    def __init__(self, optimizer: str = "sgd", weight_decay: float = 0.0):
        super().__init__()
        self.network = nn.Linear(1, 1)


def of_a_rate(lr: float, weight_decay: float = 0.0) -> pl.LightningModule:
    return Classifier(nn.Linear(1, 1), lr)


def by_another_name(x: nn.Module, lr: float = 0.05) -> pl.LightningModule:
    return Classifier(x, lr)


def by_name_alone(*, network: nn.Module, lr: float = 0.05) -> pl.LightningModule:
    return Classifier(network, lr)


def no_module(network: nn.Module) -> nn.Module:
    return network


class WithoutValidation(pl.LightningDataModule):
    def train_dataloader(self) -> DataLoader:
        return DataLoader(images(8, 0))


class Stops(pl.callbacks.EarlyStopping):
    def __init__(self):
        super().__init__("val_loss")


class Longer(pl.Callback):
    """Trains an epoch more, as averages of weights do."""

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        trainer.fit_loop.max_epochs += 1


class Averages(pl.callbacks.StochasticWeightAveraging):
    pass
