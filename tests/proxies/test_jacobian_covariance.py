import math

import numpy as np
import pytest
import torch

from seplace.proxies.jacobian_covariance import jacobian_covariance
from tests.proxies.toy import arrays, images_and_labels, perceptron


def test_is_worked_out_by_hand() -> None:
    network = perceptron()
    images, labels = images_and_labels()
    w1, b1, w2, _ = arrays(network)
    active = images.flatten(1).double().numpy() @ w1.T + b1 > 0
    jacobians = np.stack([w2.sum(0) @ (on[:, None] * w1) for on in active])
    values = np.linalg.eigvalsh(np.corrcoef(jacobians)) + 1e-5
    assert jacobian_covariance(network, images, labels) == pytest.approx(-np.sum(np.log(values) + 1 / values), rel=1e-3)


def test_images_computed_alike_score_least() -> None:
    """A linear network has one Jacobian for all images; images with Jacobians at right angles are the other extreme."""
    images, labels = images_and_labels()
    linear = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 4))
    assert jacobian_covariance(linear, images, labels) == pytest.approx(-4e5, rel=0.01)
    assert -4e5 < jacobian_covariance(perceptron(hidden=64), images, labels) < -5 + 1e-3


def test_a_network_without_a_jacobian_is_the_worst() -> None:
    images, labels = images_and_labels()
    network = perceptron()
    torch.nn.init.zeros_(network[1].weight)
    assert jacobian_covariance(network, images, labels) == -math.inf
