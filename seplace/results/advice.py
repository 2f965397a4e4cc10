"""Advice on a study in a sentence: the placement to take, to stop, or what is missing; and the next steps.

It claims what the verdict claims, and no more: a placement is to be taken where the verdict calls it better.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

import numpy as np

from seplace.effects.estimates import SURE
from seplace.files.shipped import shipped
from seplace.interval import LEVEL
from seplace.placement import Placement
from seplace.results.verdict import ADVISED_SEEDS, LIMITED, alike_sentence, confirming, counted, measured

if TYPE_CHECKING:
    from seplace.effects.estimates import Estimates
    from seplace.metric import Metric
    from seplace.study.config import StudyConfig

Kind = Literal["take", "stop", "train", "images", "wait", "failed"]
"""Take a placement; stop; train more; use more images; wait for the end, or the metric; the plain backbone failed."""

WORTH = 0.5
"""The gain in points from which attention is called worth its trouble: where none is larger, the advice is to stop."""

WORTH_OF_NOISE = 0.5
"""The same of a metric that is no percentage, in standard deviations of one training."""

_LONGER = 3
"""The times of a study's epochs that a training of the placement to take is advised to have."""

_COSTS = {"flops": "FLOPs", "macs": "MACs", "params": "parameters", "latency_ms": "latency"}


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something to do next."""

    what: str
    """In words, such as `export it with its weights`."""
    command: str = ""
    """The command that does it, quoted for a shell; empty where a file is to be edited."""


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What to make of a study."""

    kind: Kind
    sentence: str
    """One statement for someone who reads nothing else."""
    take: Placement | None = None
    """The placement to take: with `stop` the plain backbone, None while that is open."""
    next: tuple[Step, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """The sentence, and each step below it; a command stands on a line of its own, so that it can be copied."""
        steps = []
        for step in self.next:
            end = ":" if step.command else "." if step.what[-1].isalnum() else ""
            steps.append(f"Next: {step.what}{end}")
            steps += [f"  {step.command}"] * bool(step.command)
        return (self.sentence, *steps)

    def to_json(self) -> dict[str, Any]:
        """Return the advice as plain JSON types."""
        steps = [{"what": step.what, "command": step.command} for step in self.next]
        take = None if self.take is None else str(self.take)
        return {"kind": self.kind, "sentence": self.sentence, "take": take, "next": steps}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the advice that `to_json` made plain; raises ValueError, TypeError or KeyError for other content."""
        kind, sentence, take = content["kind"], content["sentence"], content["take"]
        if kind not in get_args(Kind) or not isinstance(sentence, str):
            raise ValueError("no advice")
        steps = tuple(Step(**step) for step in content["next"])
        return cls(kind=kind, sentence=sentence, take=None if take is None else Placement.parse(take), next=steps)


def advice(
    estimates: Estimates | None,
    baselines: Mapping[str, Placement],
    *,
    cost: str,
    folder: Path,
    run: str,
    is_over: bool,
    epochs: int = 0,
    confirm_trainings: int = 0,
    confirm_seeds: int = 0,
) -> Advice:
    """Return the advice that follows from the estimates of a study, and from whether its run `is_over`.

    `cost` is the axis of the front, `run` the command that goes on with the study in `folder`, and its confirmation has
    `confirm_trainings` trainings and at most `confirm_seeds` seeds. Its trainings have `epochs`, 0 where it trains
    nothing itself.
    """
    plain = baselines["plain"]
    again = Step(what="let the study come to its end", command=run)
    if estimates is None or plain not in estimates.position:
        sentence = "Nothing can be advised yet: the plain backbone has not been trained."
        return Advice(kind="wait", sentence=sentence, next=(again,))
    if alike := alike_sentence(estimates):
        sentence = f"Nothing can be advised: {alike[0].lower()}{alike[1:]}"
        step = Step(what="see what each training gave", command=shlex.join(["seplace", "report", str(folder)]))
        return Advice(kind="wait", sentence=sentence, next=(step,))
    surely = estimates.surely_better(plain)
    if not is_over:
        sentence = "Too early to tell: the study has not come to its end."
        if surely:
            best = _best(estimates, surely)
            sentence += f" So far {best} is ahead of the plain backbone."
        return Advice(kind="wait", sentence=sentence, next=(again,))
    if surely:
        return _take(estimates, baselines, surely, cost=cost, folder=folder, epochs=epochs)
    trained = [placement for placement in estimates.placements if placement != plain]
    seeds = max(confirm_seeds, ADVISED_SEEDS)
    if not estimates.comparable_with(plain):
        lack = "nothing but the plain backbone was trained"
        if trained:
            is_plain = estimates.seeds[plain] < estimates.FEWEST_SEEDS
            lack = f"{'the plain backbone was' if is_plain else 'the other placements were'} trained on one seed alone"
        sentence = f"Too little is trained to tell: {lack}."
        return Advice(kind="train", sentence=sentence, next=_confirm(seeds, after=confirm_trainings, run=run))
    most, metric = _largest_gain(estimates, plain, trained), estimates.metric
    worth = WORTH if metric.unit == "%" else WORTH_OF_NOISE * estimates.posterior.noise_sd
    if most < worth:
        where = "on this validation split" if estimates.images is None else f"on new {metric.samples}"
        least = f"{metric.rough(worth)} (half the standard deviation of one training)"
        if metric.unit == "%":
            least = f"{worth:g} points (the least that seplace calls worth its trouble)"
        none = f"none of the {len(trained):,} trained placements gains"
        sentence = (
            f"Attention does not pay here: with {100 * SURE:.0f} % probability {none} {least} or more "
            f"{where}. Keep the plain backbone, and stop."
        )
        return Advice(kind="stop", sentence=sentence, take=plain, next=_export(folder, plain))
    open_still = (
        f"with {100 * SURE:.0f} % probability no trained placement gains more than {_amount(most, metric)}, but a gain "
        "below that is neither shown nor ruled out. Until then keep the plain backbone."
    )
    best = _best(estimates, estimates.comparable_with(plain))
    if estimates.images is not None and estimates.share_of_images(best, plain) >= LIMITED:
        count = estimates.images.images
        sentence = f"The {count:,} validation {metric.samples} are too few to tell: {open_still}"
        larger = f"more validation {metric.samples}, such as {4 * count:,}"
        step = Step(what=f"begin a study with {larger}; more seeds would hardly help")
        return Advice(kind="images", sentence=sentence, next=(step,))
    sentence = f"Too little is trained to tell: {open_still}"
    more = max(seeds, 2 * estimates.seeds[plain])
    return Advice(kind="train", sentence=sentence, next=_confirm(more, after=confirm_trainings, run=run))


def command_of(config: StudyConfig, folder: Path, *, noted: str | None, settings: Sequence[str] = ()) -> str:
    """Return the command that goes on with the study in a folder: the noted one, unless it was run from Python.

    `settings` are the values that the study began with instead of those in its file.
    """
    if noted is not None and noted.startswith("seplace run "):
        return noted
    path = config.folder / f"{config.name}.yaml"
    is_shipped = shipped("studies").get(config.name, Path()).resolve() == path.resolve()
    study = config.name if is_shipped else os.path.relpath(path)
    elsewhere = folder.resolve() != (Path("results") / config.name).resolve()
    given = [word for setting in settings for word in ("--set", setting)]
    return shlex.join(["seplace", "run", study, *given, *(["--results", str(folder)] if elsewhere else [])])


def failed(folder: Path) -> Advice:
    """Return the advice on a study whose plain backbone failed."""
    step = Step(what="see why trainings failed", command=f"seplace status {shlex.quote(str(folder))}")
    sentence = "Nothing can be advised: the plain backbone failed to train."
    return Advice(kind="failed", sentence=sentence, next=(step,))


def _take(
    estimates: Estimates,
    baselines: Mapping[str, Placement],
    surely: Sequence[Placement],
    *,
    cost: str,
    folder: Path,
    epochs: int,
) -> Advice:
    """Return the advice to take the best of the placements that are surely better than the plain backbone."""
    plain, metric = baselines["plain"], estimates.metric
    verb, word, over = ("gains", "of", "over") if metric.is_maximized else ("has", "less", "than")
    best = _best(estimates, [each for each in surely if each not in estimates.beside] or surely)
    name = next((name for name, mark in baselines.items() if mark == best), "")
    gain = estimates.difference(best, plain)
    sentence = (
        f"Take {best}{f' (the baseline {name})' * bool(name)}: it {verb} about {_amount(gain.value, metric)} "
        f"{word} {measured(metric, estimates)} {over} the plain backbone ({100 * LEVEL:.0f} % credible interval "
        f"{_number(gain.lower, metric)} to {_number(gain.upper, metric)}), "
        f"{_for_cost(estimates, best, plain, cost=cost)}"
    )
    rival = estimates.best_no_dearer(best, [mark for mark in baselines.values() if mark != plain])
    if rival is not None and not name and best not in estimates.surely_better(rival):
        called = next(name for name, mark in baselines.items() if mark == rival)
        sentence += f"; the baseline {called} ({rival}), which costs no more, may do as well"
    elif (cheap := _much_cheaper(estimates, surely, best, plain)) is not None:
        less = estimates.difference(cheap, plain)
        its = f"{_number(less.value, metric)}{'' if metric.is_maximized else ' less'}"
        sentence += f"; {cheap} {verb} about {its} {_for_cost(estimates, cheap, plain, cost=cost)}"
    return Advice(
        kind="take", sentence=f"{sentence}.", take=best, next=(*_export(folder, best), *_train(folder, best, epochs))
    )


def _best(estimates: Estimates, among: Sequence[Placement]) -> Placement:
    return max(among, key=lambda placement: estimates.means[estimates.position[placement]])


def _much_cheaper(
    estimates: Estimates, surely: Sequence[Placement], best: Placement, plain: Placement
) -> Placement | None:
    """Return the cheapest of the placements that are surely better, if it adds at most half of the best one's cost."""
    costs = {each: float(estimates.costs[estimates.position[each]]) for each in (*surely, plain)}
    cheapest = min(surely, key=costs.__getitem__)
    return cheapest if costs[cheapest] - costs[plain] <= 0.5 * (costs[best] - costs[plain]) else None


def _largest_gain(estimates: Estimates, plain: Placement, trained: Sequence[Placement]) -> float:
    """Return the gain that no trained placement exceeds, with probability SURE for all of them together."""
    gains = estimates.scores - estimates.scores[:, [estimates.position[plain]]]
    return float(np.quantile(gains[:, [estimates.position[each] for each in trained]].max(axis=1), SURE))


def _for_cost(estimates: Estimates, placement: Placement, plain: Placement, *, cost: str) -> str:
    own, base = (float(estimates.costs[estimates.position[each]]) for each in (placement, plain))
    called = _COSTS.get(cost, cost)
    if own == base or base <= 0:
        return f"for the same {called}" if own == base else f"for {own - base:+.3g} {called}"
    share = abs(100 * (own / base - 1))
    return f"for {f'{share:.2g}' if share < 99.5 else f'{share:,.0f}'} % {'more' if own > base else 'less'} {called}"


def _confirm(seeds: int, *, after: int, run: str) -> tuple[Step, ...]:
    """Return the step that brings the best placements to more seeds, whatever confirmation the command had."""
    what = f"train up to {counted(seeds, 'seed')} of the best placements; finished trainings are kept"
    return (Step(what=what, command=confirming(run, seeds=seeds, after=after)),)


def _export(folder: Path, placement: Placement) -> tuple[Step, ...]:
    if not (folder / "weights").is_dir():
        return ()
    command = shlex.join(["seplace", "export", str(folder), "--pick", str(placement)])
    return (Step(what=f"export {placement} with its weights", command=command),)


def _train(folder: Path, placement: Placement, epochs: int) -> tuple[Step, ...]:
    if not epochs:
        return ()
    command = ["seplace", "train", str(folder), str(placement), "--epochs", str(_LONGER * epochs), "--beside-plain"]
    what = f"train {placement} longer, on 3 seeds beside the plain backbone"
    return (Step(what=what, command=shlex.join(command)),)


def _amount(gain: float, metric: Metric) -> str:
    """Return a gain with its unit."""
    return f"{_number(gain, metric)} {metric.gain_unit}".rstrip()


def _number(value: float, metric: Metric) -> str:
    if metric.unit != "%":
        return metric.number(value)
    return f"{value:.2f}" if abs(value) < 1 else f"{value:.1f}" if abs(value) < 10 else f"{value:.0f}"
