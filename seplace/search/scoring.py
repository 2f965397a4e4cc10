"""Proxies in a search: they score some placements before the first training, and the model learns from the scores.

Each score is committed to the ledger at once, so that an interrupted study does not score again. A score that is not
finite or cannot be computed is left out: a proxy may be useless, but it never ends a search.
"""

from __future__ import annotations

import math
import random
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from seplace.errors import InputError, UserCodeError
from seplace.placement import Placement
from seplace.seeds import derive_seed
from seplace.user_code import describe_error

if TYPE_CHECKING:
    from seplace.effects.covariates import Covariate
    from seplace.effects.design import Design
    from seplace.proxies.proxy import Proxy
    from seplace.results.ledger import Ledger
    from seplace.space import SearchSpace

_T = TypeVar("_T")

_SCORE, PROXY = "score/{}/", "proxy/"
"""Keys of the ledger's facts: the score of a placement; the time and the failure of what all placements share."""


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """The scoring by proxies before the first training."""

    makers: Mapping[str, Callable[[], Proxy]]
    """Functions that make each proxy, with all that its placements share, by its name."""
    count: int
    """The candidates of the space that are scored beside the baselines."""


@dataclass(frozen=True, kw_only=True)
class ProxyRecord:
    """The scores of one proxy in the ledger."""

    scores: Mapping[Placement, float]
    failed: Mapping[str, str]
    """The reason by placement, for placements without a score."""
    reason: str
    """The reason why the proxy could not be made; empty if it could."""
    seconds: float
    """The time of all placements together."""
    shared_seconds: float
    """The time that is spent once for all placements."""

    def seconds_of(self, count: int) -> float | None:
        """Return the time that `count` placements take, from those that were scored; None before the first."""
        if self.reason:
            return self.shared_seconds
        timed = len(self.scores) + len(self.failed)
        return self.shared_seconds + self.seconds * count / timed if timed else None


def placements_to_score(
    space: SearchSpace, baselines: Sequence[Placement], *, count: int, seed: int
) -> list[Placement]:
    """Return the baselines and `count` candidates drawn by a search's seed; all candidates if there are no more."""
    drawn: Sequence[int] = range(len(space))
    if len(space) > count:
        drawn = sorted(random.Random(derive_seed(seed, "scored")).sample(drawn, count))
    return list(dict.fromkeys([*baselines, *map(space.placement_at, drawn)]))


def score(name: str, placements: Sequence[Placement], *, ledger: Ledger, make: Callable[[], Proxy]) -> Iterator[None]:
    """Let a proxy score the placements that the ledger lacks. Yields once a placement."""
    known = ledger.facts(_SCORE.format(name))
    shared: dict[str, Any] = ledger.fact(PROXY + name) or {"seconds": 0.0, "reason": ""}
    proxy: Proxy | None = None
    if not shared["reason"] and any(str(placement) not in known for placement in placements):
        start = time.perf_counter()
        proxy, reason = _tried(make, fatal=(InputError,))
        shared = {"seconds": shared["seconds"] + time.perf_counter() - start, "reason": reason}
        ledger.set_fact(PROXY + name, shared)
    for placement in placements:
        if proxy is not None and str(placement) not in known:
            ledger.set_fact(_SCORE.format(name) + str(placement), _scored(proxy, placement))
        yield


def proxy_records(ledger: Ledger) -> dict[str, ProxyRecord]:
    """Return the scores of all proxies in a ledger, in the order of their names."""
    records = {}
    for name, shared in ledger.facts(PROXY).items():
        facts = ledger.facts(_SCORE.format(name))
        records[name] = ProxyRecord(
            scores={Placement.parse(text): fact["score"] for text, fact in facts.items() if fact["score"] is not None},
            failed={text: fact["reason"] for text, fact in facts.items() if fact["score"] is None},
            reason=shared["reason"],
            seconds=sum(fact["seconds"] for fact in facts.values()),
            shared_seconds=shared["seconds"],
        )
    return records


def covariates_of(design: Design, records: Mapping[str, ProxyRecord]) -> dict[str, Covariate]:
    """Return a covariate for each proxy: its score of every candidate, learned with a design without covariates."""
    from seplace.effects.covariates import learn_covariate, left_out

    return {
        name: left_out(len(record.scores), record.reason) if record.reason else learn_covariate(design, record.scores)
        for name, record in records.items()
    }


def warn_of_the_left_out(records: Mapping[str, ProxyRecord], covariates: Mapping[str, Covariate]) -> None:
    """Warn of each proxy that the model leaves out, and of each that could not score all placements."""
    for name, record in records.items():
        if reason := covariates[name].reason:
            warnings.warn(f"proxy {name} is left out: {reason}", stacklevel=2)
        if record.failed:
            text, reason = next(iter(record.failed.items()))
            count = f"{len(record.failed)} of {len(record.failed) + len(record.scores)} placements"
            warnings.warn(f"proxy {name}: {count} have no score, {text} among them: {reason}", stacklevel=2)


def _scored(proxy: Proxy, placement: Placement) -> dict[str, Any]:
    start = time.perf_counter()
    value, reason = _tried(lambda: float(proxy.score(placement)), fatal=())
    seconds = time.perf_counter() - start
    if value is not None and not math.isfinite(value):
        value, reason = None, f"the score is {value}"
    return {"score": value, "seconds": seconds, "reason": reason}


def _tried(act: Callable[[], _T], *, fatal: tuple[type[Exception], ...]) -> tuple[_T | None, str]:
    """Return the result of `act`, or None and the reason of its failure; fatal errors are raised."""
    try:
        return act(), ""
    except (Exception, SystemExit) as error:  # a proxy may be code of the user's own
        if isinstance(error, fatal) and not isinstance(error, UserCodeError):
            raise
        return None, str(error) if isinstance(error, UserCodeError) else describe_error(error)
