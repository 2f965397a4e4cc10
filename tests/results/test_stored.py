"""A long study goes on without reading all its evaluations."""

import pytest

from seplace.errors import CorruptResults
from seplace.placement import Placement, PlacementReader
from seplace.results.evaluation import Evaluation
from seplace.results.ledger import Ledger


def row(text: str, **given) -> Evaluation:
    scores = {"value": 90.0, "cross_entropy": 0.3} if given.get("state", "complete") == "complete" else {}
    return Evaluation(placement=Placement.parse(text), seed=0, epochs=1, **{"state": "complete", **scores, **given})


def test_an_evaluation_is_read_when_it_is_looked_at(monkeypatch) -> None:
    rows = [row("none-none"), row("se4-none", state="failed", reason="oom"), row("se4-eca")]
    read = []
    parse = Evaluation.from_record
    monkeypatch.setattr(Evaluation, "from_record", lambda record, **given: read.append(1) or parse(record, **given))
    with Ledger(None) as ledger:
        for each in rows:
            ledger.add(each)
        stored, failed = ledger.stored_evaluations()
        assert list(stored) == [each.key for each in rows]
        assert failed == [rows[1].key]
        assert rows[2].key in stored
        assert not read
        assert [stored[rows[2].key] for _ in range(3)] == [rows[2]] * 3
        assert len(read) == 1
        assert list(stored.values()) == rows == ledger.evaluations()
        del stored[rows[0].key]
        stored["eca-eca", 0, 1] = row("eca-eca")
        assert [str(each.placement) for each in stored.values()] == ["se4-none", "se4-eca", "eca-eca"]


def test_a_record_that_cannot_be_read_is_named() -> None:
    with Ledger(None) as ledger:
        ledger._write(("INSERT INTO evaluations VALUES (?, ?, ?, ?)", ("none", 0, 1, '{"state": "complete"}')))
        stored, _ = ledger.stored_evaluations()
        with pytest.raises(CorruptResults, match="an evaluation cannot be read"):
            list(stored.values())


@pytest.mark.parametrize("text", ["none-se16-eca.parallel", "se[squeeze=max]16-none", "none-se4@cifar_resnet20"])
def test_many_placements_are_read_as_one(text) -> None:
    reader = PlacementReader()
    for _ in range(2):
        assert reader.read(text) == Placement.parse(text)
        assert str(reader.read(text)) == text
