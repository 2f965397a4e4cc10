"""Placements as the parameters of an Optuna study: one categorical parameter a stage, and one for the backbone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from optuna.distributions import BaseDistribution, CategoricalDistribution

from seplace.placement import Placement

if TYPE_CHECKING:
    from optuna.trial import Trial

    from seplace.space import SearchSpace

_BACKBONE = "backbone"
"""The name of the parameter of the backbone."""


class Parameters:
    """The parameters of a space: `stage1` (or `block1`), `stage2`, …, and `backbone` where there are several."""

    def __init__(self, space: SearchSpace, *, beside: Iterable[Placement] = ()) -> None:
        """Take a space, and placements `beside` it whose choices the parameters may have too."""
        self.space = space
        columns = [
            list(dict.fromkeys([*choices, *others]))
            for choices, *others in zip(space.choices, *(each.choices for each in beside), strict=True)
        ]
        self.values = {
            f"{space.backbone.granularity}{number}": [str(choice) for choice in choices]
            for number, choices in enumerate(columns, start=1)
        }
        """The values of each parameter."""
        self.stages = list(self.values)
        self._choices = [{str(choice): choice for choice in choices} for choices in columns]
        if space.variants:
            self.values[_BACKBONE] = [backbone.text for backbone in space.backbones.values()]
        self.distributions: dict[str, BaseDistribution] = {
            name: CategoricalDistribution(values) for name, values in self.values.items()
        }

    def suggest(self, trial: Trial) -> Placement:
        """Return the placement of a trial, each parameter suggested in turn."""
        return self.placement({name: trial.suggest_categorical(name, values) for name, values in self.values.items()})

    def of(self, placement: Placement) -> dict[str, str]:
        """Return the values of the parameters for a placement."""
        params = {name: str(choice) for name, choice in zip(self.stages, placement.choices, strict=True)}
        return params | ({_BACKBONE: self.space.backbone_of(placement).text} if self.space.variants else {})

    def placement(self, params: Mapping[str, Any]) -> Placement:
        """Return the placement of the parameters' values."""
        named = params.get(_BACKBONE, self.space.backbone.text)
        return Placement(
            tuple(choices[params[name]] for name, choices in zip(self.stages, self._choices, strict=True)),
            "" if named == self.space.backbone.text else named,
        )
