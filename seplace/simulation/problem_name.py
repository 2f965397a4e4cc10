"""Search problems by name: a landscape or the results folder of a tabular benchmark, with options in brackets.

`usual[proxy=0.6,images=500]`; `results/cifar10-table[truth=effects,images=2000]`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from seplace.errors import InputError, UnknownName
from seplace.files.atomic import is_file
from seplace.simulation.landscapes import LANDSCAPES, landscape
from seplace.simulation.resampled import Truth, resampled_problem
from seplace.simulation.tabular import tabular_problem
from seplace.simulation.validation_sample import with_images

if TYPE_CHECKING:
    from seplace.simulation.problem import SearchProblem

_OF_LANDSCAPES = ("proxy", "images")
_OF_BENCHMARKS = ("truth", "images")

_MOST_IMAGES = 1_000_000


def problem_of(name: str, *, number: int) -> SearchProblem:
    """Return the problem of a repetition; its number seeds a landscape, a benchmark's order or noise, and the split.

    Raises UnknownName or InputError for a name that is not one, and for options that are not its own.
    """
    stem, options = (name, []) if _is_benchmark(name) else _parts(name)
    if stem in LANDSCAPES:
        given = _read(name, options, kind="landscape", known=_OF_LANDSCAPES)
        problem = landscape(stem, seed=number, correlation=_correlation(name, given))
    elif _is_benchmark(stem):
        given = _read(name, options, kind="tabular benchmark", known=_OF_BENCHMARKS)
        truth = _truth(given)
        folder = Path(stem)
        problem = resampled_problem(folder, truth, seed=number) if truth else tabular_problem(folder, seed=number)
    else:
        raise UnknownName("landscape or results folder of a tabular benchmark", stem, LANDSCAPES)
    images = _images(name, given)
    if images is not None and not problem.metric.is_accuracy:
        raise InputError(f"{name!r}: images are classified right or not, and the metric is {problem.metric.label}")
    return problem if images is None else with_images(problem, images=images, seed=number)


def _is_benchmark(folder: str) -> bool:
    return is_file(Path(folder) / "ledger.sqlite")


def _parts(name: str) -> tuple[str, list[str]]:
    """Return what stands before the brackets, and the options in them."""
    stem, bracket, rest = name.removesuffix("]").rpartition("[")
    return (stem, rest.split(",")) if bracket and name.endswith("]") else (name, [])


def _read(name: str, options: Sequence[str], *, kind: str, known: tuple[str, ...]) -> Mapping[str, str]:
    """Return the options of a problem by their names."""
    given: dict[str, str] = {}
    for option in options:
        key, _, value = (each.strip() for each in option.partition("="))
        if key not in known:
            raise UnknownName(f"option of a {kind}", key, known)
        if key in given:
            raise InputError(f"{kind} {name!r}: {key} is given twice")
        given[key] = value
    return given


def _correlation(name: str, given: Mapping[str, str]) -> float | None:
    """Return the correlation of the proxy with the truth; None without a proxy."""
    if "proxy" not in given:
        return None
    try:
        correlation = float(given["proxy"])
    except ValueError:
        correlation = math.nan
    if not -1 <= correlation <= 1:
        raise InputError(f"landscape {name!r}: proxy is a correlation from -1 to 1 (got {given['proxy']})")
    return correlation


def _truth(given: Mapping[str, str]) -> Truth | None:
    """Return the truth of a benchmark; None: as recorded."""
    truth = given.get("truth")
    if truth is not None and truth not in get_args(Truth):
        raise UnknownName("truth of a tabular benchmark", truth, get_args(Truth))
    return cast("Truth | None", truth)


def _images(name: str, given: Mapping[str, str]) -> int | None:
    """Return the number of validation images; None for infinitely many."""
    text = given.get("images")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= _MOST_IMAGES):
        raise InputError(f"{name!r}: images is a whole number from 1 to {_MOST_IMAGES:,} (got {text})")
    return int(text)
