"""The suites that every entry of a shelf passes, for entries of your own.

Each function takes a name: that of an entry, of an entry point of an installed package, or an import path such as
`my_gates:Plain`. It returns None, or raises AssertionError with what is wrong. An entry that cannot be imported raises
InputError. Nothing is read from the current folder but what can be imported there.

>>> from seplace.testing import check_attention
>>> check_attention("eca")

The checks behind them are functions in a module a shelf, `seplace.testing.attention` for example, in tuples that a test
suite can be parametrized with:

    @pytest.mark.parametrize("check", seplace.testing.attention.REQUIRED)
    def test_my_gate(check):
        check("my_gates:Plain")
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import ParamSpec

from seplace.errors import InputError, SeplaceError, check_type
from seplace.user_code import describe_error

__all__ = [
    "check_attachment",
    "check_attention",
    "check_backbone",
    "check_cost",
    "check_dataset",
    "check_evaluator",
    "check_executor",
    "check_exporter",
    "check_logger",
    "check_proxy",
    "check_sampler",
]


_P = ParamSpec("_P")


def _failing_by_assertion(check: Callable[_P, None]) -> Callable[_P, None]:
    """Let any error of an entry's code fail a check with an AssertionError that names the error and its line."""

    @functools.wraps(check)
    def checked(*args: _P.args, **kwargs: _P.kwargs) -> None:
        name = next(iter((*args, *kwargs.values())), None)
        check_type("the name of an entry", name, str, said="a text")
        try:
            check(*args, **kwargs)
        except (AssertionError, SeplaceError):
            raise
        except (Exception, SystemExit) as error:  # sys.exit(0) in an entry must not end a test run as a success
            raise AssertionError(f"{check.__name__}({name!r}): {describe_error(error)}") from error

    return checked


@_failing_by_assertion
def check_attention(name: str, *, strict: bool = False, without_gradient: Collection[str] = ()) -> None:
    """Check an attention module: its gate fits the map, learns, and stands in a network that trains.

    Args:
        name: The module, built as its signature or its entry says, with reduction ratio 4 if it takes one.
        strict: Also check what seplace's own modules promise: half precision, the same gate under autocast, and that
            `init="identity"` changes no bit of a map.
        without_gradient: Names of parameters whose gradient is zero by construction, such as a bias in front of a
            batch norm.

    """
    from seplace.testing import attention

    for check in (*attention.REQUIRED, *(attention.PROMISED if strict else ())):
        check(name)
    attention.learns(name, without_gradient=without_gradient)


@_failing_by_assertion
def check_attachment(name: str) -> None:
    """Check an attachment of gates in six blocks: width, gradients, and that an open gate changes nothing."""
    from seplace.attachments import ATTACHMENTS
    from seplace.testing import attachments

    if not ATTACHMENTS.entry(name).takes_gates:
        raise InputError(f"attachment {name} comes with its module and takes no gates")
    for check in attachments.CHECKS:
        for place in attachments.BLOCKS:
            check(name, place)


@_failing_by_assertion
def check_backbone(text: str) -> None:
    """Check a backbone: its blocks, widths and shapes are as described, and it trains on its smallest images.

    `text` may have options, such as `my_nets:small[image_size=32]`.
    """
    from seplace.testing import backbones

    for check in backbones.CHECKS:
        check(text)


@_failing_by_assertion
def check_dataset(name: str, root: str | Path | None = None) -> None:
    """Check a data set: shapes, types and ranges of its splits, and that they depend on the seed alone.

    `root` is the folder of its files. The set is small: at least 11 images, and all are read.
    """
    from seplace.testing import datasets

    for check in datasets.CHECKS:
        check(name, None if root is None else Path(root))


@_failing_by_assertion
def check_cost(name: str) -> None:
    """Check a cost: it has a unit, is a finite number above 0, and a count depends on shapes alone."""
    from seplace.testing import costs

    for check in costs.CHECKS:
        check(name)


@_failing_by_assertion
def check_evaluator(name: str, results: str | Path | None = None) -> None:
    """Check an evaluator in a study of digits that takes some seconds: its answers, costs, and a run to the end.

    `results` is the folder of the same study for an evaluator that answers from one; see `evaluators.Case`.
    """
    from seplace.testing import evaluators

    with tempfile.TemporaryDirectory() as folder:
        case = evaluators.Case(name, Path(folder), results=None if results is None else Path(results))
        for check in evaluators.CHECKS:
            check(case)


@_failing_by_assertion
def check_executor(name: str) -> None:
    """Check an executor: each job comes back once, an error of one job fails that job, an error of all ends the run."""
    from seplace.testing import executors

    for check in executors.CHECKS:
        check(name)


@_failing_by_assertion
def check_sampler(name: str) -> None:
    """Check a sampler: it proposes candidates of the space, from the seed and the Optuna study alone."""
    from seplace.testing import samplers

    for check in samplers.CHECKS:
        check(name)


@_failing_by_assertion
def check_exporter(name: str) -> None:
    """Check an exporter: it writes a folder, the same bytes for one network, and leaves nothing after a failure."""
    from seplace.testing import exporters

    for check in exporters.CHECKS:
        check(name)


@_failing_by_assertion
def check_logger(name: str) -> None:
    """Check a logger: it takes the learning curves of several trainings. One of a service sends them there."""
    from seplace.testing import loggers

    with tempfile.TemporaryDirectory() as folder:
        for check in loggers.CHECKS:
            check(name, Path(folder))


@_failing_by_assertion
def check_proxy(name: str) -> None:
    """Check a proxy: finite and repeatable scores that depend on the placement and the seed alone."""
    from seplace.testing import proxies

    with tempfile.TemporaryDirectory() as folder:
        networks = proxies.tiny_networks(Path(folder))
        for check in proxies.CHECKS:
            check(name, networks)
