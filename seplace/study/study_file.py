"""The schema of study files.

A study says what is searched, on which data, with which recipe and which budget. The section `run` says where it runs
and is no part of the study's meaning.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, PlainValidator, TypeAdapter, WrapValidator
from pydantic_core import PydanticCustomError

from seplace.files.schema import Count, Natural, NotNegative, Pixels, Positive, Schema, Section
from seplace.files.yaml_reader import NUMBER
from seplace.metric import Goal, Metric, column_of, digits_of, test_name_of
from seplace.study.own_training import OWN_KEYS, OwnTraining
from seplace.study.recipe import Recipe

_LISTED = 64
"""The most entries of a list in a study."""
MAX_PARALLEL = 1024
_Parallel = Annotated[int, Field(ge=1, le=MAX_PARALLEL)]
_NUMBER: TypeAdapter[int] = TypeAdapter(_Parallel, config=ConfigDict(strict=True))


def _number_or_auto(value: object) -> object:
    if value == "auto":
        return value
    if isinstance(value, str) and not NUMBER.fullmatch(value):
        raise PydanticCustomError("number_or_auto", "must be a whole number or auto")
    return _NUMBER.validate_python(value)


_Workers = Annotated[_Parallel | Literal["auto"], PlainValidator(_number_or_auto)]


def _flag_or_auto(value: object) -> object:
    if value == "auto" or isinstance(value, bool):
        return value
    raise PydanticCustomError("flag_or_auto", "must be true, false or auto")


def _recipe_or_own(value: object, _either: object) -> Recipe | OwnTraining:
    is_own = isinstance(value, OwnTraining) or (isinstance(value, dict) and not OWN_KEYS.isdisjoint(value))
    return OwnTraining.model_validate(value) if is_own else Recipe.model_validate(value)


_Training = Annotated[Recipe | OwnTraining, WrapValidator(_recipe_or_own)]


class DataSection(Section):
    """Which images are used, and how the training split is divided."""

    name: str
    """The data set: digits, cifar10, image_folder, another name of seplace.datasets, or `package.module:object`."""
    root: str | None = None
    """The folder of the data; a relative one is looked for beside the study file, then in the current folder."""
    image_size: Annotated[Pixels, Field(ge=1)] | None = None
    """The side in pixels that images are resized to; by default they stay as they are."""
    train_images: Count | None = None
    """The number of training images, a subset that the seed draws; by default all of them."""
    validation_images: Count | None = None
    """The number of training images held out to score placements; by default the data set's own validation split."""
    noise: NotNegative = 0.0
    """The standard deviation of Gaussian pixel noise, in units of the full pixel range; the same noise every time."""
    seed: Natural = 0
    """The seed of the split, the subset and the noise."""
    skip_damaged: bool = False
    """Whether images that cannot be used (damaged, empty, no files, in color among gray ones) are left out."""
    in_memory: Annotated[bool | Literal["auto"], PlainValidator(_flag_or_auto)] = "auto"
    """Whether image files are decoded once and held in memory, or anew in each epoch, ahead of the training. `auto`
    does the latter where they would take over a quarter of the free memory, or are larger than their random crops."""


class EvaluatorSection(Section):
    """What returns the result of a training."""

    name: str
    """The evaluator: stand_alone, which trains, lightning, which trains a module of your own, tabular, which looks
    results up, or `package.module:object`."""
    folder: str | None = None
    """The results folder that `tabular` answers from, relative to the study file or to the current folder."""


class MetricSection(Section):
    """The metric that placements are compared by."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    """The name under which a training logs it, such as val_miou; the built-in recipe has accuracy alone."""
    goal: Goal
    """Whether a larger value is better, `maximize`, or a smaller one, `minimize`."""
    scale: Positive = 1.0
    """What the logged number is multiplied by: 100 shows a share in percent."""
    unit: Annotated[str, Field(max_length=20)] = ""
    """The unit of the number times `scale`, such as "%" or mm; by default it has none."""
    label: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    """How headings and axes call it; by default its name without val_."""
    test_name: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    """The name under which it is logged of the test split; by default its name with test_ for val_."""

    def metric(self) -> Metric:
        """Return the metric, with defaults."""
        return Metric(
            name=self.name,
            goal=self.goal,
            scale=self.scale,
            unit=self.unit,
            label=self.label or column_of(self.name),
            test_name=self.test_name or test_name_of(self.name),
            digits=digits_of(self.unit),
        )


class ObjectiveSection(Section):
    """What is compared: a metric against a cost."""

    metric: MetricSection | None = None
    """The metric of trainings of your own; the built-in recipe has accuracy."""
    cost: str
    """The cost on the other axis of the front: flops, macs, params, latency_ms or `package.module:object`."""
    limits: Annotated[dict[str, Positive], Field(max_length=_LISTED)] = Field(default_factory=dict)
    """The most that a placement may cost, by the name of the cost, in its unit."""


_Title = Annotated[str, Field(min_length=1, max_length=80)]
_Listed = Annotated[tuple[str, ...], Field(min_length=1, max_length=1000)]


class SearchSection(Section):
    """How placements are proposed, and the budget of the search: either `trainings` or `hours`."""

    sampler: str = "effects"
    """The sampler: effects, gp, nsga2, tpe, random, exhaustive, another name of seplace.samplers, or an import path."""
    trainings: Count | None = None
    """The budget in trainings, those of the baselines included; it may grow later."""
    hours: Annotated[Positive, Field(le=1_000_000)] | None = None
    """The budget in hours of search; it may grow later."""
    seeds: Count
    """The most seeds that one placement is trained with during the search."""
    seed: Natural
    """The seed of the search: of its sampler, and of everything else that the search draws."""
    stop: Literal["budget", "settled"] = "budget"
    """`settled` also ends the search when little is left to find: the expected hypervolume regret is at most 5 %."""
    rungs: Annotated[tuple[Count, ...], Field(max_length=_LISTED)] = ()
    """Epochs, rising and fewer than the training's, after which a training may be stopped early."""
    placements: Annotated[dict[_Title, _Listed], Field(max_length=_LISTED)] = Field(default_factory=dict)
    """The placements that `sampler: exhaustive` trains in place of the whole space: lists, each with its title. One
    choice stands for all stages. `seplace ablation` prints them as a table."""
    proxies: Annotated[tuple[str, ...], Field(max_length=_LISTED)] = ()
    """Cheap scores, names of seplace.proxies, that the model of effects takes as covariates."""
    proxy_placements: Annotated[int, Field(ge=1, le=100_000)] = 64
    """The number of candidates, drawn at random, that the proxies score beside the baselines."""


class ConfirmSection(Section):
    """Further trainings of the front and the baselines after the search."""

    seeds: Count
    """The most seeds that each of them is trained with; a verdict needs two."""
    trainings: Count
    """The most trainings that this takes in all."""


class RunSection(Section):
    """Where trainings run, which is no part of the study's meaning: a run may go on elsewhere."""

    executor: str = "inline"
    """The executor: inline, processes, ray or `package.module:object`."""
    address: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """The address of a Ray cluster, `host:port`, or `auto` for the one that runs here; by default one is started."""
    workers: _Workers = 1
    """The number of trainings that run at once; `auto` measures how many pay, once, when the study begins."""
    threads: _Parallel = 1
    """The number of torch threads of one worker."""
    decode_threads: _Parallel | None = None
    """The number of threads that decode images in one worker; by default its share of the cores, 8 at most."""
    accelerator: Literal["cpu", "gpu", "auto"] = "auto"
    """The device; `auto` takes a GPU where there is one."""
    gpus: Annotated[Positive, Field(le=1)] | None = None
    """The share of a GPU that one training holds with executor ray, where trainings use GPUs; by default 1."""
    max_retries: Annotated[int, Field(ge=0, le=1000)] = 2
    """How often a training is begun again after its worker was killed."""
    stop_after_failures: Count = 5
    """The number of failed trainings in a row that ends the run."""
    loggers: Annotated[tuple[str, ...], Field(max_length=_LISTED)] = ()
    """Where the learning curves go: csv, tensorboard, wandb, mlflow, or `package.module:object`."""
    timeout_minutes: Positive | None = None
    """The minutes after which a training has failed; it runs in a process of its own. By default there is no limit."""


class StudyFile(Section):
    """A study file; rules between values and with other files are checked by `load_study`."""

    schema_version: Schema = Field(alias="schema")
    """The version of the file format, 1."""
    space: str
    """The search space: the name of a shipped one, or the path of a file, relative to the study file."""
    data: DataSection | None = None
    """Which images are used, and how the training split is divided; required, but for a training of your own."""
    training: _Training
    """How networks are trained: the built-in recipe, or a LightningModule of your own."""
    evaluator: EvaluatorSection | None = None
    """What returns the result of a training; by default the training itself."""
    objective: ObjectiveSection
    """What is compared: a metric against a cost."""
    search: SearchSection
    """How placements are proposed, and the budget of the search: either `trainings` or `hours`."""
    confirm: ConfirmSection | None = None
    """Further trainings of the front and the baselines after the search; by default no placement is trained further."""
    run: RunSection = RunSection()
    """Where trainings run."""
