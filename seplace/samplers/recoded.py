"""A sampler that sees placements in other parameters than those of the study.

What Optuna's samplers learn depends on how a placement is written. `factors` has the module, the ratio and the
attachment of each stage apart; `ordered` numbers the choices of each stage by their price.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.trial import create_trial

from seplace.samplers.whole import WholeSampler

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

    from seplace.placement import StageChoice
    from seplace.samplers.task import Task


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """The parameters of one stage: their distributions, and choices to values and back."""

    distributions: Mapping[str, BaseDistribution]
    of: Callable[[StageChoice], dict[str, Any]]
    choice: Callable[[Mapping[str, Any]], StageChoice]


def factors(task: Task, stage: int) -> Encoding:
    """Return module, ratio and attachment as three parameters; what a stage does not offer becomes the nearest."""
    listed = task.space.choices[stage]
    ratios = sorted({choice.ratio for choice in listed if choice.ratio is not None})
    distributions: dict[str, BaseDistribution] = {
        "module": CategoricalDistribution(list(dict.fromkeys(choice.module for choice in listed))),
        "attachment": CategoricalDistribution(list(dict.fromkeys(choice.attachment for choice in listed))),
    }
    if ratios:
        distributions["ratio"] = CategoricalDistribution(ratios)

    def of(choice: StageChoice) -> dict[str, Any]:
        ratio = {"ratio": ratios[0] if choice.ratio is None else choice.ratio} if ratios else {}
        return {"module": choice.module, "attachment": choice.attachment} | ratio

    def distance(choice: StageChoice, values: Mapping[str, Any]) -> tuple[bool, float, bool]:
        octaves = abs(math.log2(choice.ratio / values["ratio"])) if choice.ratio is not None else 0.0
        return (choice.module != values["module"], octaves, choice.attachment != values["attachment"])

    return Encoding(
        distributions=distributions, of=of, choice=lambda values: min(listed, key=lambda each: distance(each, values))
    )


def ordered(task: Task, stage: int) -> Encoding:
    """Return the position of a choice among those of its stage, cheapest first, as one whole number."""
    names = task.prices.names
    column = names.index(task.cost) if task.cost in names else 0  # a measured cost has no price
    extras = task.prices.extras[stage]
    listed = sorted(task.space.choices[stage], key=lambda choice: (extras[choice][column], str(choice)))
    return Encoding(
        distributions={"position": IntDistribution(0, len(listed) - 1)},
        of=lambda choice: {"position": listed.index(choice)},
        choice=lambda values: listed[values["position"]],
    )


class RecodedSampler(WholeSampler):
    """Asks another sampler in a copy of the study that is written in an encoding."""

    def __init__(self, sampler: BaseSampler, task: Task, encode: Callable[[Task, int], Encoding]) -> None:
        self.sampler = sampler
        super().__init__(task)
        self.stages = [encode(task, stage) for stage in range(len(task.space.choices))]
        self.distributions = {
            f"{stage}.{name}": distribution
            for stage, encoding in zip(self.parameters.stages, self.stages, strict=True)
            for name, distribution in encoding.distributions.items()
        } | {name: each for name, each in self.parameters.distributions.items() if name not in self.parameters.stages}

    def propose(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        """Return what the other sampler proposes."""
        copy = optuna.create_study(directions=study.directions, sampler=self.sampler)
        for past in study.get_trials(deepcopy=False):
            if past.number == trial.number or not past.params:
                continue
            recoded = create_trial(
                state=past.state,
                values=past.values,
                params=self._recoded(past.params),
                distributions=self.distributions,
            )
            for name, value in past.constraints.items():
                recoded.set_constraint(name, value)
            copy.add_trial(recoded)
        return self._decoded(copy.ask(self.distributions).params)

    def _recoded(self, params: Mapping[str, Any]) -> dict[str, Any]:
        placement = self.parameters.placement(params)
        recoded = {name: value for name, value in params.items() if name not in self.parameters.stages}
        for name, encoding, choice in zip(self.parameters.stages, self.stages, placement.choices, strict=True):
            recoded |= {f"{name}.{key}": value for key, value in encoding.of(choice).items()}
        return recoded

    def _decoded(self, values: Mapping[str, Any]) -> dict[str, Any]:
        decoded = {name: value for name, value in values.items() if name in self.parameters.distributions}
        for stage, encoding in zip(self.parameters.stages, self.stages, strict=True):
            own = {key: values[f"{stage}.{key}"] for key in encoding.distributions}
            decoded[stage] = str(encoding.choice(own))
        return decoded
