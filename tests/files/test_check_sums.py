"""Check sums are those of JSON lists, whatever the values: ledgers hold them."""

import hashlib
import json

import pytest

from seplace.files.check_sums import row_sum


@pytest.mark.parametrize(
    "values",
    [
        ("none-se16", 0, 12, '{"accuracy": 91.5, "message": "a \\"quote\\"\\n"}'),
        ("é\udcff\u2028", -1, 2**62, ""),
        ("none", True, 1, None),
        ("none", 0, 1, 91.5, 0.1),
        ("none", 0, 1, b"\x00bytes"),
    ],
    ids=["a row", "characters", "neither text nor number", "floats", "bytes"],
)
def test_a_sum_is_that_of_a_json_list(values) -> None:
    text = json.dumps(["evaluations", *values], default=repr)
    assert row_sum("evaluations", *values) == hashlib.sha256(text.encode()).hexdigest()[:32]
