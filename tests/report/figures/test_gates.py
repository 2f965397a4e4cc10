"""The figure of gates: no text overlaps or is cut, and it shows what its record holds."""

import numpy as np
import pytest

from seplace.report.figures.gates import plot_gates
from tests.gates.toy import LABELS, gate, noise, record
from tests.report.figures.looks import flaws_of, texts_of

CBAM = [
    gate(noise(16), part="channel", module="cbam4", stage=1),
    gate(noise(1), part="spatial", module="cbam4", stage=1, positions_sd=0.1),
]


MANY = record(*(gate(noise(), stage=at, block=block) for at in (1, 2, 3, 4) for block in (1, 2)))


@pytest.mark.parametrize(
    ("made", "width"),
    [
        (record(*CBAM, gate(noise(sd=0.02) + LABELS[:, None] / 5, stage=2)), None),
        (record(*CBAM), "single"),
        (record(gate(np.full((60, 2), 0.5)), classes=()), "double"),
        (record(others=("stage 1: gc4 is not a gate: it adds a vector to the map.",)), "single"),
        pytest.param(MANY, "single", marks=pytest.mark.long),
        pytest.param(MANY, "double", marks=pytest.mark.long),
    ],
    ids=["cbam", "cbam-column", "constant", "none", "many-column", "many"],
)
def test_no_text_overlaps_or_is_cut(made, width):
    assert not flaws_of(plot_gates(made, width=width))


def test_each_class_has_a_line_and_the_sentences_stand_above():
    figure = plot_gates(record(*CBAM))
    left = figure.axes[0]
    assert len(left.lines) == 3 + 1
    means = np.sort(CBAM[0].values.mean(0))
    np.testing.assert_allclose(left.lines[-1].get_ydata(), means, rtol=1e-5)
    texts, _ = texts_of(figure)
    assert any("channel scaling alone" in text for text in texts)
    assert {"class cat", "class dog", "class newt", "mean over all images"} <= set(texts)
    assert not any("not drawn" in text for text in texts)


def test_of_many_gates_the_last_of_each_stage_are_drawn():
    figure = plot_gates(record(*(gate(noise(), stage=at, block=block) for at in (1, 2, 3) for block in (1, 2, 3))))
    texts, _ = texts_of(figure)
    assert [text for text in texts if text.startswith("stage") and text.endswith("se4")] == [
        "stage 1.3: se4", "stage 2.3: se4", "stage 3.3: se4"
    ]  # fmt: skip
    assert "6 more gates are not drawn." in texts
