"""The processes that train one placement together, each on a device of its own."""

from __future__ import annotations

import socket
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Rank:
    """One of the processes, all on this machine."""

    number: int
    """0 for the one whose numbers count."""
    of: int
    """The number of processes."""
    port: int
    """The port at which they find each other."""

    def variables(self) -> dict[str, str]:
        """Return the environment in which Lightning knows that its processes were started for it."""
        return {
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(self.port),
            "NODE_RANK": "0",
            "LOCAL_RANK": str(self.number),
            "WORLD_SIZE": str(self.of),
        }


def free_port() -> int:
    """Return a port of this machine that nobody listens at now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
