"""The table of a network's gates, for a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from seplace.gates.classes import ClassShare
from seplace.report.fitted import Column, FittedTable, Note, Row

if TYPE_CHECKING:
    from seplace.gates.record import GateRecord


def gates_table(record: GateRecord) -> FittedTable:
    """Return one row for each gate: its distribution, the share between classes, and dead and saturated channels."""
    has_parts = any(gate.part for gate in record.gates)
    has_maps = any(gate.maps is not None for gate in record.gates)
    is_by_stage = record.noun == "stage"
    columns = [
        Column(heading=record.noun),
        *([Column(heading="block")] if is_by_stage else []),
        Column(heading="module", is_text=True),
        *([Column(heading="gate", is_text=True, is_below=True)] if has_parts else []),
        Column(heading="channels", spare=2),
        Column(heading="mean [5-95 %]", narrow_heading="mean"),
        Column(heading="sd channels", spare=1),
        Column(heading="sd images"),
        *([Column(heading="sd positions", spare=3)] if has_maps else []),
        Column(heading="by class"),
        Column(heading="dead"),
        Column(heading="saturated"),
    ]
    rows = []
    for at, row in enumerate(record.sites.to_dict("records")):
        is_last = at + 1 == len(record.gates) or record.gates[at + 1].stage != row["stage"]
        share = ClassShare(percent=row["class_share"], p_value=row["class_p"])
        cells = [
            str(row["stage"]),
            *([str(row["block"])] if is_by_stage else []),
            row["module"],
            *([row["part"]] if has_parts else []),
            f"{row['channels']:,}",
            f"{row['mean']:.2f} [{row['lower']:.2f}, {row['upper']:.2f}]",
            f"{row['channels_sd']:.3f}" if row["channels"] > 1 else "",
            f"{row['images_sd']:.3f}",
            *([f"{row['positions_sd']:.3f}" if row["positions_sd"] else ""] if has_maps else []),
            "" if math.isnan(share.percent) else f"{share.percent:.0f} %{'' if share.is_shown else ' ns'}",
            f"{row['closed'] + row['constant']:.0f} %",
            f"{row['open'] + row['at_start']:.0f} %",
        ]
        rows.append(Row(cells=cells, ends_section=is_last))
    notes = (
        Note(
            text="mean and 5-95 % range over images and channels; sd between "
            + ("channels, images and positions" if has_maps else "channels and images")
        ),
        Note(
            text="by class: share of the variance between images that is between their classes, corrected for chance; "
            "ns: not shown (permutation, 1 %)",
            explains=["by class"],
        ),
        Note(
            text="dead: percent of channels whose gate is 0, or one value for all images; saturated: at its upper "
            "bound, or where it started"
        ),
    )
    return FittedTable(
        columns=columns,
        rows=rows,
        title=f"gates of {record.placement} on {record.backbone}, over {record.images}",
        notes=notes,
    )
