"""Worker processes that die: killed again and again, or ended by the user's code."""

import subprocess
import sys
from pathlib import Path

import pytest

from seplace.results.ledger import Ledger
from tests.faults.oracle import Oracle, same_results
from tests.faults.quick import begun, behave, write_quick

ROOT = Path(__file__).parents[2]
VICTIM = ("none-eca-none", 0, 2)


@pytest.mark.long
def test_a_training_whose_worker_is_killed_again_and_again_is_tried_again(tmp_path, seplace):
    """From its checkpoint, as often as the study says, and once more at its end; the next run repeats it."""
    study, folder = write_quick(tmp_path, run={"executor": "processes", "max_retries": 1}), tmp_path / "out"
    behave(tmp_path, trouble="dies", placements=[VICTIM[0]], seed=0, epoch=2)
    oracle = Oracle(folder)
    code, output = seplace("run", study, "--results", folder)
    oracle.after(code, wanted=0)
    assert "1 training failed" in output
    assert VICTIM not in oracle.complete
    assert [reached for key, reached, _ in begun(tmp_path) if key == VICTIM] == [0, 1, 1, 1]
    with Ledger(folder / "ledger.sqlite", read_only=True) as ledger:
        (failed,) = (row for row in ledger.evaluations() if row.state == "failed")
    assert (failed.key, failed.reason, failed.attempts) == (VICTIM, "crashed", 4)
    assert failed.message == "its worker process died 2 times, last with exit code -9"

    behave(tmp_path)
    code, output = seplace("run", study, "--results", folder, "--executor", "inline")
    oracle.after(code, wanted=0)
    assert begun(tmp_path)[-1][:2] == (VICTIM, 1) or VICTIM in {key for key, _, _ in begun(tmp_path)[-4:]}
    assert VICTIM in oracle.complete


def test_a_machine_on_which_every_worker_dies_ends_the_run_and_leaves_no_results(tmp_path, seplace, quick_finished):
    study, folder = write_quick(tmp_path, run={"max_retries": 0, "stop_after_failures": 2}), tmp_path / "out"
    behave(tmp_path, trouble="leaves")
    oracle = Oracle(folder)
    code, output = seplace("run", study, "--results", folder, "--executor", "processes")
    assert "2 trainings failed in a row, last " in output
    assert (
        "its worker process died 1 times, last with exit code 0; run the study again, and it is tried again" in output
    )
    oracle.after(code, wanted=4)
    assert oracle.complete == set()
    behave(tmp_path)
    oracle.after(seplace("run", study, "--results", folder)[0], wanted=0)
    same_results(folder, quick_finished / "out")


SCRIPT = """\
import sys

import seplace

print("begins")
results = seplace.run(sys.argv[1], folder=sys.argv[2])
print(len(results.evaluations), "evaluations")
"""


@pytest.mark.long
def test_a_plain_script_without_a_main_guard_runs_with_processes(tmp_path, quick_finished):
    study = write_quick(tmp_path, run={"executor": "processes", "workers": 1})
    (tmp_path / "script.py").write_text(f"import sys\n\nsys.path.append({str(ROOT)!r})\n{SCRIPT}")
    command = [sys.executable, "script.py", str(study), str(tmp_path / "out")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert done.stdout == "begins\n14 evaluations\n"
    Oracle(tmp_path / "out").after(done.returncode, wanted=0)
    same_results(tmp_path / "out", quick_finished / "out")
