"""The network that a module of the user's own is given: its parameter, its channels and its classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seplace.files.schema import Checked
from seplace.files.yaml_reader import Keys, Problem, spelled
from seplace.study.parameters import Parameters
from seplace.study.study_file import StudyFile

if TYPE_CHECKING:
    from seplace.space import SearchSpace

NETWORK_NAMES = frozenset(
    {
        *("network", "net", "model", "module", "backbone", "encoder", "cnn", "nn_module", "base", "body", "trunk"),
        *(
            "classifier",
            "segmenter",
            "segmentor",
            "detector",
            "regressor",
            "generator",
            "feature_extractor",
            "features",
        ),
    }
)
"""Usual names of the parameter that a network is given by."""


def takes_no_network(module: Parameters) -> str:
    """Return what a module must do whose first parameter is not for the network."""
    every = [name for name in (module.first, *module.names) if name is not None]
    return f"must take the network as its first parameter (it has {', '.join(every) or 'none'})"


def network_problems(checked: Checked[StudyFile], space: SearchSpace | None) -> Iterator[Problem]:
    """Find channels of inputs, and classes, that a network of the user's own cannot be built for."""
    if space is None:
        return
    fixed: list[tuple[Keys, str, str]] = [
        (("training", "input", 0), "in_channels", "must be {number}, the channels of {text}, which has"),
        (("training", "classes"), "num_classes", "is left out: {text} has"),
    ]
    for keys, name, rule in fixed:
        wanted: int | None = checked.sound(*keys)
        for backbone in space.backbones.values():
            number = backbone.fixed.get(name, wanted)
            if wanted is not None and number != wanted:
                said = f"{rule.format(number=number, text=backbone.text)} no parameter {name}"
                yield checked.document.problem(keys, said, got=spelled(wanted))
                break
