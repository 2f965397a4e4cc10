"""The files of trained weights, in the safetensors format."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import nn

from seplace.errors import CorruptResults, InputError, MissingWeights
from seplace.files.atomic import is_file, sha256_of, write_atomically
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation

_BESIDE = ".beside"
"""The ending of the file with what a module holds beside its network."""

_GATE_OF_0_1 = re.compile(r"(?P<block>stages\.(?P<stage>\d+)\.\d+)\.(?:join|residual\.pre)\.gate\.(?P<tensor>[\w.]+)")


def serialize_weights(network: nn.Module) -> bytes:
    """Return the state of a network as the content of a file; a tensor with several names is stored under each.

    Raises InputError where the state holds anything but tensors.
    """
    tensors = {}
    for name, value in network.state_dict().items():
        if not isinstance(value, torch.Tensor):
            raise InputError(
                f"{type(network).__name__}: its state holds {name}, a {type(value).__name__}; only tensors can be kept"
            )
        # A copy each: the format takes no two tensors that share memory, as tied weights and views do.
        tensors[name] = value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
    return save_safetensors(tensors)


def read_weights(folder: Path, evaluation: Evaluation) -> dict[str, torch.Tensor]:
    """Read the trained weights of an evaluation.

    Raises MissingWeights where the file is not there, and CorruptResults where it was changed or never kept.
    """
    if evaluation.weights is None:
        raise CorruptResults(f"{evaluation.placement}, seed {evaluation.seed}: no weights were kept")
    path = folder / "weights" / evaluation.weights
    if path.parent != folder / "weights" or path.name in ("", ".."):  # `../..`, or an absolute path
        raise CorruptResults(f"{evaluation.placement}, seed {evaluation.seed}: {evaluation.weights!r} is no file name")
    if not path.exists():
        raise MissingWeights(f"{path}: the trained weights are not there; they are made by the run")
    if not is_file(path):  # reading a FIFO would not end
        raise CorruptResults(f"{path}: is no file")
    data = path.read_bytes()
    if sha256_of(data) != evaluation.weights_sha256:
        raise CorruptResults(f"{path}: the trained weights are not those that were written (SHA-256 differs)")
    try:
        tensors = load_safetensors(data)
    except (SafetensorError, ValueError, TypeError, KeyError) as error:
        raise CorruptResults(f"{path}: not readable as safetensors ({error})") from error
    return {_current_name(name, evaluation.placement): tensor for name, tensor in tensors.items()}


def _current_name(name: str, placement: Placement) -> str:
    """Return the name of a tensor today; version 0.1 had the gates elsewhere in a block."""
    match = _GATE_OF_0_1.fullmatch(name)
    if match is None:
        return name
    slots = {"serial": "residual", "pre": "residual", "parallel": "shortcut"}
    at = int(match["stage"])
    slot = slots.get(placement.choices[at].attachment) if at < len(placement) else None
    return name if slot is None else f"{match['block']}.{slot}.attention.gate.{match['tensor']}"


def write_beside(folder: Path, file_name: str, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write what a module of the user's own holds beside its network, such as a head; the file begins with its SHA-256.

    It is written also where there is nothing, so that a file that is missing is noticed.
    """
    data = save_safetensors({name: value.clone().contiguous() for name, value in tensors.items()})
    path = folder / "weights" / f"{file_name}{_BESIDE}"
    write_atomically(path, sha256_of(data).encode() + data, parents=False)


def read_beside(folder: Path, evaluation: Evaluation) -> dict[str, torch.Tensor]:
    """Read what `write_beside` wrote. Raises MissingWeights or CorruptResults, as `read_weights`."""
    path = folder / "weights" / f"{evaluation.weights}{_BESIDE}"
    if not path.is_file():
        raise MissingWeights(f"{path}: the trained weights beside the network are not there; they are made by the run")
    stored = path.read_bytes()
    digest, data = stored[:64], stored[64:]
    if sha256_of(data).encode() != digest:
        raise CorruptResults(f"{path}: the trained weights are not those that were written (SHA-256 differs)")
    return load_safetensors(data)
