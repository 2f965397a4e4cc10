"""The page of a study: one HTML file that opens without a network, and without anything beside it.

`content` computes what it shows as a plain record, and `paint` writes that into a template.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from seplace.files.atomic import write_atomically
from seplace.user_code import describe_error

if TYPE_CHECKING:
    from pathlib import Path

    from seplace.report.page.reported import Reported

NAME = "report.html"
"""The file in a results folder."""


def write_page(study: Reported, path: Path) -> None:
    """Write the page of a study."""
    from seplace.report.page.content import page_of
    from seplace.report.page.paint import painted

    write_atomically(path, painted(page_of(study)))


def write_page_or_warn(study: Reported, path: Path) -> None:
    """Write the page of a study; a page that cannot be written is a warning, since the results are there without it."""
    try:
        write_page(study, path)
    except Exception as error:
        warnings.warn(f"{path}: the page could not be written: {describe_error(error)}", stacklevel=2)
