"""What versions before 0.12 wrote is read, in the words of today."""

import sqlite3

import pytest

from seplace.errors import InvalidPlacement
from seplace.files.former_words import current_outcome, rename_trials
from seplace.placement import Placement, StageChoice
from seplace.results.ledger import Ledger
from seplace.space import SearchSpace
from seplace.study.config import load_study
from seplace.study.differences import differences
from seplace.study.space_file import load_space
from tests.studies import write_study

DIGEST_OF_0_11 = "bcbe1c78e16f2ea45ebb83d1b79f0aa4e86ca088335a575173fe34511b9dac78"
"""Of the space mobilenet-v3-large, as version 0.11 computed it."""


@pytest.fixture
def space() -> SearchSpace:
    return load_space("mobilenet-v3-large")


def test_a_placement_is_read_in_old_words_and_written_in_new():
    placement = Placement.parse("none-none-paper-se4.inner-paper@mobilenet_v3_large[width=0.5]")
    assert placement.choices[2] == StageChoice("native")
    assert str(placement) == "none-none-native-se4.inner-native@mobilenet_v3_large[width=0.5]"
    with pytest.raises(InvalidPlacement):
        StageChoice.parse("paper16")


def test_a_space_file_is_read_in_old_words_and_has_the_digest_that_results_hold(tmp_path, space: SearchSpace):
    path = tmp_path / "mobilenet-v3-large.yaml"
    modules = "modules: [none, native, se, eca, simam], ratios: [4], attachments: [inner]"
    text = "schema: 1\nbackbone: mobilenet_v3_large\ngate: {init: paper}\nstages:\n" + "".join(
        f"  - {{{modules.replace('native', 'paper') if stage > 2 else modules.replace('native, ', '')}}}\n"
        for stage in range(1, 6)
    )
    path.write_text(text)
    assert load_space(path) == space
    assert space.fingerprint() == DIGEST_OF_0_11


def test_a_study_is_read_with_the_old_name_of_its_evaluator(tmp_path):
    former, current = (
        load_study(write_study(tmp_path, evaluator={"name": name, "folder": "."})) for name in ("table", "tabular")
    )
    assert former.evaluator == current.evaluator
    assert former.fingerprint() == current.fingerprint()


def test_the_facts_of_an_old_ledger_are_read_in_new_words(tmp_path):
    config = load_study(write_study(tmp_path, space="mobilenet-v3-large", data={"image_size": 32}))
    former = config.fingerprint() | {"evaluator.name": "table"}
    former |= {
        key: [choice.replace("native", "paper") for choice in former[key]] for key in former if ".choices[" in key
    }
    old, new = "none-none-paper-none-none", "none-none-native-none-none"
    facts = {
        "fingerprint": former,
        "own_yardsticks": {"mine everywhere": "a:B-a:B"},
        "latencies": {old: {"latency_ms": 1.0}},
        "confirm_rounds": [[[old, 0], ["se4-se4", 1]]],
        f"score/synflow/{old}": {"score": 1.0, "seconds": 0.5, "reason": ""},
        "test_note": "what a paper says",
        "schema_version": 2,
    }
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        for key, value in facts.items():
            ledger.set_fact(key, value)
    for read_only in (True, False, True):
        with Ledger(tmp_path / "ledger.sqlite", read_only=read_only) as ledger:
            fingerprint = ledger.fact("fingerprint")
            assert differences(fingerprint | {"evaluator.name": "stand_alone"}, config.fingerprint()) == []
            assert fingerprint["evaluator.name"] == "tabular"
            assert ledger.fact("own_baselines") == {"mine everywhere": "a:B-a:B"}
            assert ledger.fact("own_yardsticks") is None
            assert ledger.fact("latencies") == {new: {"latency_ms": 1.0}}
            assert ledger.fact("confirm_rounds") == [[[new, 0], ["se4-se4", 1]]]
            assert ledger.facts("score/synflow/") == {new: {"score": 1.0, "seconds": 0.5, "reason": ""}}
            assert ledger.fact("test_note") == "what a paper says"


def test_a_repetition_of_a_simulation_is_read_with_its_old_keys():
    repetition, outcome = current_outcome(
        {"world": "usual", "sampler": "tpe", "number": 3},
        {
            "curve": [{"trainings": 12, "members": 4}, {"trainings": 25}],
            "belief": {"members": 5, "bias": 0.1},
            "regret": 0.2,
        },
    )
    assert repetition == {"problem": "usual", "sampler": "tpe", "number": 3}
    assert outcome == {
        "curve": [{"trainings": 12, "front_points": 4}, {"trainings": 25}],
        "calibration": {"front_points": 5, "bias": 0.1},
        "regret": 0.2,
    }
    assert current_outcome(repetition, outcome) == (repetition, outcome)


def test_an_optuna_file_without_its_tables_is_left_alone(tmp_path):
    path = tmp_path / "optuna.db"
    sqlite3.connect(path).close()
    rename_trials(path)
    assert path.read_bytes() == b""
