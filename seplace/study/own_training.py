"""The user's own training: the section `training` of a study that names a LightningModule and its data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, PlainValidator, WrapValidator
from pydantic_core import PydanticCustomError

from seplace.files.schema import Count, Natural, NotNegative, Section
from seplace.study.recipe import Recipe

_LISTED = 64
_MOST_EPOCHS = 1_000_000
_MOST_DEVICES = 64
"""The most devices of one training; they are all on one machine."""

Option = str | int | float | bool | None | tuple[Any, ...] | dict[str, Any]
"""A value that a factory of the user's own takes: plain YAML."""


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    for name, value in options.items():
        if not name.isidentifier():
            raise PydanticCustomError("option_name", "must have names of parameters as keys")
        if _holds_non_finite(value):
            raise PydanticCustomError("option_value", "must hold finite numbers")
    return options


def _holds_non_finite(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_non_finite, value.values()))
    if isinstance(value, tuple):
        return any(map(_holds_non_finite, value))
    return isinstance(value, float) and not math.isfinite(value)


Options = Annotated[dict[str, Any], Field(max_length=_LISTED), AfterValidator(_plain)]


def _amount(value: object) -> object:
    """Return a number of batches as it is: 1 is one batch, and 1.0 is all of them."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("amount", "must be a whole number of batches, or a share between 0 and 1")
    if not (value > 0 and (isinstance(value, int) or value <= 1)):
        raise PydanticCustomError(
            "amount", "must be a whole number of batches of at least 1, or a share over 0 and at most 1"
        )
    return value


Amount = Annotated[int | float, PlainValidator(_amount, json_schema_input_type=int | float)]
"""A number of batches, or a share of them."""

_OF_THE_SEARCH = "the search sets it"
_OF_RUN = "belongs to the block `run`"


class TrainerSection(Section):
    """Arguments of Lightning's Trainer, by its own names and with its defaults; those of the search are left out."""

    refused: ClassVar[Mapping[str, str]] = {
        "accelerator": f"{_OF_RUN}: write `run: {{accelerator: cpu}}`",
        "num_nodes": "is not taken: a placement is trained on one machine, and several placements at once",
        "logger": "is left out: there is no logger unless `run` names one, `run: {loggers: [csv]}`",
        "callbacks": "stands beside `trainer`: `training.callbacks`, import paths",
        "default_root_dir": f"{_OF_THE_SEARCH}: files of trainings are in the results folder",
        "enable_checkpointing": f"{_OF_THE_SEARCH}: it writes checkpoints itself, and goes on from them",
        "enable_progress_bar": f"{_OF_THE_SEARCH}: it shows progress itself",
        "enable_model_summary": f"{_OF_THE_SEARCH}: hundreds of networks are trained",
        "plugins": f"{_OF_THE_SEARCH}: checkpoints are written all or nothing",
        "profiler": "is not taken: profile one training by itself, with `Trainer.fit`",
        "barebones": "is not taken: it turns off the metrics that trainings are compared by",
        "fast_dev_run": "is not taken: `seplace plan` tries a few steps; shorter trainings have a smaller `max_epochs`",
        "min_epochs": "is not taken: every training has `max_epochs` epochs, so that trainings can be compared",
        "min_steps": "is not taken: every training has `max_epochs` epochs, so that trainings can be compared",
        "max_steps": "is not taken: the length of a training is counted in epochs: `max_epochs`",
        "max_time": "is not taken: a training that the clock ends compares with no other; see `run.timeout_minutes`",
        "limit_predict_batches": "is not taken: nothing is predicted",
        "enable_autolog_hparams": f"{_OF_THE_SEARCH}: `run.loggers` get placement, seed and costs",
        "model_registry": "is not taken: weights are kept in the results folder",
    }
    """Arguments of the Trainer that a study cannot give, each with the reason."""

    max_epochs: Annotated[int, Field(ge=1, le=_MOST_EPOCHS)]
    """The number of epochs of every training."""
    precision: (
        Literal[
            "32-true",
            "16-mixed",
            "bf16-mixed",
            "16-true",
            "bf16-true",
            "64-true",
            "transformer-engine",
            "transformer-engine-float16",
            "16",
            "32",
            "64",
            "bf16",
            16,
            32,
            64,
        ]
        | None
    ) = None
    """The precision; by default 32-true."""
    devices: Annotated[int, Field(ge=1, le=_MOST_DEVICES)] | None = None
    """The number of devices that train one placement together, by default 1; which ones, follows from `run`."""
    strategy: (
        Literal["ddp", "ddp_spawn", "ddp_find_unused_parameters_true", "ddp_spawn_find_unused_parameters_true"] | None
    ) = None
    """How several devices train one placement, by default `ddp`. Their processes are started by the search."""
    accumulate_grad_batches: Count | None = None
    """The batches whose gradients are added up before a step."""
    gradient_clip_val: NotNegative | None = None
    """The value that gradients are clipped at."""
    gradient_clip_algorithm: Literal["norm", "value"] | None = None
    """Whether the norm of all gradients is clipped, or each value."""
    limit_train_batches: Amount | None = None
    """The training batches of an epoch: a whole number, or a share."""
    limit_val_batches: Amount | None = None
    """The batches that are validated: a whole number, or a share."""
    limit_test_batches: Amount | None = None
    """The batches that are tested: a whole number, or a share."""
    overfit_batches: Amount | None = None
    """The batches that training and validation are both reduced to, to try a training."""
    val_check_interval: Amount | None = None
    """The batches, or the share of an epoch, after which an epoch is interrupted by a validation."""
    check_val_every_n_epoch: Count | None = None
    """The epochs between two validations; the last epoch and all rungs must be validated."""
    num_sanity_val_steps: Natural | None = None
    """The batches that are validated before a training; by default none."""
    log_every_n_steps: Count | None = None
    """The steps between two rows of a logger."""
    deterministic: bool | Literal["warn"] | None = None
    """Whether torch takes deterministic algorithms alone."""
    benchmark: bool | None = None
    """Whether cuDNN chooses its algorithms by timing them."""
    inference_mode: bool | None = None
    """Whether validation runs in torch's inference mode, or without gradients only."""
    use_distributed_sampler: bool | None = None
    """Whether samplers are replaced where several devices train."""
    detect_anomaly: bool | None = None
    """Whether torch looks for the operator that gave a NaN; slow."""
    sync_batchnorm: bool | None = None
    """Whether batch norm is over all devices."""
    reload_dataloaders_every_n_epochs: Natural | None = None
    """The epochs after which data loaders are made anew; by default they are kept."""

    @property
    def process_strategy(self) -> str:
        """The strategy of processes that were started for Lightning."""
        return (self.strategy or "ddp").replace("_spawn", "")

    def arguments(self) -> dict[str, Any]:
        """Return what the study gives, by Lightning's names."""
        return {name: value for name, value in self.model_dump().items() if value is not None}


class OwnCallback(Section):
    """A callback with options."""

    path: str
    """The import path of what is called."""
    options: Options = Field(default_factory=dict)
    """Its keyword arguments."""


def _callback(value: object, _as_written: object) -> object:
    if isinstance(value, str):
        return OwnCallback(path=value)
    if not isinstance(value, dict | OwnCallback):
        raise PydanticCustomError("callback", "must be an import path, or a mapping with `path` and `options`")
    return OwnCallback.model_validate(value)


Callback = Annotated[OwnCallback, WrapValidator(_callback, json_schema_input_type=str | OwnCallback)]


class OwnTraining(Section):
    """A training of your own: a LightningModule with its data; it takes the place of the built-in recipe."""

    refused: ClassVar[Mapping[str, str]] = {
        "epochs": "is `trainer.max_epochs` in a training of your own",
        **{
            name: "is of the built-in recipe; what your module and data take stands in `options`"
            for name in Recipe.model_fields
            if name != "epochs"
        },
    }

    module: str
    """The import path of what is called with the network and `options`, and returns a LightningModule."""
    data: str
    """The import path of what is called with `options`, and returns a LightningDataModule."""
    options: Options = Field(default_factory=dict)
    """Keyword arguments of `module` and `data`; each goes to whichever has a parameter of that name, or to both."""
    trainer: TrainerSection
    """Arguments of Lightning's Trainer."""
    callbacks: Annotated[tuple[Callback, ...], Field(max_length=_LISTED)] = ()
    """Import paths of Lightning callbacks, called once a training; or mappings with `path` and `options`."""
    input: Annotated[tuple[Count, ...], Field(min_length=3, max_length=3)] | None = None
    """Channels, height and width of an input, for costs; by default the module's `example_input_array`."""
    classes: Count | None = None
    """The `num_classes` of the backbone; by default its own."""
    cost_of: Literal["network", "module"] = "network"
    """Whether costs are those of the network alone, or of the whole module's `forward`."""

    @property
    def epochs(self) -> int:
        """The epochs of every training."""
        return self.trainer.max_epochs

    @property
    def devices(self) -> int:
        """The number of devices that train one placement together."""
        return self.trainer.devices or 1

    @property
    def check_epochs(self) -> tuple[int, ...]:
        """The epochs after which a value is needed: the last one; the others that are validated come for nothing."""
        return (self.epochs,)

    def with_epochs(self, epochs: int) -> OwnTraining:
        """Return the training with another length."""
        return self.model_copy(update={"trainer": self.trainer.model_copy(update={"max_epochs": epochs})})


OWN_KEYS = frozenset(OwnTraining.model_fields)
"""The keys that mark a section as a training of the user's own."""
