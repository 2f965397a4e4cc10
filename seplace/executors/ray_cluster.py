"""The connection to a Ray cluster, or to one that is started here for a run and ends with it.

Everything of Ray is called in one thread: a signal that arrives meanwhile is handled in the main thread, whose handlers
Ray would replace, and the processes of a cluster that is started here end with the thread that started them.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from seplace.errors import ClusterUnavailable, InputError, MissingPackage
from seplace.files.scratch import Scratch

if TYPE_CHECKING:
    from seplace.study.study_file import RunSection

_P = ParamSpec("_P")
_T = TypeVar("_T")

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # would copy the current folder, results included, to each machine
    "RAY_NUM_REDIS_GET_RETRIES": "5",  # seconds, after which nobody waits for a cluster that does not answer
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # as Ray is going to do; it warns otherwise
}
"""Settings that Ray reads when it is imported, where the user has not set them."""

_OBJECT_STORE = 256 * 2**20
"""The bytes of shared memory of a cluster that is started here, in which all workers read files themselves."""

_LONGEST_PLACE = 40
"""The length of the path of a temporary folder beyond which the names of Ray's sockets would be too long."""

_CONNECT_SECONDS = 5.0
_JOIN_SECONDS = 45.0

_MARK = "The error of Ray:"
_TRIAL = f"""\
import logging, sys, ray
try:
    ray.init(address=sys.argv[1], log_to_driver=False, logging_level=logging.CRITICAL)
except Exception as error:
    sys.exit(f"{_MARK} {{type(error).__name__}} {{error.__cause__ or error}}")
"""
"""A program that joins a cluster."""


def address_of(run: RunSection) -> str | None:
    """Return the address of the cluster that a study names, or else the environment; None for a cluster of its own."""
    address = run.address or os.environ.get("RAY_ADDRESS") or "local"
    return None if address == "local" else address


class Cluster:
    """A cluster that trainings run on; it is joined on the first use."""

    def __init__(self, run: RunSection, *, workers: int, devices: int = 1) -> None:
        """Take the number of workers, and that of the devices of one training.

        Raises MissingPackage where Ray is not installed, and InputError for a malformed address.
        """
        if importlib.util.find_spec("ray") is None:
            raise MissingPackage("executor ray needs the package ray: pip install 'seplace[ray]'")
        self.run = run
        self.workers = workers
        self.devices = devices
        self.cpus = run.threads * devices
        """The processors that a training holds."""
        self.address = address_of(run)
        if self.address is not None and "://" in self.address:
            raise InputError(
                f"address {self.address}: a Ray cluster is joined from one of its machines, by host:port or auto; "
                "seplace does not use Ray's client"
            )
        self.node = ""
        """The identifier of the machine that the driver runs on."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="seplace-ray")
        self._is_joined = False
        self._is_ours = False
        self._scratch: Scratch | None = None

    def call(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call a function in the thread of Ray, once the cluster is joined."""
        is_new = not self._is_joined
        try:
            return self._thread.submit(self._call, functools.partial(function, *args, **kwargs)).result()
        finally:
            if is_new:
                _restore_signals()

    def _call(self, function: Callable[[], _T]) -> _T:
        self._join()
        return function()

    def leave(self, last: Callable[[], None]) -> None:
        """Call `last`, and end the connection, with the cluster if it was started here; nothing if it was not joined.

        A connection that the user's own program has made stays.
        """
        self._thread.submit(self._leave, last).result()
        self._thread.shutdown()

    def _leave(self, last: Callable[[], None]) -> None:
        if not self._is_joined:
            return
        import ray

        try:
            last()
        finally:
            if self._is_ours:
                ray.shutdown()
            if self._scratch is not None:
                self._scratch.remove()
            self._is_joined = False

    def _join(self) -> None:
        if self._is_joined:
            return
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        import ray

        if not ray.is_initialized():
            try:
                self._begin()
            except Exception as error:
                if self._scratch is not None:
                    self._scratch.remove()
                raise ClusterUnavailable(self.reason(error)) from error
            self._is_ours = True
        self.node = ray.get_runtime_context().get_node_id()
        self._is_joined = True

    def _begin(self) -> None:
        from ray._private import worker as internals

        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL, "include_dashboard": False}
        if self.address is None:
            if "RAY_TMPDIR" not in os.environ:
                self._scratch = Scratch("seplace-ray-", parent=_short_place())
                quiet["_temp_dir"] = str(self._scratch.path)
            own = {
                "address": "local",
                "num_cpus": self.workers * self.cpus,
                "num_gpus": 0 if self.run.accelerator == "cpu" else None,
                "object_store_memory": _OBJECT_STORE,
            }
            _init({**own, **quiet})
        else:
            _knock(self.address)
            _try_to_join(self.address)
            del quiet["include_dashboard"]
            _init({"address": self.address, **quiet})
        internals._worker_logs_enabled = False  # a dead worker is reported as a failed training

    def reason(self, error: Exception) -> str:
        """Return one line about a cluster that cannot be joined."""
        text, whole = _first_line(error), f"{error} {error.__cause__}"
        if self.address is None:
            return f"no Ray cluster can be started here: {text}"
        where = f"the Ray cluster at {self.address}" if self.address != "auto" else "the Ray cluster of this machine"
        if "Version mismatch" in whole:
            found = re.findall(r"(Ray|Python): (\S+)", whole)
            theirs, ours = found[:2], found[2:4]
            differing = " and ".join(
                f"{name} {its}, here it is {here}"
                for (name, its), (_, here) in zip(theirs, ours, strict=False)
                if its != here
            )
            return f"{where} runs {differing or 'another version'}: all machines need the same ones"
        if re.search("(?i)AuthenticationError|auth.{0,20}token|unauthenticated", whole):
            return (
                f"{where} takes only those who have its token: set RAY_AUTH_MODE=token, and put the token into "
                "~/.ray/auth_token, as ray get-auth-token prints it on a machine of the cluster"
            )
        return f"{where} cannot be joined: {text}"

    # What the cluster has; in the thread of Ray

    def gpus_of_training(self) -> float:
        """Return the GPUs that a training holds, or its share of one; 0 for trainings on processors."""
        import ray

        has_gpus = ray.cluster_resources().get("GPU", 0.0) > 0
        if self.run.accelerator == "cpu" or (self.run.accelerator == "auto" and not has_gpus):
            return 0.0
        return float(self.devices) if self.devices > 1 else self.run.gpus or 1.0

    def refuse_if_nothing_fits(self, *, gpus: float) -> None:
        """Raise ClusterUnavailable if no machine of the cluster is large enough for a training."""
        if not any(node.get("CPU", 0.0) >= self.cpus and node.get("GPU", 0.0) >= gpus for node in self.resources()):
            raise ClusterUnavailable(
                f"no machine of the Ray cluster is large enough for a training: it needs {self.wanted(gpus)}"
            )

    def room(self) -> int:
        """Return how many trainings the machines of the cluster have room for, were nothing else on them."""
        gpus = self.gpus_of_training()
        return sum(
            int(min([node.get("CPU", 0.0) // self.cpus, *([node.get("GPU", 0.0) // gpus] if gpus else [])]))
            for node in self.resources()
        )

    def wanted(self, gpus: float) -> str:
        """Return the resources of one training in words."""
        of_gpu = "" if not gpus else " and a GPU" if gpus == 1 else f" and {gpus:g} of a GPU"
        of_gpu = f" and {gpus:g} GPUs" if gpus > 1 else of_gpu
        return f"{self.cpus} CPU{'s' if self.cpus > 1 else ''}{of_gpu}"

    def resources(self) -> list[dict[str, float]]:
        """Return the resources of each machine that is alive, as it was started with."""
        import ray

        return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def room_of(run: RunSection, *, devices: int, cores: int, gpus: int) -> int:
    """Return how many trainings the cluster of a study has room for; one of its own has the cores and GPUs of here."""
    if address_of(run) is None:
        each, threads = float(devices) if devices > 1 else run.gpus or 1.0, run.threads * devices
        return int(min(cores // threads, gpus / each) if gpus else cores // threads)
    cluster = Cluster(run, workers=1, devices=devices)
    try:
        return cluster.call(cluster.room)
    finally:
        cluster.leave(lambda: None)


def _restore_signals() -> None:
    """Let Python's handlers be the process's again: Ray puts its own in their place, which abort after 3 s."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if handler is not None:
                signal.signal(number, handler)


def _init(settings: dict[str, Any]) -> None:
    import ray

    try:
        ray.init(**settings)
    except BaseException:
        ray.shutdown()  # of what has been started until then
        raise


def _knock(address: str) -> None:
    """Raise an OSError at once where nothing answers, for which Ray would wait half a minute."""
    host, _, port = address.rpartition(":")
    if address == "auto":
        return
    if not host or not port.isdigit():
        raise ValueError("an address is host:port, or auto")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS):
        pass


def _try_to_join(address: str) -> None:
    """Join a cluster in a process of its own: Ray prints much where that fails, aborts, or tries for ever."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _TRIAL, address],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_JOIN_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"no Ray cluster answers there within {_JOIN_SECONDS:.0f} s") from None
    if done.returncode:
        raise ConnectionError(done.stderr.partition(_MARK)[2] or done.stderr or f"exit code {done.returncode}")


def _first_line(error: Exception) -> str:
    with suppress(AttributeError):
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
    lines = [line.strip() for line in str(error.__cause__ or error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _short_place() -> Path | None:
    """Return the folder for temporary ones; None for the usual one, unless its path is long."""
    import tempfile

    return Path("/tmp") if len(tempfile.gettempdir()) > _LONGEST_PLACE else None
