"""The trained state of a module of the user's own, put back once its hooks have made all of its parts."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from seplace.training.door import lightning


def cloned_state(network: nn.Module) -> dict[str, Tensor]:
    """Return a copy of the state of a network, which its module may change when it is made."""
    return {name: value.clone() for name, value in network.state_dict().items()}


class TakesTrained(lightning.Callback):
    """Gives a module its trained state when a test or a validation begins; stands first among the callbacks.

    As where Lightning reads a checkpoint: `setup` and `configure_model` may make a head, or draw weights anew, before.
    """

    def __init__(self, network: nn.Module, weights: Mapping[str, Tensor], beside: Mapping[str, Tensor]) -> None:
        """Take the network, its trained state, and the state of the module beside it."""
        self.network = network
        self.weights = weights
        self.beside = beside

    def on_test_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:  # noqa: ARG002 - Lightning's
        """Put the state back."""
        self._put_back(pl_module)

    def on_validation_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:  # noqa: ARG002 - Lightning's
        """Put the state back."""
        self._put_back(pl_module)

    def _put_back(self, module: lightning.LightningModule) -> None:
        with torch.inference_mode(mode=False):
            self.network.load_state_dict(self.weights)
            module.load_state_dict({**module.state_dict(), **self.beside})
