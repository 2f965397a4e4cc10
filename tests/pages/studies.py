"""Make the tables and figures of the committed studies anew from their ledgers: `python -m tests.pages.studies`.

Trainings stay as they are; `estimated_with` in provenance.json names the version whose model estimated.
"""

from __future__ import annotations

from seplace.api import Results
from tests.pages import ROOT

if __name__ == "__main__":
    for ledger in sorted((ROOT / "results").glob("*/ledger.sqlite")):
        Results.load(ledger.parent).write()
