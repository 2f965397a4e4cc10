"""Results of other versions: older ones are gone on with, a back-up kept; newer ones are refused and left alone."""

import shutil
from pathlib import Path

import pytest

from seplace.results.ledger import Ledger
from seplace.results.ledger_schema import SCHEMA_VERSION
from tests.faults.oracle import Oracle, facts_in, rows_in

FORMER = Path(__file__).parents[1] / "former" / "results_of_each_schema"


@pytest.mark.parametrize("version", ["0.12.0", "0.13.0"])
def test_results_of_an_older_version_lose_nothing_when_they_are_upgraded(tmp_path, version):
    folder = shutil.copytree(FORMER / version, tmp_path / "out")
    before, content = rows_in(folder), (folder / "ledger.sqlite").read_bytes()
    schema = facts_in(folder)["schema_version"]
    Ledger(folder / "ledger.sqlite").close()
    after = rows_in(folder)
    assert {table: after[table] for table in before} == before
    assert facts_in(folder)["schema_version"] == SCHEMA_VERSION
    if schema < SCHEMA_VERSION:
        assert (folder / f"ledger.schema{schema}.sqlite").read_bytes() == content


def test_results_of_a_newer_version_are_refused_by_name_and_left_alone(tmp_path, quick_finished, seplace):
    copy = shutil.copytree(quick_finished, tmp_path / "copy")
    folder = copy / "out"
    with Ledger(folder / "ledger.sqlite") as ledger:
        ledger.set_fact("schema_version", SCHEMA_VERSION + 1)
    oracle = Oracle(folder)
    oracle.look()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "lock"}
    for command in (["status", folder], ["run", copy / "tiny.yaml", "--results", folder]):
        code, output = seplace(*command)
        assert code == 3
        assert f"(ledger schema {SCHEMA_VERSION + 1}, this one reads {SCHEMA_VERSION})" in " ".join(output.split())
        assert len(output.splitlines()) == 1
    oracle.look()
    assert {path: path.read_bytes() for path in before} == before
