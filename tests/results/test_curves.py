import math
from dataclasses import replace

from seplace.metric import ACCURACY
from seplace.results.curves import curves_frame
from tests.results.test_evaluation import PLAIN, SE, evaluation, rows

COLUMNS = ("placement", "seed", "epochs", "epoch", "accuracy", "cross_entropy", "train_loss")
POINTS = tuple(
    {"epoch": epoch, "value": 10.0 * epoch, "cross_entropy": 2.0 / epoch, "train_loss": 1.0 / epoch}
    for epoch in (2, 4, 6)
)


def test_one_row_a_scored_epoch_of_each_training():
    whole = [replace(row, curve=POINTS) for row in rows(plain=[60.0, 60.0])]
    table = curves_frame(whole, metric=ACCURACY)
    assert tuple(table.columns) == COLUMNS
    assert list(table["epoch"]) == [2, 4, 6, 2, 4, 6]
    assert list(table["seed"]) == [0, 0, 0, 1, 1, 1]
    assert set(table["placement"]) == {PLAIN}
    assert table.loc[1, ["accuracy", "cross_entropy", "train_loss"]].tolist() == [40.0, 0.5, 0.25]


def test_a_stopped_training_has_the_curve_of_its_last_rung_and_one_that_went_on_that_of_its_end():
    (end,) = (replace(row, curve=POINTS) for row in rows(plain=[60.0]))
    at_rungs = [replace(end, epochs=count, curve=POINTS[: count // 2]) for count in (4, 2)]
    elsewhere = [replace(row, seed=1) for row in at_rungs]
    table = curves_frame([end], [*at_rungs, *elsewhere], metric=ACCURACY)
    assert table[["seed", "epochs", "epoch"]].values.tolist() == [
        *([0, end.epochs, epoch] for epoch in (2, 4, 6)),
        *([1, 4, epoch] for epoch in (2, 4)),
    ]


def test_a_training_without_a_curve_has_its_end_and_a_failed_one_nothing():
    (end,) = rows(plain=[60.0])
    failed = evaluation(SE, 7, None)
    table = curves_frame([replace(end, curve=()), failed], metric=ACCURACY)
    (row,) = table.to_dict("records")
    assert (row["epoch"], row["accuracy"]) == (end.epochs, 60.0)
    assert math.isnan(row["train_loss"])
    assert curves_frame([failed], metric=ACCURACY).empty
    assert tuple(curves_frame([], metric=ACCURACY).columns) == COLUMNS
