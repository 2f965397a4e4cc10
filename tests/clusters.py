"""Ray clusters for tests: one on this machine for all tests of a process, and ones of several nodes."""

import logging
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.faults.runs import children_of

# A token of this process, so that Ray writes none into the home folder.
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(16))


@contextmanager
def local_cluster(*, cpus: int) -> Iterator[None]:
    """Connect this process to a cluster of its own, which executors use and leave running."""
    from seplace.executors.ray_cluster import ENVIRONMENT

    os.environ.update(ENVIRONMENT)
    import ray

    handler = signal.getsignal(signal.SIGTERM)
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        ray.init(
            address="local",
            num_cpus=cpus,
            num_gpus=0,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            object_store_memory=100 * 2**20,
            _temp_dir=folder,
        )
        signal.signal(signal.SIGTERM, handler)
        try:
            yield
        finally:
            ray.shutdown()


class Nodes:
    """A cluster of several nodes on this machine, started as a user starts them; each can be killed."""

    def __init__(self, folder: Path, *, head_cpus: int = 0, environment: dict[str, str] | None = None) -> None:
        # A token of the cluster's own: it answers nobody else on this machine.
        self.environment = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(16),
            "RAY_TMPDIR": tempfile.mkdtemp(prefix="ray-"),
            "RAY_raylet_start_wait_time_s": "90",
            "OMP_NUM_THREADS": "1",
            **(environment or {}),
        }
        self.folder = folder
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.nodes: list[subprocess.Popen[bytes]] = []
        head = ["--head", f"--port={self.port}", "--include-dashboard=false", "--disable-usage-stats"]
        self._start([*head, f"--num-cpus={head_cpus}", f"--temp-dir={self.environment['RAY_TMPDIR']}"])

    def add(self, *, cpus: int = 1, resources: str = "{}", hidden: Path | None = None) -> subprocess.Popen[bytes]:
        """Start a node; it sees an empty folder in the place of the hidden one."""
        options = [f"--address={self.address}", f"--num-cpus={cpus}", f"--resources={resources}"]
        return self._start(options, hidden=hidden)

    def _start(self, options: list[str], hidden: Path | None = None) -> subprocess.Popen[bytes]:
        command = [RAY, "start", "--block", "--object-store-memory=100000000", *options]
        if hidden is not None:
            mount = f"mount -t tmpfs none {shlex.quote(str(hidden))}"
            command = ["unshare", "-m", "sh", "-c", f"{mount} && exec {shlex.join(command)}"]
        with (self.folder / f"node-{len(self.nodes)}.log").open("wb") as log:
            node = subprocess.Popen(
                command, stdout=log, stderr=log, env=os.environ | self.environment, start_new_session=True
            )
        self.nodes.append(node)
        until = time.monotonic() + 90  # one after the other: nodes that start together take each other's ports
        while "will now block" not in (text := Path(log.name).read_text()):
            assert node.poll() is None, text
            assert time.monotonic() < until, text
            time.sleep(0.1)
        return node

    def wait_for(self, count: int, *, seconds: float = 90) -> None:
        """Wait until the cluster has this number of nodes, the head included."""
        until = time.monotonic() + seconds
        while True:
            done = subprocess.run(
                [sys.executable, "-c", COUNT, self.address],
                env=os.environ | self.environment,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.stdout.strip() == str(count):
                return
            assert time.monotonic() < until, f"{done.stdout} of {count} nodes are there: {done.stderr[-2000:]}"

    def kill(self, node: subprocess.Popen[bytes]) -> None:
        """Kill a node and all that runs on it at once, as when a machine fails."""
        for pid in [node.pid, *descendants_of(node.pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        node.wait()

    def close(self) -> None:
        for node in reversed(self.nodes):
            self.kill(node)
        shutil.rmtree(self.environment["RAY_TMPDIR"], ignore_errors=True)


RAY = str(Path(sys.executable).with_name("ray"))
COUNT = """
import logging, sys, ray
ray.init(address=sys.argv[1], log_to_driver=False, logging_level=logging.CRITICAL)
print(sum(node["Alive"] for node in ray.nodes()))
"""


@contextmanager
def nodes(folder: Path, **options: Any) -> Iterator[Nodes]:
    cluster = Nodes(folder, **options)
    try:
        yield cluster
    finally:
        cluster.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def descendants_of(pid: int) -> list[int]:
    found = []
    for child in children_of(pid):
        found += [child, *descendants_of(child)]
    return found
