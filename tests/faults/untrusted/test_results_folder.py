"""Results folders of other people: read or refused by name, never obeyed, and never a traceback.

At length: `python -m tests.faults.untrusted.test_results_folder 0 5000`.
"""

import json
import os
import random
import sys
import tempfile
import time
import traceback
from dataclasses import replace
from pathlib import Path

import pytest

from seplace.api import Results
from seplace.errors import CorruptResults, SeplaceError
from seplace.evaluators.weights import read_weights
from seplace.files.atomic import sha256_of
from seplace.search.lock import holder
from tests.faults.untrusted.hostile import (
    ESCAPES,
    TEXTS,
    alter,
    change_record,
    honest,
    mutate,
    read_all,
    refusal_of,
    set_fact,
)
from tests.marks import in_the_long_form

_SECONDS = 20.0


def read_a_mutation(seed: int, folder: Path) -> str | None:
    """Read what the mutation of a seed makes; return the refusal, or None."""
    mutate(honest(folder), random.Random(seed))
    start = time.process_time()
    printed = ""

    def read() -> None:
        nonlocal printed
        printed = read_all(folder)

    refusal = refusal_of(read)
    assert time.process_time() - start < _SECONDS
    assert len(refusal or "") < 3000
    assert all(each.isprintable() or each in "\n\t" for each in printed)
    return refusal


@pytest.mark.parametrize("count", [6, in_the_long_form(400)])
def test_a_mutated_folder_is_read_or_refused(tmp_path, count):
    refused = [read_a_mutation(seed, tmp_path / "results") for seed in range(count)]
    assert any(refused)
    assert not all(refused)


def test_an_honest_folder_is_read(tmp_path):
    assert "study study-v0.13.0: finished" in read_all(honest(tmp_path / "results"))


@pytest.mark.parametrize("text", TEXTS)
def test_a_fact_that_is_no_json_is_named(tmp_path, text):
    folder = honest(tmp_path / "results")
    set_fact(folder, "latencies", text)
    with pytest.raises(CorruptResults, match=r"ledger\.sqlite: the fact 'latencies' cannot be read"):
        Results.load(folder)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("study_folder", 7, "input should be text"),
        ("study_folder", "a\0b", "a path cannot contain a null character"),
        ("study_folder", "a/" * 5000, "a path has at most 2,048 bytes"),
        ("own_baselines", {"x": 5}, "x: Input should be a valid string"),
        ("latencies", {"none-none-none-none": {"latency_ms": [1]}}, "latency_ms"),
        ("latencies", [], "valid dictionary"),
        ("regret", {"settled": True, "mean": 0.1}, "upper: Field required"),
        ("rungs", {"stopped": 1, "rungs": [{}]}, "rungs.0.epochs: Field required"),
        ("units", {"flops": {}}, "flops: Input should be a valid string"),
        ("images", {"validation_images": "many"}, "validation_images: Input should be a valid integer"),
        ("latencies", {"none-none-none": {"latency_ms": [1.0]}}, "latency_ms should be a number"),
        ("space", {"name": "x", "backbone": {}}, "backbone.text: Field required"),
        ("score/gradient_norm/none-none-none-none", {"score": "1"}, "seconds: Field required"),
        ("score/gradient_norm/none-none-none-none", None, "valid dictionary"),
        ("proxy/gradient_norm", {"seconds": 2**1200, "reason": ""}, "seconds"),
        ("finished", "yes", "valid boolean"),
    ],
)
def test_a_fact_of_another_shape_is_named(tmp_path, key, value, says):
    folder = honest(tmp_path / "results")
    set_fact(folder, key, json.dumps(value))
    with pytest.raises(CorruptResults, match=rf"the fact '{key}' cannot be read \(.*{says}"):
        read_all(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("images", {}),
        ("images", {"classes": 2, "image_size": [8, 8], "channels": "one"}),
        ("latencies", {"none-none-none": {"latency_ms": 1.0, "samples": [0.9, 1.1], "compiled": False}}),
    ],
)
def test_what_evaluators_of_users_own_have_kept_is_read(tmp_path, key, value):
    """Version 0.13 took any description of images, and any conditions of a measurement."""
    folder = honest(tmp_path / "results")
    set_fact(folder, key, json.dumps(value))
    read_all(folder)


def test_trainings_of_evaluators_of_users_own_are_read(tmp_path):
    folder = honest(tmp_path / "results")
    change_record(folder, lambda record: record.update(device=None, curve=[{"epoch": 1, "train_loss": 0.5}]))
    read_all(folder)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"value": 2**70}, "value"),
        ({"value": "90"}, "value"),
        ({"value": None}, "no value of the metric in a training that is complete"),
        ({"state": "running"}, "state"),
        ({"seed": -1}, "seed"),
        ({"epochs": 1.5}, "epochs"),
        ({"curve": [{"value": 1.0}]}, "curve.0.epoch|epoch: Field required"),
        ({"curve": [[]]}, "curve"),
        ({"costs": {"flops": True}}, "costs"),
        ({"device": ["cpu"]}, "device"),
        ({"device": "\ud800"}, "device"),
        ({"versions": []}, "versions"),
        ({"weights": "../../../etc/passwd"}, "weights"),
        ({"weights": "/etc/passwd"}, "weights"),
        ({"weights": "a\\b"}, "weights"),
        ({"weights": "a\nb"}, "weights"),
        ({"correct": {"count": 10**12, "packed": ""}}, "bytes do not hold"),
        ({"extra": 1}, "unexpected keyword argument"),
        ({"placement": "none-" * 30_000}, "more than 100,000 characters|placement"),
    ],
)
def test_a_record_of_another_shape_is_named(tmp_path, changes, says):
    folder = honest(tmp_path / "results")
    change_record(folder, lambda record: record.update(changes))
    with pytest.raises(CorruptResults, match=rf"an evaluation cannot be read \((?s:.*)({says})"):
        Results.load(folder)


@pytest.mark.parametrize(
    ("accuracy", "loss"), [("ninety", 0.5), (90.0, "x"), (1e308, 0.5), (90.0, 9e999), (b"90", 0.5)]
)
def test_a_test_score_that_is_none_is_named(tmp_path, accuracy, loss):
    folder = honest(tmp_path / "results")
    alter(folder, "INSERT INTO tests VALUES ('none', 7, 2, ?, ?)", accuracy, loss)
    with pytest.raises(CorruptResults, match=r"the test score of .* cannot be read"):
        Results.load(folder)


def test_a_training_of_another_backbone_is_named(tmp_path):
    folder = honest(tmp_path / "results")
    change_record(folder, lambda record: record.update(placement="none-none"))
    with pytest.raises(CorruptResults, match="a training of none-none, which is not of its space"):
        _ = Results.load(folder).front


def test_what_a_terminal_would_obey_is_printed_as_text(tmp_path):
    folder = honest(tmp_path / "results")
    set_fact(folder, "test_note", json.dumps(ESCAPES))
    set_fact(folder, "units", json.dumps({"flops": ESCAPES}))
    set_fact(folder, "finished", "false")
    set_fact(folder, "stopped", json.dumps(ESCAPES))
    change_record(folder, lambda record: record.update(device=ESCAPES))
    printed = read_all(folder)
    assert r"\x1b]8;;http://evil" in printed
    assert all(each.isprintable() or each in "\n\t" for each in printed)


def test_units_and_names_make_no_formula_in_a_figure(tmp_path):
    folder = honest(tmp_path / "results")
    set_fact(folder, "units", json.dumps({"flops": f"$\\frac{{$ {ESCAPES}"}))
    Results.load(folder).plot(tmp_path / "front.svg")
    assert "\x1b" not in (tmp_path / "front.svg").read_text()


@pytest.mark.parametrize("name", ["../ledger.sqlite", "/etc/passwd", "..", ""])
def test_weights_are_read_from_their_folder_alone(tmp_path, name):
    folder = honest(tmp_path / "results")
    row = replace(Results.load(folder).rows[0], weights=name)
    with pytest.raises(SeplaceError, match=r"is no file"):
        read_weights(folder, row)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04\x95cos\nsystem\n.",  # a pickle
        (2**62).to_bytes(8, "little") + b"{}",  # a header of 4 EiB
        (40).to_bytes(8, "little") + b'{"a":{"dtype":"F32","shape":[1],"data_o',
        (64).to_bytes(8, "little") + b'{"a":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,4]}}'.ljust(64),
    ],
)  # fmt: skip
def test_weights_that_are_no_safetensors_are_named(tmp_path, content):
    folder = honest(tmp_path / "results")
    row = replace(Results.load(folder).rows[0], weights_sha256=sha256_of(content))
    (folder / "weights").mkdir()
    (folder / "weights" / str(row.weights)).write_bytes(content)
    with pytest.raises(CorruptResults, match="not readable as safetensors"):
        read_weights(folder, row)


@pytest.mark.parametrize("name", ["lock", "costs.json", "study.yaml", "space.yaml", "ledger.sqlite"])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir])
def test_what_is_no_regular_file_is_not_waited_for(tmp_path, name, make):
    folder = honest(tmp_path / "results")
    (folder / name).unlink(missing_ok=True)
    make(folder / name)
    assert holder(folder / "lock") is None
    if name != "lock":
        assert refusal_of(lambda: read_all(folder)) is not None


def test_a_lock_file_says_little(tmp_path):
    (tmp_path / "lock").write_bytes(b"\xff" * 10**6)
    assert holder(tmp_path / "lock") is None


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        for number in range(int(sys.argv[1]), int(sys.argv[2])):
            try:
                read_a_mutation(number, Path(place) / "results")
            except Exception:
                print(f"mutation {number}: {traceback.format_exc(limit=-2)}", flush=True)
