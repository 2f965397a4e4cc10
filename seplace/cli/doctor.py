"""The command that checks this machine: doctor."""

from __future__ import annotations

import typer

from seplace.cli.printing import show


def doctor() -> None:
    """Check this machine: versions, devices and known problems."""
    from seplace.cli.examine import examine
    from seplace.report.terminal import plain_table

    findings = examine()
    show(plain_table(["", "", ""], [[each.subject, each.state, each.advice] for each in findings]))
    if any(each.advice and each.subject not in ("pyarrow", "pillow") for each in findings):
        raise typer.Exit(3)
