"""The parts of a training that are the user's own: the module, its data and the callbacks, made anew each time."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from torch import Tensor, nn

from seplace.errors import InputError, UserCodeError
from seplace.study.own_callbacks import refused_callback
from seplace.study.own_network import NETWORK_NAMES, takes_no_network
from seplace.study.own_rules import KINDS
from seplace.study.own_training import OwnTraining
from seplace.study.parameters import Parameters, routed
from seplace.training.door import lightning, package_of
from seplace.user_code import user_errors
from seplace.user_modules import resolve


def options_of(training: OwnTraining) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options that go to the module, and those that go to the data."""
    module = Parameters.of(resolve(training.module, kind=KINDS["module"]), leading=1)
    data = Parameters.of(resolve(training.data, kind=KINDS["data"]), leading=0)
    for_module, for_data = routed(training.options, module, data)
    return for_module, for_data


def make_module(training: OwnTraining, network: nn.Module) -> lightning.LightningModule:
    """Call the factory with a network. Raises UserCodeError where it fails, or does not train that network."""
    factory = resolve(training.module, kind=KINDS["module"])
    what = f"training module {training.module}"
    with user_errors(f"{what} cannot be made of the network {type(network).__name__}{_receiving(factory)}"):
        module = factory(network, **options_of(training)[0])
    if package_of(module, "LightningModule") is None:
        raise UserCodeError(f"{what} returns {_kind_of(module)}, not a LightningModule")
    if not any(each is network for each in module.modules()):
        raise UserCodeError(
            f"{what} does not hold the network that it is given, so that its attention would not be trained: "
            f"{_likely_cause(factory)}keep it as an attribute, self.network = network, and no copy of it"
        )
    made: lightning.LightningModule = module
    return made


def package_of_module(module: lightning.LightningModule) -> ModuleType:
    """Return the package of Lightning's that a module derives from: that of its whole training."""
    package = package_of(module, "LightningModule")
    assert package is not None
    return package


def make_data(training: OwnTraining, package: ModuleType) -> lightning.LightningDataModule:
    """Call what makes the data of a training, whose module is of a package of Lightning's.

    Raises UserCodeError where it fails, has no loader of validation data, or is of another package.
    """
    what = f"training data {training.data}"
    with user_errors(f"{what} cannot be made"):
        data = resolve(training.data, kind=KINDS["data"])(**options_of(training)[1])
    own_package = package_of(data, "LightningDataModule")
    if own_package is None:
        raise UserCodeError(f"{what} returns {_kind_of(data)}, not a LightningDataModule")
    _refuse_two(training, package, what, own_package)
    for name, purpose in (("train_dataloader", "train on"), ("val_dataloader", "compare placements by")):
        if not has_loader(data, name):
            raise UserCodeError(f"{what} has no {name}: there is nothing to {purpose}")
    made: lightning.LightningDataModule = data
    return made


def has_loader(data: lightning.LightningDataModule, name: str) -> bool:
    """Return whether a data module defines one of its loaders."""
    package = package_of(data, "LightningDataModule")
    assert package is not None
    return getattr(type(data), name) is not getattr(package.LightningDataModule, name)


def make_callbacks(training: OwnTraining, package: ModuleType) -> list[lightning.Callback]:
    """Make the callbacks of a study, whose module is of a package of Lightning's.

    Raises UserCodeError for what is no callback or of another package, and InputError for what stops a training.
    """
    callbacks: list[lightning.Callback] = []
    for each in training.callbacks:
        with user_errors(f"callback {each.path} cannot be made"):
            (options,) = routed(each.options, Parameters.of(resolve(each.path, kind=KINDS["callback"]), leading=0))
            callback = resolve(each.path, kind=KINDS["callback"])(**options)
        own_package = package_of(callback, "Callback")
        if own_package is None:
            raise UserCodeError(f"callback {each.path} returns {_kind_of(callback)}, not a Lightning callback")
        refuse_callback(callback, f"training.callbacks: {each.path}")
        _refuse_two(training, package, f"callback {each.path}", own_package)
        callbacks.append(callback)
    return callbacks


def refuse_callback(callback: lightning.Callback, name: str) -> None:
    """Raise InputError for a callback that stops trainings, or writes checkpoints; `name` says where it comes from."""
    rule = refused_callback(type(callback))
    if rule is not None:
        raise InputError(f"{name}: {rule}")


def example_shape(module: lightning.LightningModule) -> tuple[int, ...] | None:
    """Return the shape (C, H, W) of one input of a module's `example_input_array`; None where it has none."""
    example = module.example_input_array
    if not isinstance(example, Tensor) or example.ndim != 4:
        return None
    return tuple(example.shape[1:])


def paths_of(module: nn.Module, network: nn.Module) -> list[str]:
    """Return the paths at which a module holds a network."""
    return [path for path, each in module.named_modules(remove_duplicate=False) if each is network]


def state_beside(module: nn.Module, network: nn.Module) -> dict[str, Tensor]:
    """Return the state of a module that is not that of its network, such as the weights of a head."""
    inside = tuple(f"{path}." for path in paths_of(module, network))
    return {
        name: value.detach().cpu()
        for name, value in module.state_dict().items()
        if not name.startswith(inside) and isinstance(value, Tensor)
    }


def _receiving(factory: Any) -> str:
    """Return which parameter of a factory gets the network; in a module that was not changed it means another thing."""
    names = Parameters.of(factory, leading=0).names
    return f", which its first parameter `{names[0]}` gets" if names else ""


def _likely_cause(factory: Any) -> str:
    """Return that a factory takes no network, where its first parameter has no usual name of one."""
    parameters = Parameters.of(factory, leading=1)
    if parameters.first is None or parameters.first in NETWORK_NAMES:
        return ""
    return f"it {takes_no_network(parameters)}; "


def _kind_of(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def _refuse_two(training: OwnTraining, package: ModuleType, part: str, own_package: ModuleType) -> None:
    """Raise UserCodeError for a part that is not of the package of the module."""
    if own_package is not package:
        raise UserCodeError(
            f"training module {training.module} is of {package.__name__}, and {part} of {own_package.__name__}: these "
            "packages do not know each other's classes; import the same one for all parts of a training"
        )
