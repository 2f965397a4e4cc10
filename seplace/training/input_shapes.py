"""The shapes of the maps that a network is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


@contextmanager
def noted_shapes(network: nn.Module) -> Iterator[set[tuple[int, ...]]]:
    """Give a set that fills with the shapes (C, H, W) of the maps that a network gets; a compiled one is not seen."""
    seen: set[tuple[int, ...]] = set()

    def note(_network: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        if torch.compiler.is_compiling():
            return
        first = next((each for each in (*given, *named.values()) if isinstance(each, torch.Tensor)), None)
        if first is not None and first.ndim == 4:
            seen.add(tuple(first.shape[1:]))

    hook = network.register_forward_pre_hook(note, with_kwargs=True)
    try:
        yield seen
    finally:
        hook.remove()
