"""The ablation table of a study: the placements that it lists, beside what papers published of the like."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seplace.results.published_ablations import NETWORK, PUBLISHED

if TYPE_CHECKING:
    import pandas as pd

    from seplace.costs.table import CostTable
    from seplace.metric import Metric
    from seplace.placement import Placement

_OF_PLACEMENTS = {
    "n": "n",
    "{}": "observed_{}",
    "{}_se": "observed_{}_se",
    "gain": "observed_gain",
    "gain_se": "observed_gain_se",
    "gain_pairs": "gain_pairs",
    "test_{}": "test_{}",
    "test_{}_se": "test_{}_se",
    "test_gain": "test_gain",
    "test_gain_se": "test_gain_se",
}
"""The columns, and those of the table of placements that they are; {} is the name of the metric."""


def ablation_frame(
    lists: Mapping[str, Sequence[Placement]], placements: pd.DataFrame, cost_table: CostTable, metric: Metric
) -> pd.DataFrame:
    """Return one row for each listed placement, in the order of the lists.

    list: the title of the list; placement; label: the choice where it stands in all stages, else the placement
    n: number of seeds, 0 where it was not trained
    accuracy, or another metric by its name (validation): mean over seeds, adjusted for seed effects, with the standard
        error of the adjusted values; gain (over the plain backbone): mean of the differences on the same seed, with its
        standard error; test_accuracy and test_gain where the test split was read
    every counted cost and its extra over the plain backbone
    paper, paper_network, paper_top1_error, paper_top5_error (percent), paper_gain (lower top-1 error than the plain
        network, in points): of another network on other images, where a table of a paper has the title of the list
    """
    import pandas as pd

    plain = dict(zip(cost_table.names, cost_table.plain, strict=True))
    trained = {} if placements.empty else placements.set_index("placement").to_dict("index")
    rows: list[dict[str, Any]] = []
    for title, listed in lists.items():
        published = PUBLISHED.get(title)
        for placement in listed:
            text = str(placement)
            own = trained.get(text, {})
            errors = None if published is None else published.of(placement)
            rows.append(
                {
                    "list": title,
                    "placement": text,
                    "label": label_of(placement),
                    **{
                        name.format(metric.column): own.get(
                            source.format(metric.column), 0 if name in ("n", "gain_pairs") else math.nan
                        )
                        for name, source in _OF_PLACEMENTS.items()
                    },
                    **(costs := dict(cost_table.costs_of(placement))),
                    **{f"extra_{name}": costs[name] - cost for name, cost in plain.items()},
                    "paper": "" if published is None or errors is None else published.table,
                    "paper_network": "" if errors is None else NETWORK,
                    "paper_top1_error": math.nan if errors is None else errors[0],
                    "paper_top5_error": math.nan if errors is None else errors[1],
                    "paper_gain": math.nan if published is None or errors is None else published.gain(placement),
                }
            )
    return pd.DataFrame(rows)


def label_of(placement: Placement) -> str:
    """Return the choice of all stages, `plain`, or the text of a placement whose stages differ."""
    if placement.is_plain:
        return "plain"
    is_uniform = len(set(placement.choices)) == 1 and not placement.variant
    return str(placement.choices[0]) if is_uniform else str(placement)
