"""The formulas of the parameters that gates add are those of the gates."""

import math
import re

import pytest

from seplace.attention import ATTENTION
from seplace.attention.figures import LETTERS, PARAMS

PRODUCT = re.compile(r"(?<=[\dA-Za-z²])(?=[A-Za-z])")


def value(formula: str, *, channels: int, ratio: int, module: str) -> int:
    """Evaluate a formula such as `2Ch + C²`."""
    hidden = channels // ratio
    if module == "native":
        hidden = max(8, 8 * round(channels / 4 / 8))
    kernel = int((math.log2(channels) + 1) / 2)
    letters = {
        "C": channels,
        "h": hidden,
        "k": kernel + (kernel % 2 == 0),
        "G": math.gcd(64, channels),
        "H": math.gcd(64, channels // 2),
        "m": max(8, hidden),
        "n": max(32, hidden),
    }
    assert set(re.findall("[A-Za-z]", formula)) <= set(letters)
    return int(eval(PRODUCT.sub("*", formula).replace("²", "**2").replace("/", "//"), {}, letters))


def test_every_module_has_one() -> None:
    assert list(PARAMS) == list(ATTENTION.built_in)
    used = set(re.findall("[A-Za-z]", " ".join(PARAMS.values())))
    assert all(re.search(rf"\b{letter}\b", LETTERS) for letter in used)


@pytest.mark.parametrize("module", [name for name in PARAMS if name != "none"])
@pytest.mark.parametrize(("channels", "ratio"), [(64, 4), (64, 16), (256, 16), (512, 4)])
def test_a_formula_is_that_of_the_gate(module: str, channels: int, ratio: int) -> None:
    taken = {"ratio": ratio, "min_hidden": 1} if ATTENTION.entry(module).takes_ratio else {}
    gate = ATTENTION[module](channels, init="paper", **taken)
    counted = sum(each.numel() for each in gate.parameters())
    assert value(PARAMS[module], channels=channels, ratio=ratio, module=module) == counted
