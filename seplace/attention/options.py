"""Options of all gates of a space, of every module, ratio and attachment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from seplace.errors import InputError, whole_number

Init = Literal["paper", "identity"]


@dataclass(frozen=True, kw_only=True)
class GateOptions:
    """The start of gates, and their least number of hidden units."""

    init: Init
    """`paper`: drawn as in the module's paper. `identity`: the gate is exactly 1 before the first step."""
    min_hidden: int = 1
    """The least number of hidden units h = max(C // r, min_hidden) of a module with a reduction ratio r."""

    def __post_init__(self) -> None:
        if self.init not in get_args(Init):
            raise InputError(f"a gate's init is one of {', '.join(get_args(Init))} (got {self.init!r})")
        whole_number("a gate's min_hidden", self.min_hidden, least=1)
