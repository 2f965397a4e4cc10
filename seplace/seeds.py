"""Seeds of independent random streams, derived from their purposes.

One study seed has many streams: backbone weights, gate weights, the data order of each epoch, proposals. Each is
derived from its own name, so that it is independent of the others and can be drawn again after an interruption.
"""

from __future__ import annotations

import hashlib


def derive_seed(*parts: int | str) -> int:
    """Return a seed in [0, 2**63) that depends on every part and on their order."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8]) >> 1
