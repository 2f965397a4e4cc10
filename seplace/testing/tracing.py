"""Whether torch.fx and torch.jit.script take a module, and compute with it what it computes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn

from seplace.testing.expectations import expect

TRACERS: dict[str, Callable[[nn.Module], Any]] = {"torch.fx": fx.symbolic_trace, "torch.jit.script": torch.jit.script}


def expect_traceable(module: nn.Module, images: Tensor, what: str, *, tracer: str) -> None:
    """Check that a traced module in training and in eval mode gives the same output to the bit."""
    for is_training in (True, False):
        own = copy.deepcopy(module).train(is_training)
        try:
            traced = TRACERS[tracer](own)
        except Exception as error:
            raise AssertionError(f"{what}: {tracer} does not trace it: {error}") from error
        # Batch norms keep statistics, which do not change their output.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            expected = module.train(is_training)(images)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            found = traced(images)
        mode = "training" if is_training else "eval"
        expect(torch.equal(found, expected), f"{what}: {tracer} gives another output in {mode} mode")
