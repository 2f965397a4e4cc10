from pathlib import Path

import pytest

from tests.trained import train_table


@pytest.fixture(scope="session")
def trained_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results folder of the small space, really trained for two epochs on two seeds; tests only read it."""
    return train_table(tmp_path_factory.mktemp("trained"), seeds=2)
