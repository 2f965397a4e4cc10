"""Search spaces as records in results, which are read without the user's own code that a space file may name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from seplace.attention.options import GateOptions
from seplace.backbones.foreign.stored import backbone_of_record, backbone_record
from seplace.errors import CorruptResults, InputError
from seplace.placement import StageChoice
from seplace.space import SearchSpace


def space_record(space: SearchSpace) -> dict[str, Any]:
    """Return a space as plain JSON types."""
    return {
        "name": space.name,
        "backbone": backbone_record(space.backbone),
        "variants": [backbone_record(variant) for variant in space.variants],
        "choices": [[str(choice) for choice in choices] for choices in space.choices],
        "gate": asdict(space.gate),
    }


def space_of_record(record: Mapping[str, Any]) -> SearchSpace:
    """Return the space of a record without importing anything; raises CorruptResults where it is not one."""
    try:
        return SearchSpace(
            name=record["name"],
            backbone=backbone_of_record(record["backbone"]),
            variants=tuple(backbone_of_record(variant) for variant in record["variants"]),
            choices=tuple(tuple(StageChoice.parse(choice) for choice in choices) for choices in record["choices"]),
            gate=GateOptions(**record["gate"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, InputError) as error:
        raise CorruptResults(f"the space in the ledger cannot be read ({error})") from error
