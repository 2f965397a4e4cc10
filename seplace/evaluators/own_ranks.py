"""A training of the user's own on several devices: one process for each, as torch's own launcher would start them.

They are new processes for each training and end with it. The first of them reports its epochs and sends the trained
network; an error of any ends all.
"""

from __future__ import annotations

import pickle
import subprocess
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from typing import Any

import torch
from safetensors.torch import load, save

from seplace.child_process import end_with, start_process
from seplace.datasets.decoding import limit_threads
from seplace.errors import SeplaceError, TrainingFailed
from seplace.evaluators.own_networks import OwnNetworks
from seplace.evaluators.weights import serialize_weights
from seplace.machine import memory_kills, usable_cores
from seplace.placement import Placement
from seplace.results.evaluation import Job
from seplace.study.config import StudyConfig
from seplace.training.checkpoints import Checkpoint, resume_point
from seplace.training.devices import use_device
from seplace.training.own_fit import OwnFit, fit_own
from seplace.training.rank import Rank, free_port
from seplace.user_modules import USER_MODULES, find_user_modules

_POLL_SECONDS = 0.5
_LISTEN_SECONDS = 2.0
"""How long the others are listened to after an error: the first error is the cause, the others lost their partner."""
_PORTS = 3
"""The ports that are tried: another program may have taken one meanwhile."""
_PORT_IS_TAKEN = ("EADDRINUSE", "address already in use")


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What each process is given."""

    config: StudyConfig
    device: str
    placement: str
    seed: int
    until: int
    checkpoint: Checkpoint
    rank: Rank


@dataclass(frozen=True, kw_only=True)
class _Trained:
    fit: OwnFit
    """Without the state beside the network; tensors are sent as bytes, since their sender ends."""
    beside: bytes
    weights: bytes


@dataclass(frozen=True, kw_only=True)
class _Failed:
    error: SeplaceError | str
    """An error of seplace, or the traceback of any other."""
    at: float
    """The time of the clock: the earliest error is the cause of the others."""


def fit_on_devices(
    networks: OwnNetworks,
    job: Job,
    *,
    checkpoint: Checkpoint,
    on_epoch: Callable[[int], None],
) -> tuple[torch.nn.Module, OwnFit]:
    """Train a placement on as many devices as its study says; return the trained network, and what its training gave.

    The devices are those from the one of `networks` on. Raises the errors of `fit_own`, and TrainingFailed (`crashed`,
    or `oom`) where a process ends by itself.
    """
    resume_point(checkpoint)  # a damaged one is put aside once, and not by all at the same time
    for _ in range(_PORTS - 1):
        try:
            return _fit(networks, job, checkpoint=checkpoint, on_epoch=on_epoch)
        except RuntimeError as error:
            if not any(text in str(error) for text in _PORT_IS_TAKEN):
                raise
    return _fit(networks, job, checkpoint=checkpoint, on_epoch=on_epoch)


def _fit(
    networks: OwnNetworks, job: Job, *, checkpoint: Checkpoint, on_epoch: Callable[[int], None]
) -> tuple[torch.nn.Module, OwnFit]:
    config, port = networks.config, free_port()
    works = [
        _Work(
            config=config,
            device=str(networks.device),
            placement=str(job.placement),
            seed=job.seed,
            until=job.epochs,
            checkpoint=checkpoint,
            rank=Rank(number=number, of=networks.training.devices, port=port),
        )
        for number in range(networks.training.devices)
    ]
    kills = memory_kills()
    with _processes(works, threads=config.run.threads) as processes:
        trained = _result(processes, on_epoch=on_epoch, kills_before=kills)
    network = networks.build(job.placement, seed=job.seed)
    network.load_state_dict(load(trained.weights))
    return network, replace(trained.fit, beside=load(trained.beside))


@contextmanager
def _processes(works: list[_Work], *, threads: int) -> Iterator[list[tuple[subprocess.Popen[bytes], Connection]]]:
    """Start a process for each work, and end all of them."""
    started: list[tuple[subprocess.Popen[bytes], Connection]] = []
    try:
        for work in works:
            started.append(
                start_process(
                    "seplace.evaluators.own_ranks",
                    "run_rank",
                    (USER_MODULES.to_record(), pickle.dumps(work)),
                    threads=threads,
                    variables=work.rank.variables(),
                )
            )
        yield started
    finally:
        for process, connection in started:
            process.kill()
            process.wait()
            connection.close()


def _result(
    processes: list[tuple[subprocess.Popen[bytes], Connection]],
    *,
    on_epoch: Callable[[int], None],
    kills_before: int,
) -> _Trained:
    """Wait for the result of the first process, or for an error of any."""
    alive = {connection: process for process, connection in processes}
    failed: list[_Failed] = []
    deadline = float("inf")
    while alive and time.monotonic() < deadline:
        for connection in wait(list(alive), timeout=_POLL_SECONDS):
            assert isinstance(connection, Connection)
            try:
                message = connection.recv()
            except (EOFError, OSError):
                code = alive.pop(connection).wait()
                if code:
                    failed.append(_Failed(error=_death(code, kills_before=kills_before), at=time.time()))
                    deadline = min(deadline, time.monotonic() + _LISTEN_SECONDS)
                continue
            if isinstance(message, _Trained):
                return message
            if isinstance(message, int):
                on_epoch(message)
            elif isinstance(message, _Failed):
                failed.append(message)
                deadline = min(deadline, time.monotonic() + _LISTEN_SECONDS)
    first = min(failed, key=lambda each: each.at)
    raise first.error if isinstance(first.error, SeplaceError) else RuntimeError(first.error)


def _death(code: int, *, kills_before: int) -> TrainingFailed:
    if memory_kills() > kills_before:
        return TrainingFailed("oom", "memory ran out: the system has killed one of its processes")
    return TrainingFailed("crashed", f"one of its processes ended with exit code {code}")


def run_rank(connection: Connection) -> None:
    """Train as one of the processes that the parent has started, and send what became of it."""
    parent, own_modules, content = connection.recv()
    end_with(parent)
    find_user_modules(own_modules)  # before objects of theirs are unpickled
    work: _Work = pickle.loads(content)
    limit_threads(usable_cores() // work.rank.of)
    torch.set_num_threads(work.config.run.threads)
    try:
        _train(work, connection)
    except SeplaceError as error:
        connection.send(_Failed(error=error, at=time.time()))
    except Exception:
        connection.send(_Failed(error=traceback.format_exc(), at=time.time()))


def _train(work: _Work, connection: Connection) -> None:
    use_device(torch.device(work.device))
    networks = OwnNetworks(work.config, device=work.device)
    network = networks.build(Placement.parse(work.placement), seed=work.seed)
    is_first = work.rank.number == 0
    fit = fit_own(
        network,
        training=networks.training,
        metric=work.config.metric,
        seed=work.seed,
        device=networks.device,
        checkpoint=work.checkpoint,
        on_epoch=connection.send if is_first else _ignore,
        until=work.until,
        rank=work.rank,
    )
    if is_first:
        beside = save({name: value.contiguous() for name, value in fit.beside.items()})
        connection.send(_Trained(fit=replace(fit, beside={}), beside=beside, weights=serialize_weights(network)))


def _ignore(epoch: Any) -> None:
    """Take the epochs of a process whose numbers do not count."""
