import numpy as np
import pytest

from seplace.proxies.gradient_norm import gradient_norm
from tests.proxies.toy import arrays, images_and_labels, perceptron


def test_is_the_norm_of_the_gradient_worked_out_by_hand() -> None:
    network = perceptron()
    images, labels = images_and_labels()
    w1, b1, w2, b2 = arrays(network)
    x = images.flatten(1).double().numpy()
    before = x @ w1.T + b1
    hidden = np.maximum(before, 0)
    logits = hidden @ w2.T + b2
    errors = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    errors[np.arange(len(x)), labels.numpy()] -= 1
    errors /= len(x)
    backwards = errors @ w2 * (before > 0)
    squares = [np.square(each).sum() for each in (errors.T @ hidden, errors.sum(0), backwards.T @ x, backwards.sum(0))]
    assert gradient_norm(network, images, labels) == pytest.approx(np.sqrt(sum(squares)), rel=1e-5)


def test_parameters_that_are_frozen_count_too() -> None:
    network = perceptron()
    images, labels = images_and_labels()
    before = gradient_norm(network, images, labels)
    assert gradient_norm(network.requires_grad_(False), images, labels) == before
