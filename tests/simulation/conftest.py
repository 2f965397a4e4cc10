"""A tabular benchmark that simulated searches read."""

import numpy as np
import pytest

from tests.simulation.tables import write_scored_table


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A tabular benchmark with three seeds; each gate adds a point, and each seed adds more than the one before."""
    gates = np.array([f"{candidate:03b}".count("1") for candidate in range(8)])
    noise = 0.1 * np.random.default_rng(0).standard_normal((8, 3))
    return write_scored_table(tmp_path_factory.mktemp("table"), 50 + gates[:, None] + np.arange(3) + noise)
