import signal
import time

import pytest

from tests.faults import quick
from tests.faults.oracle import Oracle
from tests.faults.runs import Command, Run
from tests.marks import in_the_long_form
from tests.studies import write_small_space, write_study


@pytest.mark.parametrize(
    ("signum", "executor", "evaluator"),
    [
        (signal.SIGINT, "inline", quick.NAME),
        (signal.SIGTERM, "processes", quick.NAME),
        in_the_long_form(signal.SIGINT, "processes", quick.NAME),
        in_the_long_form(signal.SIGTERM, "inline", quick.NAME),
        in_the_long_form(signal.SIGINT, "inline", "stand_alone"),
        in_the_long_form(signal.SIGTERM, "inline", "stand_alone"),
        in_the_long_form(signal.SIGINT, "processes", "stand_alone"),
        in_the_long_form(signal.SIGTERM, "processes", "stand_alone"),
    ],
)
def test_a_signal_stops_a_run_that_can_go_on(tmp_path, signum, executor, evaluator):
    """With no worker process and with two."""
    quick.behave(tmp_path, seconds=0.05)
    study = write_study(
        tmp_path,
        space=write_small_space(tmp_path),
        evaluator={"name": evaluator},
        training={"epochs": 60},
        search={"trainings": 16},
        run={"executor": executor, "workers": 2},
    )
    oracle = Oracle(tmp_path / "out")
    with Run(study, tmp_path / "out") as run:
        run.wait_for(1)
        oracle.look()
        if (signum, executor) == (signal.SIGINT, "inline"):
            with Run(study, tmp_path / "out") as second:
                code, output = second.end()
            assert code == 75, output
            assert f"already being run by process {run.process.pid} on " in output
        start = time.monotonic()
        run.process.send_signal(signum)
        code, output = run.end(seconds=10)
        assert time.monotonic() - start < 10
    oracle.after(code, wanted=128 + signum)
    resume = f"Resume with:   seplace run {study} --results {tmp_path / 'out'}"
    assert resume in output.replace("\n", " ")
    assert "Traceback" not in output
    assert oracle.complete


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGINT, in_the_long_form(signal.SIGTERM)])
def test_a_signal_stops_a_comparison_and_its_searches(tmp_path, signum):
    """Each search takes minutes; the ones that run are left unfinished, the ones that wait are not begun."""
    several = ["--trainings", "2000", "--repetitions", "8", "--workers", "2"]
    with Command("simulate", "usual", "--sampler", "effects", *several, "--output", str(tmp_path / "out")) as command:
        until = time.monotonic() + 60
        while not (tmp_path / "out" / "repetitions.jsonl").exists():
            assert time.monotonic() < until, "the comparison does not begin"
            time.sleep(0.02)
        time.sleep(3)  # its processes begin
        command.process.send_signal(signum)
        code, output = command.end(seconds=10)
    assert code == 128 + signum, output
    assert "Resume with:   seplace simulate usual" in output.replace("\n", " ")
    assert "Traceback" not in output
