"""Modules with a derived class: the object stays the same, and runs other code.

Torch's parametrizations work in the same way. A derived class has the name of the module's own class, and one attribute
of seplace, whose name has double underscores. Such modules can be copied and pickled as others.
"""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

from torch import nn

_RECIPE = "__seplace__"

_R = TypeVar("_R")

_bare = threading.RLock()
"""Held while seplace's modules are removed from a module, since that concerns all threads."""


class Recipe(Protocol):
    """The recipe of a derived class; all copies of a module share it."""

    def attributes(self, kind: type[nn.Module]) -> Mapping[str, Any]:
        """Return the attributes of the derived class of a class."""

    def modules(self) -> tuple[str, ...]:
        """Return the names of seplace's modules in it."""


class _Quiet:
    """Suppresses `__init_subclass__` of the bases: a user's class may count or register its subclasses."""

    def __init_subclass__(cls) -> None:
        pass


def recast(module: nn.Module, recipe: Recipe) -> None:
    """Give a module a derived class, in place."""
    kind = type(module)
    attributes = {
        **recipe.attributes(kind),
        _RECIPE: recipe,
        "__module__": kind.__module__,
        "__qualname__": kind.__qualname__,
    }
    attributes["__reduce_ex__"] = _reducing(recipe)
    if hasattr(kind, "__deepcopy__"):
        attributes["__deepcopy__"] = _copying(recipe)
    # The user's metaclass is not called either.
    derived = type.__new__(type(kind), kind.__name__, (_Quiet, kind), attributes)
    object.__setattr__(module, "__class__", derived)


def recipe_of(module: nn.Module, kind: type[_R]) -> _R | None:
    """Return the recipe, of a kind, by which a module was recast, or None."""
    recipes = (vars(each).get(_RECIPE) for each in type(module).__mro__)
    return next((recipe for recipe in recipes if isinstance(recipe, kind)), None)


@contextlib.contextmanager
def bare(module: nn.Module, recipe: Recipe) -> Iterator[dict[str, nn.Module | None]]:
    """Remove seplace's modules from a module while the context is open; yield them by their names."""
    with _bare:
        ours = {name: module._modules.pop(name) for name in recipe.modules()}
        try:
            yield ours
        finally:
            module._modules.update(ours)


def _class_before(module: nn.Module, recipe: Recipe) -> type[nn.Module]:
    mro = type(module).__mro__
    at = next(at for at, kind in enumerate(mro) if vars(kind).get(_RECIPE) is recipe)
    return mro[at + 2]  # after the derived class and its _Quiet


def _reducing(recipe: Recipe) -> Callable[[nn.Module, Any], Any]:
    def __reduce_ex__(self: nn.Module, protocol: Any) -> Any:
        kind = _class_before(self, recipe)
        reduced = kind.__reduce_ex__(self, protocol)
        if isinstance(reduced, str):
            return reduced
        make, arguments, *rest = reduced
        own = type(self)
        make = kind if make is own else make
        return _remade, (recipe, make, tuple(kind if each is own else each for each in arguments)), *rest

    return __reduce_ex__


def _remade(recipe: Recipe, make: Callable[..., nn.Module], arguments: tuple[Any, ...]) -> nn.Module:
    module = make(*arguments)
    recast(module, recipe)
    return module


def _copying(recipe: Recipe) -> Callable[[nn.Module, dict[int, Any]], nn.Module]:
    """Return a `__deepcopy__` for a module whose class has one of its own."""

    def __deepcopy__(self: nn.Module, memo: dict[int, Any]) -> nn.Module:
        derived = type(self)
        own: Any = _class_before(self, recipe)
        with bare(self, recipe) as ours:
            object.__setattr__(self, "__class__", own)
            try:
                twin: nn.Module = own.__deepcopy__(self, memo)
            finally:
                object.__setattr__(self, "__class__", derived)
        recast(twin, recipe)
        twin._modules.update({name: copy.deepcopy(each, memo) for name, each in ours.items()})
        return twin

    return __deepcopy__
