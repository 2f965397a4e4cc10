"""One bit an image."""

from __future__ import annotations

import json

import numpy as np
import pytest

from seplace.arrays import ImageBits


@pytest.mark.parametrize("count", [1, 7, 8, 9, 5000])
def test_bits_come_back_through_a_record(count: int) -> None:
    right = np.random.default_rng(count).random(count) < 0.7
    bits = ImageBits.from_record(json.loads(json.dumps(ImageBits.of(right).to_record())))
    assert (bits.unpacked() == right).all()
    assert bits.right == right.sum()
    assert bits.accuracy == pytest.approx(100 * right.mean())


def test_a_record_of_other_length_or_letters_is_refused() -> None:
    record = ImageBits.of(np.ones(20, dtype=bool)).to_record()
    with pytest.raises(ValueError, match="3 bytes do not hold one bit for each of 25 images"):
        ImageBits.from_record(record | {"count": 25})
    with pytest.raises(ValueError, match="there are bits behind those of 19 images"):
        ImageBits.from_record(record | {"count": 19})
    with pytest.raises(ValueError, match="bits of images cannot be read"):
        ImageBits.from_record(record | {"packed": "~~~ ~"})
