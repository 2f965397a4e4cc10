"""The blocks of a foreign network: the called modules that can have gates."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import nn

from seplace.backbones.foreign.calls import Calls, is_composite
from seplace.backbones.foreign.slotted import slots_of
from seplace.errors import InputError, InvalidBlocks, did_you_mean

_ACTIVATIONS = (
    nn.ReLU,
    nn.Hardtanh,  # ReLU6 is one
    nn.LeakyReLU,
    nn.PReLU,
    nn.ELU,
    nn.SELU,
    nn.CELU,
    nn.GELU,
    nn.SiLU,
    nn.Mish,
    nn.Hardswish,
)
_NORMS = ("torch.nn.modules.batchnorm", "torch.nn.modules.instancenorm", "torch.nn.modules.normalization")


@dataclass(frozen=True)
class Found:
    """The blocks of a network, and the modules that look like blocks and are not."""

    blocks: list[Calls]
    """The blocks in the order in which they run."""
    left_out: list[str]
    """A sentence each, such as `layer1 (Block) is called 2 times in one pass`."""


def find_blocks(network: nn.Module, seen: dict[str, Calls]) -> Found:
    """Return the blocks of a network.

    A candidate is a module with code of the user's own and modules in it, whose class runs several times. It is called
    once, and maps one map to one map by convolutions or linear layers over positions. Norms and activations are no
    candidates, nor are attention modules, which scale their input.

    - Where the modules of some classes add two maps, or concatenate maps without a module inside that adds, the
      outermost of these modules are the blocks.
    - Otherwise the innermost candidates with several convolutions are the blocks, or else those with one: a convolution
      with its norm and activation is a block only where there is nothing larger.
    - A network without candidates is a chain of layers, and its blocks are the activations after convolutions.

    Raises InputError for a network without any of these blocks.
    """
    _refuse_adopted(network)
    layered = [
        calls
        for calls in seen.values()
        if calls.path and calls.convolutions and is_composite(calls.module) and not _is_gate(calls)
    ]
    runs: Counter[type] = Counter()
    for calls in layered:
        runs[type(calls.module)] += calls.count
    usable = [calls for calls in layered if calls.is_map_to_map and runs[type(calls.module)] > 1]
    kinds = _kinds_of_blocks(usable)
    blocks = _outermost([calls for calls in usable if type(calls.module) in kinds])
    left_out = _left_out(network, layered, blocks, kinds, runs=runs)
    if not blocks:
        activations = _activations_after_convolutions(seen)
        blocks = [calls for calls in activations if calls.is_map_to_map]
        left_out += [f"{_named(calls)} {why}" for calls in activations if (why := _why_not(calls))]
    if not blocks:
        known = "".join(f"; {sentence}" for sentence in left_out)
        raise InputError(
            f"{type(network).__name__}: no blocks found (a class of modules with convolutions that occurs several "
            f"times, each called once with one map (N, C, H, W)){known}; name their paths: blocks=['layer1.0', …]"
        )
    return Found(blocks, left_out)


def _is_gate(calls: Calls) -> bool:
    return calls.scales_its_input and not calls.adds  # a gate may concatenate two statistics of its input


def _kinds_of_blocks(usable: Sequence[Calls]) -> set[type]:
    adding = {type(calls.module) for calls in usable if calls.adds}
    around = {type(calls.module) for calls in usable if _holds(calls, usable, adding)}
    joining = adding | {type(calls.module) for calls in usable if calls.concatenates} - (around - adding)
    if joining:
        return joining
    several = {type(calls.module) for calls in usable if calls.convolutions > 1}
    kinds = several or {type(calls.module) for calls in usable}
    return kinds - {type(calls.module) for calls in usable if _holds(calls, usable, kinds - {type(calls.module)})}


def _holds(calls: Calls, others: Iterable[Calls], kinds: set[type]) -> bool:
    """Whether a module holds another one of some classes."""
    return any(type(other.module) in kinds and other.path.startswith(f"{calls.path}.") for other in others)


def _left_out(
    network: nn.Module, layered: Sequence[Calls], blocks: Sequence[Calls], kinds: set[type], *, runs: Counter[type]
) -> list[str]:
    """Return why modules that look like blocks are not, a sentence each, except modules around or inside blocks."""
    sentences = {}
    ran = {calls.path for calls in layered}
    for calls in layered:
        kind = type(calls.module)
        joins = calls.adds or calls.concatenates
        if kind in kinds or (joins and runs[kind] > 1) or (calls.count > 1 and calls.convolutions > 1):
            sentences[calls.path] = _why_not(calls)
        elif joins:
            sentences[calls.path] = f"is the only {kind.__name__}"
    for path, module in network.named_modules():
        if path not in ran and type(module) in kinds:
            sentences[path] = "does not run by itself"
    paths = [calls.path for calls in blocks]
    names = {path: type(module).__name__ for path, module in network.named_modules()}
    apart = {
        path: why
        for path, why in sentences.items()
        if why and not any(f"{path}.".startswith(f"{one}.") or one.startswith(f"{path}.") for one in paths)
    }
    return [
        f"{path} ({names[path]}) {why}"
        for path, why in apart.items()
        if not any(path.startswith(f"{other}.") for other in apart)
    ]


def _named(calls: Calls) -> str:
    return f"{calls.path} ({type(calls.module).__name__})"


def _why_not(calls: Calls) -> str | None:
    if calls.count > 1:
        return f"is called {calls.count} times in one pass, and a block only once"
    return None if calls.is_map_to_map else "does not map one map (N, C, H, W) to one"


def named_blocks(network: nn.Module, seen: dict[str, Calls], patterns: Sequence[str]) -> list[Calls]:
    """Return the blocks that a user names by their paths, in the order in which they run.

    In a path `*` stands for any text without a dot, as in `layer*.*`. A module with several paths has the first one, as
    in `named_modules`. Raises InvalidBlocks, which lists all faults.
    """
    _refuse_adopted(network)
    if not patterns:
        raise InputError(f"{type(network).__name__}: blocks: name at least one path, or leave blocks out")
    known = [path for path, _ in network.named_modules() if path]
    meant = [[path for path in known if _is_meant(pattern, path)] for pattern in patterns]
    every = [path for paths in meant for path in paths]
    faults = []
    for at, (pattern, paths) in enumerate(zip(patterns, meant, strict=True)):
        if not paths:
            faults.append((at, pattern, f"there is no such module{did_you_mean(pattern, known)}"))
        for path in paths:
            of = "" if path == pattern else f"{path} "
            outer = next((other for other in every if path.startswith(f"{other}.")), None)
            if any(path in earlier for earlier in meant[:at]):
                faults.append((at, pattern, f"{of}is listed twice"))
            elif outer is not None:
                faults.append((at, pattern, f"{of}is inside {outer!r}"))
            elif fault := _fault(seen.get(path)):
                faults.append((at, pattern, f"{of}{fault}"))
    if faults:
        raise InvalidBlocks(type(network).__name__, faults)
    return [calls for path, calls in seen.items() if path in every]


def _is_meant(pattern: str, path: str) -> bool:
    parts, names = pattern.split("."), path.split(".")
    return len(parts) == len(names) and all(map(fnmatch.fnmatchcase, names, parts))


def _fault(calls: Calls | None) -> str | None:
    return "is never called by itself" if calls is None else _why_not(calls)


def _refuse_adopted(network: nn.Module) -> None:
    for module in network.modules():
        if slots_of(module) is not None:
            raise InputError(f"{type(module).__name__}: the network was adopted already; adopt it as it was before")


def _outermost(found: list[Calls]) -> list[Calls]:
    paths = [calls.path for calls in found]
    return [calls for calls in found if not any(calls.path.startswith(f"{path}.") for path in paths)]


def _activations_after_convolutions(seen: dict[str, Calls]) -> list[Calls]:
    found = []
    is_after = False
    for calls in seen.values():
        if any(calls.module.children()):
            continue
        if is_after and isinstance(calls.module, _ACTIVATIONS):
            found.append(calls)
        is_convolution = isinstance(calls.module, nn.Conv2d | nn.ConvTranspose2d)
        is_after = is_convolution or (is_after and type(calls.module).__module__ in _NORMS)
    return found
