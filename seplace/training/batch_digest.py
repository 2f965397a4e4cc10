"""A digest of batches: whether two trainings saw the same data in the same order."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves


class BatchDigest:
    """Takes batches of any form, one after the other; objects that are no data are left out."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, batch: Any) -> None:
        """Take the tensors, numbers and texts of a batch, in their order."""
        for leaf in tree_leaves(batch):
            if isinstance(leaf, Tensor):
                values = leaf.detach().cpu().contiguous()
                self._digest.update(f"{tuple(values.shape)} {values.dtype}".encode())
                self._digest.update(values.view(-1).view(torch.uint8).numpy().data if values.numel() else b"")
            elif isinstance(leaf, str | int | float | bool | bytes) or leaf is None:
                self._digest.update(repr(leaf).encode())

    def text(self) -> str:
        """Return the digest of what was taken, 16 hexadecimal digits."""
        return self._digest.hexdigest()[:16]
