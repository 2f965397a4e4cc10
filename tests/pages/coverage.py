"""The table of coverage on new images, from its CSV file."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from tests.pages import ROOT, markdown_table


def _coverage(folder: str) -> str:
    """Return a row for each model and number of images, of all kinds together and of each kind."""
    table = pd.read_csv(ROOT / "results" / folder / "coverage.csv", dtype={"model": str, "seeds": str})
    table = table[(table["seeds"] == "all") | (table["kind"] == "all")]
    order = {"kind": ["all", "switched", "plain", "cifar"], "seeds": ["all", "1", "2", "3", "4"]}
    table = table.assign(**{name: pd.Categorical(table[name], values) for name, values in order.items()})
    rows = [
        [
            str(row["kind"]),
            str(row["images"]),
            str(row["seeds"]),
            f"`{row['model']}`",
            _percent(row, "held"),
            _percent(row, "held_corrected"),
            _percent(row, "front_held_corrected"),
            f"{row['median_width']:.2f}",
            str(row["claims_wrong_n"]),
            _percent(row, "claims_wrong_expected"),
            _percent(row, "studies_wrong_expected"),
        ]
        for _, row in table.sort_values(["kind", "images", "seeds", "model"]).iterrows()
    ]
    heads = [
        "data sets",
        "validation images",
        "seeds",
        "model",
        "intervals that hold",
        "… with the truth's error",
        "… of gains of the front",
        "median width",
        "claims at 95 %",
        "wrong ones",
        "studies with a wrong one",
    ]
    return markdown_table(heads, rows)


def _percent(row: pd.Series, name: str) -> str:
    """Return `88.1 ± 1.9 %`, with the standard error where there is one."""
    if pd.isna(row[name]):
        return ""
    error = row[f"{name}_se"]
    return f"{100 * row[name]:.1f} %" if pd.isna(error) else f"{100 * row[name]:.1f} ± {100 * error:.1f} %"


MAKERS: dict[str, Callable[[], str]] = {"coverage on new images": lambda: _coverage("coverage-new-images")}
