"""Ray clusters for tests: one on this machine for all tests of a process, and ones of several nodes."""

import logging
import os
import secrets
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

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
