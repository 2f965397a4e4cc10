"""Placements encoded in other parameters than those of the study, for Optuna's own samplers.

What these samplers learn depends on the encoding. `factors` separates the module, the ratio and the attachment of each
stage; `ordered` numbers the choices of each stage by their cost.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.trial import TrialState, create_trial

from seplace.samplers.joint import JointSampler

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

    from seplace.placement import StageChoice
    from seplace.samplers.task import Task


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """The parameters of one stage: their distributions, and the maps from a choice to values and back."""

    distributions: Mapping[str, BaseDistribution]
    of: Callable[[StageChoice], dict[str, Any]]
    choice: Callable[[Mapping[str, Any]], StageChoice]


def factors(task: Task, stage: int) -> Encoding:
    """Return an encoding with module, ratio and attachment as three parameters.

    A combination that the stage does not offer is decoded as the nearest choice.
    """
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
    """Return an encoding with one integer: the position of a choice among those of its stage, cheapest first."""
    names = task.cost_table.names
    column = names.index(task.cost) if task.cost in names else 0  # a measured cost is not in the table
    extras = task.cost_table.extras[stage]
    listed = sorted(task.space.choices[stage], key=lambda choice: (extras[choice][column], str(choice)))
    return Encoding(
        distributions={"position": IntDistribution(0, len(listed) - 1)},
        of=lambda choice: {"position": listed.index(choice)},
        choice=lambda values: listed[values["position"]],
    )


@dataclass(frozen=True, kw_only=True)
class _Copy:
    """A study in an encoding."""

    study: Study
    distributions: Mapping[str, BaseDistribution]
    numbers: list[int]
    """The numbers in the original study of the trials that the copy holds."""


_COPIES: WeakKeyDictionary[Study, _Copy] = WeakKeyDictionary()
"""The copies, by study. A sampler is made for each proposal; without them, n trials would take O(n²) copied trials."""


class EncodedSampler(JointSampler):
    """A sampler that asks another sampler in an encoded copy of the study."""

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
        """Return the proposal of the other sampler, decoded."""
        earlier = [each for each in study.get_trials(deepcopy=False) if each.number != trial.number and each.params]
        copy = self._copy_of(study, [each for each in earlier if each.state.is_finished()])
        copy.sampler = self.sampler
        before = len(copy.get_trials(deepcopy=False))
        for running in earlier:
            if not running.state.is_finished():
                copy.add_trial(self._encoded_trial(running))
        asked = copy.ask(self.distributions)
        # The copy is kept: trials beside the finished ones must not count in the next proposal.
        for number in range(before, asked.number + 1):
            copy.tell(number, state=TrialState.FAIL)
        return self._decoded(asked.params)

    def _copy_of(self, study: Study, finished: list[FrozenTrial]) -> Study:
        """Return the encoded copy of the study's finished trials, in order; only new trials are added."""
        numbers = [each.number for each in finished]
        known = _COPIES.get(study)
        if known is None or known.distributions != self.distributions or numbers[: len(known.numbers)] != known.numbers:
            copied = optuna.create_study(directions=study.directions)
            known = _COPIES[study] = _Copy(study=copied, distributions=self.distributions, numbers=[])
        for earlier in finished[len(known.numbers) :]:
            known.study.add_trial(self._encoded_trial(earlier))
            known.numbers.append(earlier.number)
        return known.study

    def _encoded_trial(self, earlier: FrozenTrial) -> FrozenTrial:
        encoded = create_trial(
            state=earlier.state,
            values=earlier.values,
            params=self._encoded(earlier.params),
            distributions=self.distributions,
        )
        for name, value in earlier.constraints.items():
            encoded.set_constraint(name, value)
        return encoded

    def _encoded(self, params: Mapping[str, Any]) -> dict[str, Any]:
        placement = self.parameters.placement(params)
        encoded = {name: value for name, value in params.items() if name not in self.parameters.stages}
        for name, encoding, choice in zip(self.parameters.stages, self.stages, placement.choices, strict=True):
            encoded |= {f"{name}.{key}": value for key, value in encoding.of(choice).items()}
        return encoded

    def _decoded(self, values: Mapping[str, Any]) -> dict[str, Any]:
        decoded = {name: value for name, value in values.items() if name in self.parameters.distributions}
        for stage, encoding in zip(self.parameters.stages, self.stages, strict=True):
            own = {key: values[f"{stage}.{key}"] for key in encoding.distributions}
            decoded[stage] = str(encoding.choice(own))
        return decoded
