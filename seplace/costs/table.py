"""The cost table: counted costs are exactly additive over blocks, so each (block, choice) is counted once."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from seplace.costs import COSTS, cost_named
from seplace.errors import InputError, UncountedOperator
from seplace.placement import Placement, StageChoice
from seplace.user_code import user_errors

if TYPE_CHECKING:
    from torch import Tensor, nn

    from seplace.backbones.sites import Site, Stage


_MOST = 2**53
"""The largest cost that is read: the sum over a thousand stages fits in 64 bits."""


class Insert(Protocol):
    """A function that inserts a choice into a block."""

    def __call__(self, block: nn.Module, choice: StageChoice, *, is_last: bool) -> None:
        """Insert `choice` into `block` in place; `is_last` says whether the block is the last of its unit."""


@dataclass(frozen=True, kw_only=True)
class CostTable:
    """The counted costs of the plain backbone, and what each choice adds in each stage.

    It gives the cost of any placement of these choices by addition: exactly, and without torch.
    """

    names: tuple[str, ...]
    plain: tuple[int, ...]
    """The costs of the plain backbone, one a name."""
    extras: tuple[Mapping[StageChoice, tuple[int, ...]], ...]
    """The extra costs of each choice, one a name, for each stage."""
    variants: Mapping[str, CostTable] = field(default_factory=dict)
    """The tables of the other backbones of a space, by their text."""

    @classmethod
    def count(
        cls,
        plain: nn.Module,
        units: Sequence[Stage],
        insert: Insert,
        images: Tensor,
        choices: Sequence[Sequence[StageChoice]],
        *,
        names: Sequence[str],
    ) -> Self:
        """Count the plain network on images (1, C, H, W), and the blocks of each unit with each of its choices.

        A block is counted alone, on an input of the shape that it has in the plain network; blocks of equal cost are
        counted once. At the end the most expensive placement is counted directly as a check.

        Raises:
            UncountedOperator: That count is not the sum, or a choice runs an operator without a count.
            InputError: The count of a cost of the user's own is not the sum.

        """
        from seplace.backbones.foreign.copying import copy_of
        from seplace.costs.counting import count_operators, counted_once, in_parts, unknown_note  # needs torch
        from seplace.costs.sites import block_inputs, likeness

        def count(network: nn.Module, inputs: Tensor) -> tuple[NDArray[np.int64], Counter[str]]:
            with counted_once():
                values = [_counted(name, network, inputs) for name in names]
                unknown = count_operators(network, inputs).unknown if "flops" in names else Counter[str]()
            return np.array(values, dtype=np.int64), unknown

        plain.eval()
        own, _ = count(plain, images)
        inputs = block_inputs(plain, [site.path for unit in units for site in unit.sites], images)
        blocks: dict[tuple[object, ...], tuple[NDArray[np.int64], Counter[str]]] = {}
        known: dict[tuple[object, ...], NDArray[np.int64]] = {}

        def extra(site: Site, choice: StageChoice, *, is_last: bool) -> NDArray[np.int64]:
            block, given = plain.get_submodule(site.path), inputs[site.path]
            like = likeness(block, given)
            if like not in blocks:
                blocks[like] = count(block, given)
            key = (*like, site.has_native_gate, is_last, choice)
            if key not in known:
                changed = copy_of(block)
                insert(changed, choice, is_last=is_last)
                values, unknown = count(changed.eval(), given)
                if further := unknown - blocks[like][1]:
                    raise UncountedOperator(f"{choice}: {unknown_note(further)}")
                known[key] = values - blocks[like][0]
            return known[key]

        extras: list[dict[StageChoice, tuple[int, ...]]] = []
        with in_parts():
            for unit, unit_choices in zip(units, choices, strict=True):
                extras.append({StageChoice(): (0,) * len(names)})
                for choice in dict.fromkeys(unit_choices):
                    parts = [extra(site, choice, is_last=site is unit.sites[-1]) for site in unit.sites]
                    extras[-1][choice] = tuple(int(value) for value in np.sum(parts, axis=0))
        table = cls(names=tuple(names), plain=tuple(own.tolist()), extras=tuple(extras))
        dearest = Placement(tuple(max(unit, key=lambda choice: unit[choice]) for unit in extras))
        direct = copy_of(plain)
        for unit, choice in zip(units, dearest.choices, strict=True):
            for site in unit.sites:
                insert(direct.get_submodule(site.path), choice, is_last=site is unit.sites[-1])
        with in_parts():
            values, _ = count(direct.eval(), images)
        expected = table.costs_of(dearest)
        others = [name for name, value in zip(names, values.tolist(), strict=True) if value != expected[name]]
        if any(COSTS.is_external(name) for name in others):
            raise InputError(f"cost {others[0]}: {dearest} does not cost the sum of its blocks; say is_count=False")
        if others:
            raise UncountedOperator(f"the {', '.join(others)} of {dearest} are not the sum over its blocks")
        return table

    def costs_of(self, placement: Placement) -> dict[str, int]:
        """Return the costs of a placement by name."""
        if placement.variant:
            return self.variants[placement.variant].costs_of(placement.on_backbone)
        added = [extras[choice] for extras, choice in zip(self.extras, placement.choices, strict=True)]
        return {
            name: plain + sum(extra[column] for extra in added)
            for column, (name, plain) in enumerate(zip(self.names, self.plain, strict=True))
        }

    def all_costs(self, choices: Sequence[Sequence[StageChoice]], name: str) -> NDArray[np.int64]:
        """Return the costs of all placements of `choices`: shape (backbones times the product of lengths,).

        They are in lexicographic order, the first backbone's before the others'.
        """
        column = self.names.index(name)
        stages = [
            np.array([extras[choice][column] for choice in stage_choices], dtype=np.int64)
            for extras, stage_choices in zip(self.extras, choices, strict=True)
        ]
        own = self.plain[column] + functools.reduce(lambda sums, extra: np.add.outer(sums, extra).ravel(), stages)
        return np.concatenate([own, *(table.all_costs(choices, name) for table in self.variants.values())])

    def span(self, choices: Sequence[Iterable[StageChoice]] | None, name: str) -> tuple[int, int]:
        """Return the least and the greatest cost of the placements of `choices`; None stands for all in the table."""
        column = self.names.index(name)
        added = [
            [extras[choice][column] for choice in stage_choices]
            for extras, stage_choices in zip(self.extras, choices or self.extras, strict=True)
        ]
        others = [table.span(choices, name) for table in self.variants.values()]
        least = min([self.plain[column] + sum(map(min, added)), *(least for least, _ in others)])
        return least, max([self.plain[column] + sum(map(max, added)), *(greatest for _, greatest in others)])

    def dearest(self, choices: Sequence[Sequence[StageChoice]], name: str) -> Placement:
        """Return the most expensive placement of `choices`."""
        column = self.names.index(name)
        own = Placement(
            tuple(
                max(stage_choices, key=lambda choice: extras[choice][column])
                for extras, stage_choices in zip(self.extras, choices, strict=True)
            )
        )
        candidates = [
            own,
            *(Placement(table.dearest(choices, name).choices, at) for at, table in self.variants.items()),
        ]
        return max(candidates, key=lambda placement: self.costs_of(placement)[name])

    def only(self, choices: Mapping[str, Sequence[Iterable[StageChoice]]]) -> CostTable:
        """Return the table of some choices alone, given for each unit by backbone; the key of the first is empty."""
        own, *others = choices
        extras = tuple(
            {choice: extras[choice] for choice in dict.fromkeys([StageChoice(), *unit_choices])}
            for extras, unit_choices in zip(self.extras, choices[own], strict=True)
        )
        variants = {name: self.variants[name].only({"": choices[name]}) for name in others}
        return replace(self, extras=extras, variants=variants)

    def to_record(self) -> dict[str, Any]:
        """Return the table as plain JSON types."""
        return {
            "names": self.names,
            "plain": self.plain,
            "extras": [{str(choice): extra for choice, extra in extras.items()} for extras in self.extras],
            "variants": {name: table.to_record() for name, table in self.variants.items()},
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Return the table of a record; raises KeyError, TypeError, ValueError or InputError where it is not one."""
        names = tuple(record["names"])
        if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
            raise ValueError(f"{names!r} are no names of costs")
        return cls(
            names=names,
            plain=_whole_numbers(record["plain"], like=names),
            extras=tuple(
                {StageChoice.parse(choice): _whole_numbers(extra, like=names) for choice, extra in extras.items()}
                for extras in record["extras"]
            ),
            variants={name: cls.from_record(table) for name, table in record.get("variants", {}).items()},
        )


def _counted(name: str, network: nn.Module, inputs: Tensor) -> int:
    """Measure a cost that is a count; raises InputError where the user's own is no whole number."""
    measure = cost_named(name).measure
    if not COSTS.is_external(name):
        return int(measure(network, inputs))
    with user_errors(f"cost {name} cannot be measured"):
        value = measure(network, inputs)
        is_whole = float(value).is_integer()
    if not is_whole:
        raise InputError(
            f"cost {name}: a count is a whole number (got {value!r}); say is_count=False if it is measured"
        )
    return int(value)


def _whole_numbers(values: Sequence[Any], *, like: Sequence[str]) -> tuple[int, ...]:
    """Return the values; raises ValueError unless they are one integer for each cost."""
    if len(values) != len(like) or any(type(value) is not int or abs(value) > _MOST for value in values):
        raise ValueError(f"{values!r} are no costs")
    return tuple(values)
