import math
import subprocess
import sys

import pytest
import torch
from torch import nn

from seplace.training.score import measure_score


class Sure(nn.Module):
    """Logits that are the images themselves."""

    def forward(self, images):
        assert not self.training
        return images.flatten(1)


def test_a_score_by_arithmetic():
    # Right, right, wrong: -log softmax is log(1 + e^-1), log 2 (a tie goes to the first class), log(1 + e^2).
    logits = torch.tensor([[1.0, 0.0], [3.0, 3.0], [2.0, 0.0]])
    labels = torch.tensor([0, 0, 1])
    batches = [(logits[:2, None, None], labels[:2]), (logits[2:, None, None], labels[2:])]
    net = Sure()
    score = measure_score(net, batches, precision="fp32")
    assert score.accuracy == pytest.approx(200 / 3)
    assert score.correct is not None
    assert score.correct.unpacked().tolist() == [True, True, False]
    expected = (math.log1p(math.exp(-1)) + math.log(2) + math.log1p(math.exp(2))) / 3
    assert score.cross_entropy == pytest.approx(expected, rel=1e-6)
    assert net.training
    assert score.top5_accuracy is None  # of two classes


def test_the_top5_accuracy_by_arithmetic():
    logits = torch.tensor([[6.0, 5, 4, 3, 2, 1], [1.0, 2, 3, 4, 5, 6], [9.0, 0, 0, 0, 0, -1]])[:, :, None, None]
    batches = [(logits[:2], torch.tensor([4, 0])), (logits[2:], torch.tensor([5]))]
    score = measure_score(Sure(), batches, precision="fp32")
    assert (score.accuracy, score.top5_accuracy) == (0.0, pytest.approx(100 / 3))
    of_five = [(logits[:, :5], torch.tensor([0, 1, 2]))]
    assert measure_score(Sure(), of_five, precision="fp32").top5_accuracy is None


def test_a_score_is_known_without_torch() -> None:
    program = "import sys, seplace.training.score; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
