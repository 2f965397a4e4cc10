"""Memory that runs out beside other trainings: the study goes on as if it had not."""

import pytest

from seplace.results.ledger import Ledger
from tests.faults.oracle import Oracle, same_results
from tests.faults.quick import begun_in, behave, write_quick

VICTIM = ("none-eca-none", 0, 2)


@pytest.mark.long
def test_a_training_that_runs_out_of_memory_beside_another_is_tried_again_alone(tmp_path, seplace):
    (tmp_path / "whole").mkdir()
    undisturbed = write_quick(tmp_path / "whole", run={"workers": 2})
    assert seplace("run", undisturbed, "--results", tmp_path / "whole/out")[0] == 0
    study, folder = write_quick(tmp_path, run={"executor": "processes", "workers": 2}), tmp_path / "out"
    behave(tmp_path, trouble="memory", placements=[VICTIM[0]], seed=0, times=1)
    oracle = Oracle(folder)
    oracle.after(seplace("run", study, "--results", folder)[0], wanted=0)
    assert begun_in(tmp_path)[VICTIM] == 2
    with Ledger(folder / "ledger.sqlite", read_only=True) as ledger:
        assert ledger.failures() == []
        attempts = {row.key: row.attempts for row in ledger.evaluations()}
    assert {key for key, count in attempts.items() if count > 1} == {VICTIM}
    same_results(folder, tmp_path / "whole/out")
