import io

import numpy as np
import pytest
from rich.console import Console

from seplace.gates.classes import class_share
from seplace.gates.conclusions import conclusions
from seplace.report.gate_tables import gates_table
from tests.gates.toy import LABELS, gate, noise, record


def test_all_of_the_variance_is_between_classes_where_the_class_is_the_gate():
    share = class_share([LABELS[:, None].astype(np.float32)], LABELS)
    assert share.percent == pytest.approx(100)
    assert share.is_shown


def test_the_share_is_that_of_the_sums_of_squares_corrected_for_chance():
    values = np.array([[0.0], [2.0], [4.0], [6.0]], dtype=np.float32)
    # The total is 20 with 3 degrees of freedom; within the classes 4 is left, with 2.
    assert class_share([values], np.array([0, 0, 1, 1])).percent == pytest.approx(100 * (1 - (4 / 2) / (20 / 3)))


def test_classes_that_play_no_part_are_not_shown():
    share = class_share([noise()], LABELS)
    assert share.percent < 5
    assert not share.is_shown


@pytest.mark.parametrize("labels", [np.zeros(60, dtype=np.int64), np.arange(60)])
def test_without_two_classes_to_compare_nothing_is_known(labels):
    share = class_share([noise()], labels)
    assert np.isnan(share.percent)
    assert not share.is_shown


def test_gates_of_one_value_have_no_share():
    assert class_share([np.ones((60, 2), dtype=np.float32)], LABELS).percent == 0


def test_each_channel_has_the_first_state_that_holds():
    values = np.tile([0.5, 0.0, 0.999, 0.3, 0.0], (60, 1))
    values[:, 4] = np.linspace(0, 1, 60)
    states = gate(values).states.tolist()
    assert states == ["at_start", "closed", "open", "constant", "live"]
    row = record(gate(values)).sites.iloc[0]
    assert [row[state] for state in states] == [20.0] * 5
    # Without an upper bound a gate is never open.
    assert gate(values, bounds=None).states.tolist() == ["at_start", "closed", "constant", "constant", "live"]
    # What varies over positions alone lives, too.
    assert set(gate(values, positions_sd=0.1).states) == {"live"}


def test_tables_hold_means_by_class_and_channel():
    values = np.stack([LABELS / 2, np.full(60, 0.5)], axis=1)
    table = record(gate(values)).channels
    assert len(table) == 2 * 4
    assert table.loc[table["channel"] == 0, "mean"].tolist() == pytest.approx([0.5, 0.0, 0.5, 1.0])
    assert table.loc[table["channel"] == 1, "sd"].tolist() == pytest.approx([0.0] * 4)
    assert table["class"].tolist() == ["", "", "cat", "cat", "dog", "dog", "newt", "newt"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.full((60, 4), 0.5), "are where they started, at 0.50: they learned nothing"),
        (np.zeros((60, 4)), "are closed, at 0, for every image"),
        (np.full((60, 4), 0.999), "are open, at 1.00, for every image"),
        (np.tile([0.2, 0.3, 0.4, 0.7], (60, 1)), "do not depend on the image: they scale channels"),
        (noise(), "are not shown to depend on the class: channel scaling alone"),
        (noise(sd=0.001, mean=0.3) + np.linspace(0, 0.02, 60)[:, None], "hardly vary from image to image"),
        (noise(sd=0.01) + LABELS[:, None] / 5, "% of that variance is between classes."),
    ],
)
def test_a_stage_is_concluded_in_a_sentence(values, said):
    (sentence,) = conclusions(record(gate(values)))
    assert sentence.startswith("stage 1's se4 gates ")
    assert said in sentence


def test_dead_channels_are_named_beside_live_ones():
    values = noise(4)
    values[:, 0] = 0
    values[:, 1] = 1
    assert "(of the channels 25 % closed, 25 % open)" in conclusions(record(gate(values)))[0]


def test_both_parts_of_a_gate_are_in_one_sentence():
    spatial = gate(noise(1), part="spatial", positions_sd=0.2, module="cbam4")
    (sentence,) = conclusions(record(gate(noise(), part="channel", module="cbam4"), spatial))
    assert sentence.endswith("channel scaling alone; over positions they vary (spatial sd 0.20).")


def test_without_classes_only_images_are_spoken_of():
    sentence = conclusions(record(gate(noise()), labels=np.zeros(60, dtype=np.int64), classes=()))[0]
    assert "the classes of the images are not known" in sentence
    for labels, is_known in ((LABELS, True), (np.zeros(60, dtype=np.int64), False)):
        console = Console(file=io.StringIO(), width=120)
        console.print(gates_table(record(gate(noise()), labels=labels)))
        legend = " ".join(console.file.getvalue().split())
        assert ("by class: share of the variance" in legend) == is_known
        assert "sd between channels and images" in legend


def test_a_plain_network_has_no_gates():
    assert conclusions(record()) == ("se4-none-none has no attention modules: there are no gates.",)
    assert conclusions(record(others=("stage 1: gc4 is not a gate.",))) == ("stage 1: gc4 is not a gate.",)
