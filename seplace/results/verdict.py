"""The claims of a study in sentences: verdict, expected regret of the recommendation, rungs, proxies."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seplace.interval import LEVEL

if TYPE_CHECKING:
    from seplace.effects.contributions import Contribution
    from seplace.effects.covariates import Covariate
    from seplace.effects.estimates import Estimates
    from seplace.interval import Interval
    from seplace.metric import Metric
    from seplace.placement import Placement
    from seplace.results.both_splits import Gap

NAMED = 0.95
"""The probability of its sign from which an interaction is named, or a proxy relied on."""


CONFIRMED = 9
"""The placements that a confirmation brings to its seeds: its eight candidates and the plain backbone."""

ADVISED_SEEDS = 3
"""The seeds that a confirmation should bring them to: one more than a verdict needs."""

LIMITED = 0.7
"""The share of an interval's variance that no seed removes from which the images are called the limit."""

_CONFIRMED_LATER = "The confirmation that follows the search adds it."


def confirmation(seeds: int, *, after: int = 0) -> str:
    """Return the section of a study file that brings placements to a number of seeds, after some trainings of it."""
    return f"confirm: {{seeds: {seeds}, trainings: {confirmation_trainings(seeds, after=after)}}}"


def confirmation_trainings(seeds: int, *, after: int = 0) -> int:
    """Return the trainings that bring a confirmation to a number of seeds, after some trainings of it."""
    return after + (seeds - 1) * CONFIRMED


def confirmation_settings(seeds: int, *, after: int = 0) -> list[str]:
    """Return `confirmation` as options of a command."""
    return [
        "--set",
        f"confirm.seeds={seeds}",
        "--set",
        f"confirm.trainings={confirmation_trainings(seeds, after=after)}",
    ]


def confirming(run: str, *, seeds: int, after: int = 0) -> str:
    """Return a command that runs a study, with a confirmation in place of the one that the command sets."""
    kept: list[str] = []
    words = iter(shlex.split(run))
    for word in words:
        option, _, value = word.partition("=")
        if word == "--set":
            value = next(words, "")
        if option == "--set" and re.match(r"confirm[.=]", value):
            continue
        kept += ["--set", value] if word == "--set" else [word]
    return shlex.join([*kept, *confirmation_settings(seeds, after=after)])


def verdict(
    estimates: Estimates | None,
    baselines: Mapping[str, Placement],
    *,
    run: str,
    confirm_trainings: int = 0,
    confirm_seeds: int = 0,
    is_to_be_confirmed: bool = False,
) -> str:
    """Say whether any placement is better than the plain backbone, and than the best baseline that costs no more.

    Better means better at 95 %, for all compared placements taken together (a simultaneous credible band), so that the
    best of many is not claimed for being the best of many. Where seeds are missing for that, say which, and the command
    that adds them: `run` goes on with the study, whose confirmation has `confirm_trainings` trainings and at most
    `confirm_seeds` seeds; before these it `is_to_be_confirmed`.
    """
    plain = baselines["plain"]
    if estimates is None or plain not in estimates.position:
        return "The plain backbone has not been trained yet, so nothing can be compared with it."
    if alike := alike_sentence(estimates):
        return alike
    if estimates.trained == 1:
        return f"No verdict yet: no other placement has been trained. {_about(estimates)}"
    if not estimates.comparable_with(plain):
        remedy = (
            _CONFIRMED_LATER
            if is_to_be_confirmed
            else _confirm(run, after=confirm_trainings, seeds=max(confirm_seeds, ADVISED_SEEDS))
        )
        lack = f"{_one_seed(estimates, plain)}, and what a seed does to one training is not known before the second"
        missing = f"No verdict yet: {lack}. {remedy}"
        return " ".join(filter(None, [missing, _best_so_far(estimates, plain, baselines), _about(estimates)]))
    surely = estimates.surely_better(plain)
    better = [placement for placement in surely if placement not in estimates.beside]
    scope = _scope(estimates, plain, shown=len(surely))
    if not better and surely:
        named = ", ".join(name for name, mark in baselines.items() if mark in surely)
        return (
            "No placement of the space is better than the plain backbone at 95 %; "
            f"of the baselines outside the space, {named}. {scope}"
        )
    if not better:
        first = "No placement is better than the plain backbone at 95 %."
        why = (_best_so_far(estimates, plain, baselines), _shown_by_trainings(estimates, plain))
        return " ".join(each for each in (first, *why, scope) if each)
    best = max(better, key=lambda placement: estimates.means[estimates.position[placement]])
    gain = _gain(estimates.difference(best, plain), estimates.metric, of=measured(estimates.metric, estimates))
    claims = [f"Placement {best} is better than the plain backbone at 95 %: {gain}."]
    rival = estimates.best_no_dearer(best, [mark for mark in baselines.values() if mark != plain])
    if rival is not None and best not in baselines.values():
        name = next(name for name, mark in baselines.items() if mark == rival)
        is_shown = best in estimates.surely_better(rival)
        said = "It is also better" if is_shown else "It is not shown to be better"
        lead = _gain(estimates.difference(best, rival), estimates.metric)
        claims.append(f"{said} than the best baseline that costs no more, {name}: {lead}.")
    return " ".join([*claims, scope])


def alike_sentence(estimates: Estimates | None) -> str:
    """Say that all trainings gave the same value, in which case nothing else is said of them; empty where they differ.

    It is only said of a metric of the user's own, which may be a wrong one.
    """
    if estimates is None or estimates.only_value is None:
        return ""
    metric, count = estimates.metric, counted(estimates.trainings, "training")
    value = f"{metric.label} {estimates.only_value:.7g} {metric.unit}".rstrip()
    return f"All {count} gave the same value, {value}: check the metric, {metric.name}."


def claim_of(placement: Placement, estimates: Estimates, *, plain: Placement) -> str:
    """Say whether one trained placement is better than the plain backbone at 95 %, as the verdict means it."""
    if placement == plain:
        return f"{placement} is the plain backbone."
    if alike := alike_sentence(estimates):
        return alike
    said = "is better" if placement in estimates.surely_better(plain) else "is not shown to be better"
    lacks = "" if placement in estimates.comparable_with(plain) else ", for want of a second seed"
    gain = _gain(estimates.difference(placement, plain), estimates.metric)
    return f"{placement} {said} than the plain backbone at 95 %{lacks}: {gain}."


def measured(metric: Metric, estimates: Estimates | None) -> str:
    """Return what is estimated: the metric on new images where the variance over images is known."""
    if estimates is None or estimates.images is None:
        return f"validation {metric.label}"
    return f"{metric.label} on new {metric.samples}"


def _confirm(run: str, *, seeds: int, after: int) -> str:
    """Say how to add seeds to a study that ends without them."""
    command = confirming(run, seeds=seeds, after=after)
    return f"To train up to {seeds} seeds of the best placements, run `{command}`; finished trainings are kept."


def _one_seed(estimates: Estimates, plain: Placement) -> str:
    """Return what lacks a second seed: the plain backbone, or all other placements."""
    if estimates.seeds[plain] < estimates.FEWEST_SEEDS:
        return "the plain backbone was trained on one seed"
    return "no other placement was trained on a second seed"


def _best_so_far(estimates: Estimates, plain: Placement, baselines: Mapping[str, Placement]) -> str:
    """Say which candidate has the largest gain, and what would narrow its interval; empty without candidates.

    Placements that have larger estimates, and are no candidates or lack a seed, are named as well.
    """
    trained = [each for each in estimates.placements if each != plain and each not in estimates.beside]
    compared = set(estimates.comparable_with(plain))
    others = [each for each in trained if each in compared] or trained
    if not others:
        return ""
    best, metric = max(others, key=lambda placement: _mean(estimates, placement)), estimates.metric
    higher = [
        each for each in estimates.placements if each != plain and _mean(estimates, each) > _mean(estimates, best)
    ]
    gain = _gain(estimates.difference(best, plain), metric)
    said = f"The highest estimate is that of {best}: {gain}."
    if higher:
        has_seeds = best in compared
        is_of_space = any(each in compared or not has_seeds for each in higher)
        among = f"{' of the space' * is_of_space}{' with at least two seeds' * has_seeds}"
        said = f"Of the placements{among}, {best} has the highest estimate: {gain}."
    is_limited = estimates.images is not None and estimates.seeds[best] >= estimates.FEWEST_SEEDS
    if estimates.images is not None and is_limited and estimates.share_of_images(best, plain) >= LIMITED:
        said += (
            f" More seeds would hardly narrow this interval: the {estimates.images.images:,} validation "
            f"{metric.samples} are the limit, and four times as many would halve it."
        )
    lacking = [each for each in higher if estimates.seeds[each] < estimates.FEWEST_SEEDS]
    known = [each for each in higher if each not in lacking]
    outside = _estimated_higher(known, estimates, plain, baselines, lacks=" outside the space")
    seed = _estimated_higher(lacking, estimates, plain, baselines, lacks=" on one seed: another seed would tell")
    return " ".join(filter(None, [said, outside, seed]))


def _estimated_higher(
    placements: Sequence[Placement],
    estimates: Estimates,
    plain: Placement,
    baselines: Mapping[str, Placement],
    *,
    lacks: str,
) -> str:
    """Say that placements are estimated higher than the best of those that count, and what they lack for that."""
    if not placements:
        return ""
    highest = max(placements, key=lambda placement: _mean(estimates, placement))
    name = next((f" ({name})" for name, mark in baselines.items() if mark == highest), "")
    more = f" and {counted(len(placements) - 1, 'other')}" if len(placements) > 1 else ""
    gain = estimates.metric.gain(estimates.difference(highest, plain).value)
    shown = f"{'up to ' * bool(more)}{gain}"
    return f"{highest}{name}{more} {'are' if more else 'is'} estimated higher ({shown}),{lacks}."


def _mean(estimates: Estimates, placement: Placement) -> float:
    return float(estimates.means[estimates.position[placement]])


def _shown_by_trainings(estimates: Estimates, plain: Placement) -> str:
    """Say how small a gain these trainings would have shown; empty where nothing was compared."""
    from seplace.effects.detectable import detectable_gain_of

    least, metric = detectable_gain_of(estimates, plain), estimates.metric
    if least is None:
        return ""
    shown = f"{least:.1f} points" if metric.unit == "%" else metric.rough(least)
    by = "80 % power, for a typical placement by its own trainings"
    return f"These trainings show gains of about {shown} or more ({by})."


def _scope(estimates: Estimates, plain: Placement, *, shown: int) -> str:
    """Return how many placements a verdict is about, what its figures are about, and how much one training scatters."""
    trained, compared, metric = estimates.trained - 1, len(estimates.comparable_with(plain)), estimates.metric
    are = "was" if compared == 1 else "were"
    said = f"{counted(compared, 'placement')} {are} compared with the plain backbone"
    if compared < trained:
        with_seeds = f"the {'one' if compared == 1 else 'ones'} with at least {estimates.FEWEST_SEEDS} seeds"
        others = counted(trained, "other placement")
        said = f"{compared} of the {others} {are} compared with the plain backbone, {with_seeds}"
    together = {0: "", 1: "; 1 is better at 95 %"}.get(shown, f"; with 95 % probability, {shown} are better at once")
    noise = f"The standard deviation of one training is {metric.gain(estimates.posterior.noise_sd, signed=False)}."
    return f"({said}{together}. {_about(estimates)} {noise})"


def _about(estimates: Estimates) -> str:
    """Say what images, or other samples, the figures are about, and which sign of a gain is better."""
    metric = estimates.metric
    sign = "" if metric.is_maximized else f" {metric.title} is minimized: a positive gain is a lower {metric.label}."
    if estimates.images is None:
        unknown = "which images each training got right is not known"
        if not metric.is_accuracy:
            unknown = f"the values of single {metric.samples} are not known, since the training offers no sample_scores"
        return f"All figures are about this validation split alone: {unknown}.{sign}"
    known = f"the {estimates.images.images:,} validation {metric.samples} are a sample of them"
    return f"All figures are about new {metric.samples}; {known}.{sign}"


def _gain(gain: Interval, metric: Metric, *, of: str = "") -> str:
    """Return a gain in its unit with its credible interval."""
    is_less = bool(of) and not metric.is_maximized  # `0.31 mm less error`
    shown = f"{metric.gain(gain.value, signed=not is_less)}{f' {_of(metric)} {of}' if of else ''}"
    bounds = f"{metric.number(gain.lower, signed=True)} to {metric.number(gain.upper, signed=True)}"
    return f"{shown} (posterior mean; {100 * LEVEL:.0f} % credible interval {bounds})"


def _of(metric: Metric) -> str:
    """Return the word between a gain and what it is a gain of."""
    return "of" if metric.is_maximized else "less"


def regret_sentence(regret: Mapping[str, Any]) -> str:
    """Say what hypervolume the recommended front is expected to miss, as noted when a search ended.

    `regret` holds the mean and the 90 % quantile of the share missed, the trainings of candidates, and whether the
    front had settled.
    """
    why = " because its front had settled" if regret["settled"] else ""
    return (
        f"The search ended after {counted(regret['trainings'], 'training')} of candidates of the space{why}; baselines "
        "outside it, the confirmation and later trainings are not counted. The expected hypervolume regret of the "
        f"front recommended then is {100 * regret['mean']:.0f} % of the attainable hypervolume (at most "
        f"{100 * regret['upper']:.0f} % with 90 % probability)."
    )


def unused_sentence(rounds: Sequence[Sequence[Sequence[str | int]]], *, trainings: int, seeds: int) -> str:
    """Say why a confirmation that is over has made fewer than its `trainings`; empty where it has made them all.

    `rounds` are the trainings that it chose, as noted, each a placement and a seed; a placement has at most `seeds`.
    """
    chosen = [tuple(training) for each in rounds for training in each]
    left = trainings - len(set(chosen))
    if left <= 0:
        return ""
    why = f"its rule found no other, on at most {counted(seeds, 'seed')} a placement, that would settle a doubt"
    if len(chosen) >= trainings:
        why = "trainings of the plain backbone were counted twice, as in studies begun with version 0.16 or before"
    were = "was" if left == 1 else "were"
    return f"{left} of the {counted(trainings, 'training')} to confirm {were} not used: {why}."


def gap_sentence(gap: Gap, metric: Metric) -> str:
    """Say whether the estimated gains of the front agree with its test gains."""
    between, samples = gap.estimated, metric.samples
    fewest, most = gap.seeds
    seeds = counted(most, "seed") if fewest == most else f"{fewest} to {most} seeds"
    found = (
        f"Estimated gains of the front minus its gains on the test split: {metric.gain(between.value)} on average "
        f"({100 * LEVEL:.0f} % interval {metric.number(between.lower, signed=True)} to "
        f"{metric.number(between.upper, signed=True)}; "
        f"{counted(gap.points, 'front point')}, {seeds})."
    )
    if between.lower > 0:
        return f"{found} The estimates are too high for {samples} that the search never saw: rely on the test gains."
    if between.upper < 0:
        return f"{found} The gains on {samples} that the search never saw are larger than estimated."
    return f"{found} {samples.capitalize()} that the search never saw do not contradict the estimates."


def rungs_sentence(rungs: Mapping[str, Any]) -> str:
    """Say of each rung whether it stopped trainings in the end, by what tau, and how many trainings it stopped.

    `rungs` is what the search has noted: the trainings that stopped, and of each rung its epochs and trust.
    """
    spoken = [
        f"after {counted(rung['epochs'], 'epoch')} {'on' if rung['on'] else 'off'} ("
        + ("no tau" if rung["tau"] is None else f"Kendall's tau with the final ranks {rung['tau']:.2f}")
        + f" over {counted(rung['pairs'], 'pair')})"
        for rung in rungs["rungs"]
    ]
    return f"Rungs at the end: {', '.join(spoken)}; {counted(rungs['stopped'], 'training')} stopped early."


def proxy_verdict(covariate: Covariate, weight: Contribution | None) -> str:
    """Say what the score of a proxy is worth in the model, or why the model does without."""
    if covariate.reason:
        return f"left out: {covariate.reason}"
    if weight is None:
        return "no training yet"
    if weight.positive >= NAMED:
        return "ranks forwards"
    return "ranks backwards" if weight.positive <= 1 - NAMED else "says nothing here"


def counted(number: int, noun: str) -> str:
    """Return `1 seed`, `2 seeds`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
