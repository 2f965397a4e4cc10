import copy

import numpy as np
import pytest
import torch
from torch import nn

from seplace.proxies.synflow import synflow
from tests.proxies.toy import arrays, images_and_labels, perceptron


def test_is_the_sum_over_weights_and_biases_worked_out_by_hand() -> None:
    network = perceptron()
    images, labels = images_and_labels()
    w1, b1, w2, b2 = (np.abs(each) for each in arrays(network))
    hidden = w1.sum(1) + b1  # of an image of ones; all positive, so that no ReLU bends
    onwards = w2.sum(0)  # what a hidden unit adds to the sum of logits
    flow = (w2 * hidden).sum() + b2.sum() + (w1.sum(1) * onwards).sum() + (b1 * onwards).sum()
    assert synflow(network, images, labels) == pytest.approx(np.log(flow))


def test_flow_is_conserved_from_layer_to_layer() -> None:
    """Tanaka et al., theorem 2: without biases each layer has the flow R, whatever lies on the way."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(3, 5, 3, padding=1, bias=False),
            nn.BatchNorm2d(5),
            nn.ReLU(inplace=True),
            nn.Conv2d(5, 6, 1, bias=False),
            nn.BatchNorm2d(6),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(24, 4, bias=False),
        )
        nn.init.uniform_(network[1].weight, -3.0, 3.0)
    network[4].running_mean.fill_(5.0)
    network[4].running_var.fill_(9.0)
    images, labels = images_and_labels()
    layers = [copy.deepcopy(layer).double() for layer in network if not isinstance(layer, nn.BatchNorm2d | nn.ReLU)]
    output = torch.ones(1, 3, 2, 2, dtype=torch.float64)
    with torch.no_grad():
        for layer in layers:
            for parameter in layer.parameters():
                parameter.abs_()
            output = layer(output)
    assert synflow(network, images, labels) == pytest.approx(np.log(3 * float(output.sum())))


def test_sees_no_image() -> None:
    network = perceptron()
    images, labels = images_and_labels()
    assert synflow(network, images, labels) == synflow(network, 2 * images, labels)
