import signal
import time

import pytest

from tests.faults.runs import Run, committed_in
from tests.studies import write_small_space, write_study


@pytest.mark.slow
# Lightning would take each signal otherwise; beside worker processes no Lightning runs, and both are heard alike.
@pytest.mark.parametrize(
    ("signum", "executor"), [(signal.SIGINT, "inline"), (signal.SIGTERM, "inline"), (signal.SIGTERM, "processes")]
)
def test_a_signal_stops_a_run_that_can_go_on(tmp_path, signum, executor):
    study = write_study(
        tmp_path,
        space=write_small_space(tmp_path),
        training={"epochs": 200},
        search={"trainings": 16},
        run={"executor": executor, "workers": 2},
    )
    with Run(study, tmp_path / "out") as run:
        run.wait_for(1)
        if signum == signal.SIGINT:
            with Run(study, tmp_path / "out") as second:
                code, output = second.end()
            assert code == 75, output
            assert f"already being run by process {run.process.pid} on " in output
        start = time.monotonic()
        run.process.send_signal(signum)
        code, output = run.end(seconds=10)
        assert time.monotonic() - start < 10
    assert code == 128 + signum, output
    resume = f"Go on with: seplace run {study} --results {tmp_path / 'out'}"
    assert resume in output.replace("\n", " ")
    assert "Traceback" not in output
    assert committed_in(tmp_path / "out")
