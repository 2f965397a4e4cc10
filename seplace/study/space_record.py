"""Search spaces as results keep them: read back without the code of the user's own that a space file may name."""

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
    """Return all that is known of a space, as plain JSON types."""
    return {
        "name": space.name,
        "backbone": backbone_record(space.backbone),
        "variants": [backbone_record(variant) for variant in space.variants],
        "choices": [[str(choice) for choice in choices] for choices in space.choices],
        "gate": asdict(space.gate),
    }


def space_of_record(record: Mapping[str, Any]) -> SearchSpace:
    """Read what `space_record` gave, and import nothing; CorruptResults for anything else."""
    try:
        return SearchSpace(
            name=record["name"],
            backbone=backbone_of_record(record["backbone"]),
            variants=tuple(backbone_of_record(variant) for variant in record["variants"]),
            choices=tuple(tuple(StageChoice.parse(choice) for choice in choices) for choices in record["choices"]),
            gate=GateOptions(**record["gate"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, InputError) as error:
        raise CorruptResults(f"what the results keep of their space cannot be read ({error})") from error
