"""The command that verifies an export where it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seplace.cli.printing import show
from seplace.errors import DataError


def verify(
    export: Annotated[Path, typer.Argument(metavar="EXPORT", help="Folder of an export.", show_default=False)],
) -> None:
    """Verify an export: its files, and in a fresh Python without seplace its logits, costs and predictions.

    It runs the code of the export. Ends with exit code 0 where all agrees, 3 where something differs, and 2 for a
    folder without an export.
    """
    from seplace.exporters.examination import examine_export

    failed = []
    for finding in examine_export(export):
        mark = {True: "ok", False: "FAILED", None: "-"}[finding.passed]
        show(f"{mark:<7}{finding.subject:<12}{finding.text}")
        failed += [finding.subject] if finding.passed is False else []
    if failed:
        raise DataError(f"{export} does not give what was recorded: {', '.join(failed)}")
    show(f"verified: {export}")
