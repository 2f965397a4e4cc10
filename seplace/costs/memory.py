"""Peak memory of a forward pass: bytes of live tensors on a CPU, of torch's allocator on a GPU."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def peak_memory_bytes(network: nn.Module, images: Tensor) -> int:
    """Return the peak bytes of a forward pass in inference mode, for a network in eval mode.

    On a CPU: the bytes of all live tensors after each operator, with parameters, buffers and the images (N, C, H, W).
    Temporary memory inside an operator is not seen; the number is the same on every run. On a GPU: the most that
    torch's allocator had allocated on that device, with the workspaces of operators.
    """
    if images.is_cuda:
        return _allocated(network, images)
    held = [*network.parameters(), *network.buffers(), images]
    with torch.inference_mode(), LiveTensors(held) as live:
        network(images)
    return int(live.peak_bytes)


def _allocated(network: nn.Module, images: Tensor) -> int:
    with torch.inference_mode():
        network(images)  # the first pass allocates the workspaces of libraries
        torch.cuda.synchronize(images.device)
        torch.cuda.reset_peak_memory_stats(images.device)
        network(images)
        torch.cuda.synchronize(images.device)
    return int(torch.cuda.max_memory_allocated(images.device))


class LiveTensors(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Count the bytes of live storages: those in `held`, and those that operators allocate inside it."""

    def __init__(self, held: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live_bytes = 0
        self.peak_bytes = 0
        self._sizes: dict[int, int] = {}
        self._releases: list[weakref.finalize[..., Any]] = []
        self._note(held)

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run an operator, and add the storages of the tensors that it returns."""
        result = func(*args, **(kwargs or {}))
        self._note(leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor))
        return result

    def __exit__(self, *raised: Any) -> None:
        """Stop counting."""
        for release in self._releases:
            release.detach()
        super().__exit__(*raised)  # type: ignore[no-untyped-call]

    def _note(self, tensors: Iterable[Tensor]) -> None:
        for tensor in tensors:
            storage = tensor.untyped_storage()
            key = id(storage)  # torch keeps one Python object a storage for as long as the storage lives
            if key not in self._sizes:
                self._sizes[key] = storage.nbytes()
                self.live_bytes += storage.nbytes()
                self._releases.append(weakref.finalize(storage, self._release, key))
        self.peak_bytes = max(self.peak_bytes, self.live_bytes)

    def _release(self, key: int) -> None:
        self.live_bytes -= self._sizes.pop(key)
