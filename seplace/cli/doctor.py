"""The command that checks this machine: doctor."""

from __future__ import annotations

import typer

from seplace.cli.printing import show


def doctor() -> None:
    """Check this machine: versions, devices and known problems."""
    from seplace.cli.examine import examine

    findings = examine()
    width = max(len(each.subject) for each in findings)
    for each in findings:
        show(f"{each.subject:{width}}  {each.state}{f'; {each.advice}' if each.advice else ''}")
    if any(each.advice and each.subject not in ("pyarrow", "pillow", "ray") for each in findings):
        raise typer.Exit(3)
