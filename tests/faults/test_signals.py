import signal
import time

import pytest

from tests.faults.runs import Run, committed_in
from tests.studies import write_study


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["inline", "processes"])
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_run_that_can_go_on(tmp_path, executor, signum):
    study = write_study(
        tmp_path, training={"epochs": 200}, search={"trainings": 300}, run={"executor": executor, "workers": 2}
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
