from pathlib import Path

import pytest

from tests.conftest import made_once
from tests.trained import train_table


@pytest.fixture(scope="session")
def trained_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results folder of the small space, really trained for two epochs on two seeds; tests only read it."""
    with made_once(tmp_path_factory, "trained") as (folder, is_made):
        return folder / "table" if is_made else train_table(folder, seeds=2)
