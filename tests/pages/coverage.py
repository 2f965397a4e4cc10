"""The table of coverage on new images, from its CSV file."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from tests.pages import ROOT, markdown_table

_MODEL, _EARLIER = "0.13", "0.12"
_ORDER = {"kind": ["all", "switched", "plain", "cifar"], "seeds": ["all", "1", "2", "3", "4"]}


def _coverage(folder: str) -> str:
    """Return a row for each number of images, by the number of seeds and by kind of data set."""
    table = pd.read_csv(ROOT / "results" / folder / "coverage.csv", dtype={"model": str, "seeds": str})
    table = table[(table["seeds"] == "all") | (table["kind"] == "all")]
    table = table.assign(**{name: pd.Categorical(table[name], values) for name, values in _ORDER.items()})
    keys = ["kind", "images", "seeds"]
    by_model = {model: part.set_index(keys).sort_index() for model, part in table.groupby("model")}
    rows = []
    for key, row in by_model[_MODEL].iterrows():
        earlier = by_model[_EARLIER].loc[key]
        kind, images, seeds = key
        shares = [
            f"{_percent(row, name)} ({100 * earlier[name]:.1f})"
            for name in ("held_corrected", "front_held_corrected", "held")
        ]
        rows.append(
            [
                str(kind),
                f"{images:,}",
                str(seeds),
                str(row["held_n"]),
                *shares,
                f"{row['median_width']:.2f} ({earlier['median_width']:.2f})",
                f"{row['claims_wrong_n']} ({earlier['claims_wrong_n']})",
                f"{_percent(row, 'studies_wrong_expected')} ({100 * earlier['studies_wrong_expected']:.1f})",
            ]
        )
    heads = [
        "data sets",
        "V",
        "seeds",
        "intervals",
        "that hold",
        "… of front gains",
        "… not counting the truth's error",
        "median width",
        "claims",
        "studies with a wrong one",
    ]
    return markdown_table(heads, rows)


def _percent(row: pd.Series, name: str) -> str:
    """Return a share in percent with its standard error."""
    return f"{100 * row[name]:.1f} ± {100 * row[f'{name}_se']:.1f}"


MAKERS: dict[str, Callable[[], str]] = {"coverage on new images": lambda: _coverage("coverage-new-images")}
