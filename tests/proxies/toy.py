"""A tiny study for proxies, and tiny networks whose scores can be worked out by hand."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from seplace.evaluators.study_networks import StudyNetworks
from seplace.proxies.proxy import Effort
from seplace.study.config import load_study
from tests.studies import write_study

EFFORT = Effort(images=16, gate_init="paper", short_epochs=1, supernet_epochs=3, recalibration_batches=2)


def networks_for(folder: Path, **changes) -> StudyNetworks:
    """The networks of a study of 64 digits in batches of 32, 64 further ones to score on."""
    changes.setdefault("data", {"train_images": 64, "validation_images": 64})
    changes.setdefault("training", {"batch_size": 32})
    return StudyNetworks(load_study(write_study(folder, **changes)), device="cpu")


def perceptron(*, inputs: int = 12, hidden: int = 7, outputs: int = 4) -> nn.Sequential:
    """Flattened images, a hidden layer of ReLUs, logits; the layers 1 and 3 have weights and biases."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return nn.Sequential(nn.Flatten(), nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


def arrays(network: nn.Sequential) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """W1, b1, W2, b2 of the perceptron."""
    first, second = network[1], network[3]
    return tuple(each.detach().double().numpy() for each in (first.weight, first.bias, second.weight, second.bias))


def images_and_labels(count: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (count, 3, 2, 2) and labels of four classes."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, 3, 2, 2, generator=generator), torch.arange(count) % 4
