"""The sampler of effects: a Bayesian model of what each choice adds in each stage proposes the next training.

Two acquisition functions take turns. One is the expected hypervolume improvement: what a placement would add to the
front of the trained placements, averaged over posterior samples. The other is information: how much a training would
reveal about which posterior sample's front is the true one. A trained placement is proposed for a further seed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection

from seplace.costs import cost_named, counted_names
from seplace.effects.acquisition import most_improving, most_informative
from seplace.effects.denoised import denoised
from seplace.effects.estimates import Estimates
from seplace.effects.model import Posterior
from seplace.effects.priced_space import Levels, PricedSpace
from seplace.effects.recommend import recommended_front, trained_front
from seplace.errors import InputError, check_type, whole_number
from seplace.placement import Placement
from seplace.samplers.batch import Batch
from seplace.samplers.history import History, history_of
from seplace.samplers.joint import JointSampler
from seplace.samplers.task import Task
from seplace.seeds import derive_seed
from seplace.space import SearchSpace

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial

_SAMPLES = 8
"""The posterior samples of a proposal. Where nothing adds anything in any of them, a random placement is proposed."""

_SCALES = 8
"""The sets of scales behind the posterior samples of an expected improvement, so that it does not rest on one guess."""


def make(seed: int, task: Task) -> BaseSampler:
    """Return the sampler of effects for a task."""
    return EffectsProposals(task, seed=seed)


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """What proposals are made from."""

    history: History
    priced_space: PricedSpace
    posterior: Posterior | None
    """None without observations."""


_FITS: WeakKeyDictionary[Batch, _Fit] = WeakKeyDictionary()
"""The fits that batches share. A sampler is made for each proposal."""


class EffectsProposals(JointSampler):
    """The sampler of effects for a task; `EffectsSampler` makes the task from a space."""

    def __init__(self, task: Task, *, seed: int) -> None:
        super().__init__(task)
        self.seed = seed

    def propose(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        """Return the parameters of the placement to train next."""
        _check_directions(study)
        random = np.random.default_rng([self.seed, trial.number])
        for_information = trial.number % 2 == 1
        scales = 1 if for_information else _SCALES
        if self.batch is None:
            history = history_of(study, self.task, before=trial.number)
            fit = self._fit(history, scales=scales, random=random)
        else:
            fit = self._shared_fit(study, trial.number, self.batch, scales=scales, random=random)
        chosen = None if fit.posterior is None else self._chosen(fit, fit.posterior, for_information=for_information)
        return self.parameters.of(self._at_random(fit, random) if chosen is None else chosen)

    def _fit(self, history: History, *, scales: int, random: np.random.Generator) -> _Fit:
        priced_space = self.task.priced_space_by(history.costs)
        posterior = None
        if history.observations:
            observations = [*denoised(self.task.design, history.observations), *history.stopped]
            posterior = Posterior(self.task.design, observations, draws=scales, random=random, metric=self.task.metric)
        return _Fit(history=history, priced_space=priced_space, posterior=posterior)

    def _shared_fit(self, study: Study, number: int, batch: Batch, *, scales: int, random: np.random.Generator) -> _Fit:
        """Return the fit of a batch for one of its proposals: the others before it run."""
        shared = _FITS.get(batch)
        if shared is None:
            history = history_of(study, self.task, before=batch.first, unfinished=batch.unfinished)
            own = np.random.default_rng(derive_seed(self.task.seed, "fit", batch.first))
            shared = _FITS[batch] = self._fit(history, scales=_SCALES, random=own)
        before = study.get_trials(deepcopy=False)[batch.first : number]
        running = [self.parameters.placement(each.params) for each in before]
        return _Fit(
            history=shared.history.with_running(running, self.task),
            priced_space=shared.priced_space,
            posterior=None if shared.posterior is None else shared.posterior.drawing(random, scales=scales),
        )

    def _chosen(self, fit: _Fit, posterior: Posterior, *, for_information: bool) -> Placement | None:
        """Return the placement of greatest acquisition value; None where all values are zero."""
        history, priced_space = fit.history, fit.priced_space
        index = None
        if for_information:
            index = most_informative(
                posterior,
                priced_space,
                running=history.running,
                failed=history.failed,
                closed=history.closed,
                samples=_SAMPLES,
            )
        if index is None:
            trained = self._trained(history, posterior, priced_space)
            index = most_improving(posterior, priced_space, trained=trained, closed=history.closed, samples=_SAMPLES)
        return None if index is None else self.task.space.placement_at(index)

    def _trained(self, history: History, posterior: Posterior, priced_space: PricedSpace) -> Levels:
        """Return the levels of the front of the trained placements, by the model, and of those in training."""
        # A stopped training may turn out to belong there: proposed again, it is trained to its end.
        unfinished = {self.task.space.index(each.placement) for each in history.stopped}
        front = trained_front(posterior, priced_space, closed=history.failed | unfinished)
        return np.concatenate([front.levels, self.task.design.levels(history.running)])

    def _at_random(self, fit: _Fit, random: np.random.Generator) -> Placement:
        """Return a random candidate that keeps the limits and has a seed left; any candidate if none is soon found."""
        space = self.task.space
        index = fit.priced_space.any_open(fit.history.closed, random)
        return space.placement_at(int(random.integers(len(space))) if index is None else index)


def _check_directions(study: Study) -> None:
    """Refuse (InputError) a study of other directions than those of accuracy and a cost."""
    if study.directions != [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]:
        raise InputError(
            "sampler effects: the study must maximize accuracy and minimize a cost, in this order: "
            'directions=["maximize", "minimize"]'
        )


class EffectsSampler(EffectsProposals):
    """Optuna sampler for placements of attention modules, by a Bayesian model of what each choice adds.

    It works in any Optuna study of placements that maximizes accuracy in percent and minimizes a cost:

    >>> import optuna, seplace
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> space = seplace.load_space("digits-resnet8")
    >>> sampler = seplace.EffectsSampler(space, cost="flops", seed=0)
    >>> def train(placement):  # a stand-in: build seplace.create_model(space.backbone, placement, …) and train it
    ...     modules = [choice.name for choice in placement.choices]
    ...     return 88.0 + modules.count("none") + 4.0 * (modules[2] == "se")
    >>> def objective(trial):
    ...     placement = sampler.suggest(trial)
    ...     return train(placement), sampler.costs_of(placement)["flops"]
    >>> study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
    >>> study.optimize(objective, n_trials=12)
    >>> print(sampler.recommend(study)[0])  # doctest: +ELLIPSIS
    none-none-se4...

    **Model.** A Bayesian linear mixed model. Accuracy is the sum of an intercept; the effects of each stage's module,
    of its attachment and of its reduction ratio r (a smooth curve over log2 r), each with a part that all stages
    share; interactions between the modules of two stages; a residual effect of the placement; an effect of the seed;
    and noise.

    **Prior.** Each coefficient is normal with mean 0 and a scale that all coefficients of its kind share. The scales
    and the noise have log-normal priors, in units of the spread of the accuracies. Their posterior is the Laplace
    approximation, corrected by importance weights; the coefficients are integrated out exactly (MacKay, Bayesian
    interpolation, 1992).

    **Acquisition functions,** by turns after a first random trial, over the whole space with its exact costs (by
    coordinate exchange where it has more than two million candidates):

    - noisy expected hypervolume improvement, by posterior samples (Daulton, Balandat and Bakshy, 2021,
      arXiv:2105.08195);
    - information about the front: the reduction of the variance between plausible fronts, a transductive design
      (Yu, Bi and Tresp, 2006; Fiez et al., 2019, arXiv:1906.08399).

    **User attributes of a trial.** `seed`: trials with equal seeds are taken as paired (equal initial weights of the
    backbone and equal order of the images), so that the effect of the seed leaves their difference. `cross_entropy`, in
    nats on the same images: where accuracy is a line in it, the line takes the place of the noisier accuracy.

    A trial with a violated constraint (`trial.set_constraint`) marks a placement that cannot be trained. Running trials
    count, so several workers may ask at once. A proposal depends on the study, the seed and the trial's number alone:
    a study that is loaded again goes on exactly.

    Args:
        space: The search space. The study gets one categorical parameter a stage: `stage1`, `stage2`, …
        cost: The second value of the study. `flops`, `macs` and `params` are counted for all candidates here, before
            any training; a measured cost (`latency_ms`) is learned from the trials.
        limits: The most that a placement may cost, by the name of a counted cost.
        seeds: The most trials of one placement. With more than one, a promising placement is proposed again, to be
            trained on another seed.
        image_size: The side of the images in pixels; None takes the backbone's customary one.
        num_classes: The number of classes; None takes the backbone's customary one.
        in_channels: The number of channels of an image.
        seed: The seed of the proposals; None draws one.

    Raises:
        UnknownName: There is no such cost; the message names the nearest.
        InputError: Another argument is out of its range.

    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        cost: str = "flops",
        limits: Mapping[str, float] | None = None,
        seeds: int = 1,
        image_size: int | None = None,
        num_classes: int | None = None,
        in_channels: int = 3,
        seed: int | None = None,
    ) -> None:
        from seplace.costs.of_space import count_space

        if not isinstance(space, SearchSpace):
            raise InputError(f"space is a SearchSpace, as load_space returns it (got a {type(space).__name__})")
        check_type("cost", cost, str, said="the name of a cost")
        check_type("limits", limits or {}, Mapping, said="a mapping of costs to the most of each")
        wanted = [cost, *(limits or {})]
        measured = [name for name in wanted if not cost_named(name).is_count]
        if limits and any(name in limits for name in measured):
            raise InputError(f"limits: {measured[-1]} is measured, and a limit is on a counted cost")
        seeds = whole_number("seeds", seeds, least=1)
        sizes = {"image_size": image_size, "num_classes": num_classes, "in_channels": in_channels}
        for name, size in sizes.items():
            if size is not None:
                whole_number(name, size, least=1)
        for name, limit in (limits or {}).items():
            if not isinstance(limit, int | float) or not 0 < limit < math.inf:
                raise InputError(f"limits: {name} is a number greater than 0 (got {limit!r})")
        names = [name for name in counted_names(wanted) if name != "flops" or name in wanted]
        table = count_space(space, names, image_size=image_size, num_classes=num_classes, in_channels=in_channels)
        drawn = int(np.random.default_rng().integers(2**32)) if seed is None else whole_number("seed", seed, least=0)
        task = Task(space=space, cost_table=table, cost=cost, limits=limits or {}, seeds=seeds, seed=drawn)
        super().__init__(task, seed=drawn)
        known = task.priced_space
        if limits and known is not None and known.any_open((), np.random.default_rng(0)) is None:
            raise InputError("limits: no placement of the space keeps them")

    def suggest(self, trial: Trial) -> Placement:
        """Return the placement of a trial: `trial.suggest_categorical` for each stage, whatever the study's sampler."""
        return self.parameters.suggest(trial)

    def costs_of(self, placement: str | Placement) -> dict[str, int]:
        """Return the counted costs of a candidate by name: `macs` (of one image), `params`, and the wanted ones.

        Raises InvalidPlacement for a placement that is not a candidate of the space.
        """
        candidate = placement if isinstance(placement, Placement) else Placement.parse(placement)
        self.task.space.index(candidate)  # refuses others
        return self.task.cost_table.costs_of(candidate)

    def recommend(self, study: Study) -> list[Placement]:
        """Return the placements of the whole space, trained or not, that together promise the largest hypervolume.

        The first promises most. Prefer them to `study.best_trials`: the front of noisy observations is too good to be
        true, since chance chooses it too. Raises InputError before a trial is complete.
        """
        _check_directions(study)
        history = history_of(study, self.task, before=len(study.get_trials(deepcopy=False)))
        if not history.observations:
            raise InputError("nothing can be recommended before a trial is complete")
        estimates = Estimates(self.task.design, history.observations, history.costs)
        priced_space = self.task.priced_space_by(history.costs)
        front = recommended_front(estimates.guide(), priced_space, closed=history.failed)
        return [self.task.space.placement_at(int(index)) for index in priced_space.indices(front.levels)]
