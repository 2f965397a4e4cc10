"""The declarations of a line of the sampler shelf."""

from __future__ import annotations

from dataclasses import dataclass

from seplace.registry import Entry


@dataclass(frozen=True)
class SamplerEntry(Entry):
    """A sampler, made as `make(seed, task)`."""

    reads_study: bool = True
    """Whether proposals depend on the trials of the study, or on their number; it is not filled for one that does not.

    The seed alone then decides a proposal, so that a long study is resumed without telling all its results again.
    """
