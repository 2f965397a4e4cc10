import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from seplace.proxies.naswot import naswot
from tests.proxies.toy import arrays, images_and_labels, perceptron


def test_is_the_log_determinant_of_agreements_counted_by_hand() -> None:
    network = perceptron()
    images, labels = images_and_labels()
    w1, b1, _, _ = arrays(network)
    sides = images.flatten(1).double().numpy() @ w1.T + b1 > 0
    kernel = np.array([[sum(a == b) for b in sides] for a in sides], dtype=float)
    assert np.diag(kernel).tolist() == [7.0] * 5
    assert naswot(network, images, labels) == pytest.approx(np.log(np.linalg.det(kernel)))


class Functional(nn.Module):
    """The perceptron, with its activation called in one of the ways that torch has."""

    def __init__(self, activation) -> None:
        super().__init__()
        self.layers = perceptron()
        self.activation = activation

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layers[3](self.activation(self.layers[1](images.flatten(1))))


@pytest.mark.parametrize(
    "activation",
    [
        pytest.param(nn.ReLU(inplace=True), id="module in place"),
        pytest.param(F.relu, id="function"),
        pytest.param(torch.relu_, id="function in place"),
        pytest.param(torch.Tensor.relu, id="method"),
        pytest.param(nn.ReLU6(inplace=True), id="ReLU6"),
        pytest.param(F.relu6, id="relu6"),
        pytest.param(nn.PReLU(), id="PReLU"),
        pytest.param(nn.LeakyReLU(), id="LeakyReLU"),
        pytest.param(nn.Hardswish(inplace=True), id="Hardswish"),
        pytest.param(nn.SiLU(), id="SiLU"),
        pytest.param(nn.GELU(), id="GELU"),
        pytest.param(nn.ELU(), id="ELU"),
        pytest.param(nn.Mish(), id="Mish"),
    ],
)
def test_an_activation_counts_however_it_is_called(activation) -> None:
    images, labels = images_and_labels()
    assert naswot(Functional(activation), images, labels) == naswot(perceptron(), images, labels)


def test_layers_add_up_and_pooled_ones_count() -> None:
    """Two hidden layers are one of twice the units; a layer of vectors counts beside one of maps."""
    images, labels = images_and_labels(3)
    maps, vectors = nn.Conv2d(3, 4, 1), nn.Linear(4, 6)
    network = nn.Sequential(maps, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), vectors, nn.ReLU())
    with torch.no_grad():
        first = maps(images)
        second = vectors(first.relu().mean((2, 3)))
    codes = torch.cat([first.flatten(1), second], dim=1) > 0
    kernel = torch.zeros(3, 3, dtype=torch.float64)
    for one, other in itertools.product(range(3), repeat=2):
        kernel[one, other] = (codes[one] == codes[other]).sum()
    assert naswot(network, images, labels) == pytest.approx(float(kernel.logdet()))


def test_batch_norms_use_the_minibatch() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU()).eval()
    images, labels = images_and_labels()
    before = naswot(network, images, labels)
    network[1].running_mean.fill_(100.0)
    assert naswot(network, images, labels) == before
