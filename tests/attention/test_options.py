import pytest

from seplace.attention.options import GateOptions
from seplace.errors import InputError


@pytest.mark.parametrize("options", [{"init": "zero"}, {"init": "paper", "min_hidden": 0}])
def test_gate_options_are_checked(options: dict[str, object]) -> None:
    with pytest.raises(InputError, match="a gate's"):
        GateOptions(**options)
