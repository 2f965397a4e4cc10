"""The global random state of a training of the user's own: it follows from a seed, and is as before at the end."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

_OF_LIGHTNING = ("PL_GLOBAL_SEED", "PL_SEED_WORKERS", "CUBLAS_WORKSPACE_CONFIG")
"""The variables that Lightning sets: for the seeds of data loaders' workers, and for deterministic algorithms."""


def seed_all(seed: int) -> None:
    """Seed torch (all devices), NumPy and Python."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


@contextmanager
def own_random_state(seed: int) -> Iterator[None]:
    """Seed everything that a training of the user's own may draw from, and restore all of it at the end.

    Also the switches of torch that arguments of the Trainer set: deterministic algorithms, and cuDNN's benchmark.
    """
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    of_gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None  # type: ignore[no-untyped-call]
    variables = {name: os.environ.get(name) for name in _OF_LIGHTNING}
    is_deterministic = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    cudnn = torch.backends.cudnn
    switches = cudnn.benchmark, cudnn.deterministic
    os.environ["PL_GLOBAL_SEED"], os.environ["PL_SEED_WORKERS"] = str(seed % 2**32), "1"
    seed_all(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
        if of_gpus is not None:
            torch.cuda.set_rng_state_all(of_gpus)
        for name, value in variables.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        torch.use_deterministic_algorithms(is_deterministic[0], warn_only=is_deterministic[1])
        cudnn.benchmark, cudnn.deterministic = switches
