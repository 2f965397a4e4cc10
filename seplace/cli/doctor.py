"""The command that checks this machine: doctor."""

from __future__ import annotations

import typer

from seplace.cli.printing import show_sentences


def doctor() -> None:
    """Check this machine: versions, devices and known problems."""
    from seplace.cli.examine import examine

    findings = examine()
    width = max(len(each.subject) for each in findings)
    for each in findings:
        line = f"{each.subject:{width}}  {each.state}{f'; {each.advice}' if each.advice else ''}"
        show_sentences(line, indent=width + 2)
    if any(each.advice and each.subject not in ("pyarrow", "pillow", "ray") for each in findings):
        raise typer.Exit(3)
