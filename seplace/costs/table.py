"""Prices: counted costs are exactly additive over stages, so each (stage, choice) is counted once."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from seplace.costs import COSTS
from seplace.placement import Placement, StageChoice

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class PriceTable:
    """The counted costs of the plain backbone, and what each choice adds in each stage.

    Prices any placement of the choices it was counted for by addition, without torch and equal to the integer.
    """

    names: tuple[str, ...]
    plain: tuple[int, ...]
    """The plain backbone's cost for each name."""
    extras: tuple[Mapping[StageChoice, tuple[int, ...]], ...]
    """For each stage: what a choice adds, for each name."""

    @classmethod
    def count(
        cls,
        plain: nn.Module,
        insert: Callable[[nn.Module, StageChoice], None],
        images: Tensor,
        choices: Sequence[Sequence[StageChoice]],
        *,
        names: Sequence[str],
    ) -> Self:
        """Count the plain network on images (1, C, H, W), and each stage with each of its choices.

        `insert` puts a choice into a stage. A stage is counted alone, on an input of the shape that it has in the plain
        network, so the whole table takes about one count of a network for each different choice.
        """
        from seplace.costs.stages import stage_inputs, stages_of  # torch is needed to count, not to price

        def count(network: nn.Module, inputs: Tensor) -> NDArray[np.int64]:
            return np.array([COSTS[name].measure(network, inputs) for name in names], dtype=np.int64)

        none = StageChoice()
        plain.eval()
        extras: list[dict[StageChoice, tuple[int, ...]]] = []
        for stage, inputs, stage_choices in zip(stages_of(plain), stage_inputs(plain, images), choices, strict=True):
            without = count(stage, inputs)
            extras.append({none: (0,) * len(names)})
            for choice in dict.fromkeys(stage_choices):
                if choice != none:
                    changed = copy.deepcopy(stage)
                    insert(changed, choice)
                    extras[-1][choice] = tuple((count(changed.eval(), inputs) - without).tolist())
        return cls(names=tuple(names), plain=tuple(count(plain, images).tolist()), extras=tuple(extras))

    def price(self, placement: Placement) -> dict[str, int]:
        """Return the cost of a placement by name."""
        added = [extras[choice] for extras, choice in zip(self.extras, placement.choices, strict=True)]
        return {
            name: plain + sum(extra[column] for extra in added)
            for column, (name, plain) in enumerate(zip(self.names, self.plain, strict=True))
        }

    def price_all(self, choices: Sequence[Sequence[StageChoice]], name: str) -> NDArray[np.int64]:
        """Return the costs of all placements of `choices`, in lexicographic order: shape (product of lengths,)."""
        column = self.names.index(name)
        stages = [
            np.array([extras[choice][column] for choice in stage_choices], dtype=np.int64)
            for extras, stage_choices in zip(self.extras, choices, strict=True)
        ]
        return self.plain[column] + functools.reduce(lambda sums, extra: np.add.outer(sums, extra).ravel(), stages)

    def to_json(self) -> str:
        """Return the table as text."""
        return json.dumps(
            {
                "names": self.names,
                "plain": self.plain,
                "extras": [{str(choice): extra for choice, extra in extras.items()} for extras in self.extras],
            },
            indent=1,
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        content = json.loads(text)
        return cls(
            names=tuple(content["names"]),
            plain=tuple(content["plain"]),
            extras=tuple(
                {StageChoice.parse(choice): tuple(extra) for choice, extra in extras.items()}
                for extras in content["extras"]
            ),
        )
