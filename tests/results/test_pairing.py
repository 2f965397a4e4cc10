"""Trainings are paired by seed only where they saw the same data as the plain backbone."""

from dataclasses import replace

from seplace.metric import ACCURACY
from seplace.placement import Placement
from seplace.results.both_splits import BothSplits
from seplace.results.evaluation import Evaluation
from seplace.results.observations import observations_of
from seplace.results.pairing import pairing_note, unpaired_keys
from seplace.results.summaries import summarize
from seplace.results.tables import evaluations_frame, paired_gain


def row(text: str, seed: int, value: float, batches: str | None) -> Evaluation:
    placement = Placement.parse(text)
    return Evaluation(placement=placement, seed=seed, epochs=3, state="complete", value=value, batches=batches)


ROWS = [
    row("none-none", 0, 50.0, "a"),
    row("none-none", 1, 60.0, "b"),
    row("eca-none", 0, 52.0, "a"),
    row("eca-none", 1, 70.0, "other"),
    row("se4-none", 2, 55.0, "c"),
]
OTHER = ROWS[3]


def test_a_training_that_saw_other_data_is_not_paired():
    assert unpaired_keys(ROWS) == {OTHER.key}
    plain, eca, _ = summarize(ROWS, ACCURACY)
    assert eca.n == 2
    assert paired_gain(eca, plain)[0] == 2.0
    assert paired_gain(eca, plain)[2] == 1
    seeds = {(str(each.placement), each.score): each.seed for each in observations_of(ROWS, ACCURACY)}
    assert seeds["eca-none", 70.0] is None
    assert seeds["eca-none", 52.0] == 0
    table = evaluations_frame(ROWS, ACCURACY)
    assert table["paired"].tolist() == [True, True, True, False, True]
    splits = BothSplits(ROWS, metric=ACCURACY, tests={each.key: (each.value, 0.0) for each in ROWS}, images={})
    assert splits.gain(eca.placement).seeds == 1
    assert pairing_note(ROWS).startswith("1 training of 5 saw other data, or in another order, than the plain backbone")
    assert "eca-none, seed 1" in pairing_note(ROWS)


def test_trainings_whose_data_seplace_orders_are_paired():
    rows = [replace(each, batches=None) for each in ROWS]
    assert unpaired_keys(rows) == frozenset()
    assert pairing_note(rows) == ""
    assert "paired" not in evaluations_frame(rows, ACCURACY)
    assert "batches" not in rows[0].to_record()
    assert Evaluation.from_record(OTHER.to_record()) == OTHER
