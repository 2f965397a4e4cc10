"""What executors return is held against what the search needs."""

import pytest

from seplace.errors import UserCodeError
from seplace.search.trainings import _evaluations


@pytest.mark.parametrize("returned", [None, 5, [5], ()])
def test_an_executor_that_returns_anything_else_is_named(returned):
    with pytest.raises(UserCodeError, match="the executor's wait returns a list of evaluations"):
        _evaluations(returned)
