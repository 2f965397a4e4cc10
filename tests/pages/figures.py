"""Draw the fronts of the committed studies anew, from their committed tables: `python -m tests.pages.figures`.

The tables stay as the version that wrote them has estimated them; `seplace plot` would draw the estimates of today.
"""

from __future__ import annotations

import json
from functools import cached_property

import pandas as pd

from seplace.api import Results
from tests.pages import ROOT


class CommittedResults(Results):
    """The results of a study with the table of placements and the verdict that stand in its folder."""

    @cached_property
    def placements(self) -> pd.DataFrame:
        return pd.read_csv(self.folder / "placements.csv", keep_default_na=False, na_values=[""]).fillna(
            {"baseline": "", "best_baseline": "", "variant": ""}
        )

    @property
    def verdict(self) -> str:
        verdict: str = json.loads((self.folder / "provenance.json").read_text())["verdict"]
        return verdict


if __name__ == "__main__":
    for ledger in sorted((ROOT / "results").glob("*/ledger.sqlite")):
        for suffix in ("png", "svg"):
            CommittedResults(ledger.parent).plot(ledger.with_name(f"front.{suffix}"))
