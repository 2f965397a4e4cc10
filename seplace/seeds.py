"""Seeds of independent random streams, derived from what they are for.

One study seed feeds many streams (backbone weights, gate weights, data order of each epoch, proposals). Deriving each
from its own name keeps them independent and lets any of them be drawn again after an interruption.
"""

from __future__ import annotations

import hashlib


def derive_seed(*parts: int | str) -> int:
    """Return a seed in [0, 2**63) that depends on every part and on their order."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8]) >> 1
