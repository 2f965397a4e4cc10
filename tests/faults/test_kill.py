"""Studies that are killed: short trainings at many moments, and real ones in the long form."""

import os
import random
import signal
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from seplace import running
from seplace.overrides import Overrides
from seplace.results.ledger import Ledger
from tests.conftest import made_once
from tests.faults import kills
from tests.faults.runs import Run, committed_in
from tests.faults.zygote import ForkedRun, Zygote
from tests.studies import write_study


@pytest.mark.slow
def test_a_study_of_short_trainings_survives_kills(tmp_path, monkeypatch):
    """`python -m tests.faults.kills 200` does it in studies of several hundred trainings."""
    monkeypatch.setattr("seplace.api.Results._draw", lambda _results, _plot, path: path.touch())
    chance, tally = random.Random(f"short {os.getpid()}"), kills.Tally()
    whole = kills.undisturbed(tmp_path / "whole", sampler="nsga2", trainings=24)
    study = kills.write(tmp_path / "killed", executor="processes", sampler="nsga2", trainings=24, seconds=0.02)
    with Zygote() as zygote:
        kills.kill_again_and_again(
            study,
            tmp_path / "out",
            launch=partial(ForkedRun, zygote),
            kills=["worker", "driver", "driver"],
            whole=whole,
            chance=chance,
            tally=tally,
        )
    assert tally.again == 0


TIMED = {"seconds", "attempts", "latency_ms", "latency_ms_lower", "latency_ms_upper", "extra_latency_ms"}


def table(folder, name) -> pd.DataFrame:
    frame = pd.read_csv(folder / f"{name}.csv")
    return frame[[column for column in frame if column not in TIMED]]


def images_right_in(folder: Path) -> dict[tuple[str, int, int], bytes]:
    """The validation images that each training got right, and the test images."""
    with Ledger(folder / "ledger.sqlite", read_only=True) as ledger:
        validation = {row.key: row.correct.packed for row in ledger.evaluations()}
        return validation | {("test", *key): bits.packed for key, bits in ledger.test_images().items()}


def write(folder: Path, executor: str) -> Path:
    return write_study(
        folder,
        training={"epochs": 3},
        search={"sampler": "nsga2", "trainings": 26},
        confirm={"seeds": 2, "trainings": 10},
        run={"executor": executor, "workers": 2},
    )


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> Path:
    """What the study leaves that nobody kills. Where trainings run is no part of it; how many at once is."""
    with made_once(tmp_path_factory, "undisturbed") as (folder, is_made):
        if not is_made:
            running.run(write(folder, "inline"), folder=folder / "whole", observer=lambda _: None)
    return folder / "whole"


@pytest.mark.long
@pytest.mark.parametrize(("executor", "times"), [("inline", 2), ("processes", 1)])
def test_a_killed_study_ends_like_one_that_was_not(tmp_path, undisturbed, executor, times):
    study = write(tmp_path, executor)
    whole = committed_in(undisturbed)

    chance = random.Random(f"{executor} {os.getpid()}")
    acknowledged: list[tuple[int, str, int]] = []
    for kill in range(times):
        with Run(study, tmp_path / "killed") as run:
            run.wait_for(chance.randrange(len(whole) * kill // times, len(whole) * (kill + 1) // times))
            time.sleep(chance.uniform(0, 0.3))
            seen = committed_in(tmp_path / "killed")
            run.process.send_signal(signal.SIGKILL)
            code, output = run.end()
        assert code in (-signal.SIGKILL, 0), output
        left = committed_in(tmp_path / "killed")
        assert left[: len(acknowledged)] == acknowledged  # neither lost nor moved
        assert left[: len(seen)] == seen
        acknowledged = left
    results = running.run(
        study, folder=tmp_path / "killed", overrides=Overrides(executor="inline"), observer=lambda _: None
    )
    left = committed_in(tmp_path / "killed")
    assert left[: len(acknowledged)] == acknowledged
    assert max(Counter(each[1:] for each in left).values()) == 1
    assert results.finished
    for name in ("evaluations", "placements", "front"):
        pd.testing.assert_frame_equal(table(tmp_path / "killed", name), table(undisturbed, name))
    assert images_right_in(tmp_path / "killed") == images_right_in(undisturbed)
    assert list((tmp_path / "killed" / "checkpoints").glob("*")) == []
