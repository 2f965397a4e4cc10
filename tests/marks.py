"""The mark of what the long form runs in addition: `python -m tests --long`."""

from typing import Any

import pytest


def in_the_long_form(*values: Any) -> Any:
    """Values of a parametrized test that the short form leaves out."""
    return pytest.param(*values, marks=pytest.mark.long)
