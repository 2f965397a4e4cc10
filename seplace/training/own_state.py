"""The state of the process in a training of the user's own: drawn from a seed, and afterwards as it was before.

The user's code may change what belongs to the whole process. One training must not be another for what the one before
it has left: a folder, torch's default type, a number of threads.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import torch

from seplace.study.own_rules import KINDS
from seplace.study.own_training import OwnTraining
from seplace.user_modules import resolve


def seed_all(seed: int) -> None:
    """Seed torch (all devices), NumPy and Python."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


@contextmanager
def own_state(training: OwnTraining, seed: int) -> Iterator[None]:
    """Seed everything that a training of the user's own may draw from, and restore the state of the process at the end.

    These are the random states, the current folder, the environment variables, torch's default type, its number of
    threads and whether it takes gradients, and the switches that arguments of the Trainer set: deterministic
    algorithms, and cuDNN's benchmark. What the user's modules set when they are imported stays.
    """
    _import(training)
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    of_gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None  # type: ignore[no-untyped-call]
    folder, variables = Path.cwd(), dict(os.environ)
    dtype, threads, takes_gradients = torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()
    is_deterministic = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    cudnn = torch.backends.cudnn
    switches = cudnn.benchmark, cudnn.deterministic
    # as Lightning's seed_everything sets them, for the workers of data loaders
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
        with suppress(OSError):  # the folder was removed meanwhile
            os.chdir(folder)
        _restore_variables(variables)
        torch.set_default_dtype(dtype)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        torch.set_grad_enabled(takes_gradients)
        torch.use_deterministic_algorithms(is_deterministic[0], warn_only=is_deterministic[1])
        cudnn.benchmark, cudnn.deterministic = switches


def _import(training: OwnTraining) -> None:
    resolve(training.module, kind=KINDS["module"])
    resolve(training.data, kind=KINDS["data"])
    for callback in training.callbacks:
        resolve(callback.path, kind=KINDS["callback"])


def _restore_variables(variables: Mapping[str, str]) -> None:
    for name in os.environ.keys() - variables.keys():
        del os.environ[name]
    for name, value in variables.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
