"""Blocks whose own attributes have the names that seplace uses, and that look at what they are."""

import copy
import io
import threading
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

import seplace
from seplace.backbones.describe import describe
from seplace.errors import InputError
from seplace.freezing import freeze_backbone
from tests.networks import network_of

SLOTS = ("entry", "inner", "residual", "shortcut", "output")
NAMES = [
    *("in_channels", "out_channels", "residual_channels", "inner_channels", "has_shortcut", "has_native_gate"),
    *("may_be_idle", "code", "attention", "join", "put", "replace_inner", "slots", "block", "channels", "names"),
    *("form", "recipe", "gate", "layers", *SLOTS, *(f"slot_{slot}" for slot in SLOTS)),
]
"""What seplace calls, or has called, things of its own."""


class Plain(nn.Module):
    """Adds to its input; `halted` makes its forward one that cannot be traced."""

    halted = False

    def __init__(self, channels: int = 8) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)

    def factor(self) -> float:
        return 1.0

    def forward(self, x: Tensor) -> Tensor:
        if self.halted and bool(x.isnan().all()):
            return x
        return torch.relu(x + self.factor() * self.norm(self.conv(x)))


class Attributes(Plain):
    def __init__(self) -> None:
        super().__init__()
        for at, name in enumerate(NAMES):
            setattr(self, name, 1.0 + at / 64)

    def factor(self) -> float:
        return sum(getattr(self, name) for name in NAMES) / 40


class Modules(Plain):
    def __init__(self) -> None:
        super().__init__()
        for name in NAMES:
            self.add_module(name, nn.Conv2d(8, 8, 1))

    def factor(self) -> float:
        return 0.5 if all(isinstance(getattr(self, name), nn.Conv2d) for name in NAMES) else 2.0


class Tensors(Plain):
    def __init__(self) -> None:
        super().__init__()
        for at, name in enumerate(NAMES):
            if at % 2:
                self.register_buffer(name, torch.full((1,), at / 64))
            else:
                self.register_parameter(name, nn.Parameter(torch.full((1,), at / 64)))

    def factor(self) -> Any:
        return sum(getattr(self, name) for name in NAMES)


OfTheClass: Any = type("OfTheClass", (Plain,), dict.fromkeys(NAMES, 0.25) | {"factor": lambda self: self.join})
Properties: Any = type(
    "Properties",
    (Plain,),
    {name: property(lambda _self: 0.75) for name in NAMES} | {"factor": lambda self: self.out_channels * self.code},
)
Methods: Any = type(
    "Methods",
    (Plain,),
    {name: (lambda _self, at=at: at / 8) for at, name in enumerate(NAMES)}
    | {"factor": lambda self: self.put() + self.join() + self.has_shortcut()},
)


class Narrow(Plain):
    __slots__ = ("in_channels", "join", "width")

    def __init__(self) -> None:
        super().__init__()
        self.width, self.in_channels, self.join = 0.5, 2, 3

    def factor(self) -> float:
        return self.width * self.in_channels * self.join


class Closed(Plain):
    """Takes no attribute after it was built."""

    def __init__(self) -> None:
        super().__init__()
        self.done = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__dict__.get("done") and name != "training":
            raise AttributeError(f"{name} cannot be set")
        super().__setattr__(name, value)

    def add_module(self, name: str, module: nn.Module | None) -> None:
        raise AttributeError(f"{name} cannot be {module}")


class AsksItself(Plain):
    def factor(self) -> float:
        return 1.0 if type(self).__name__ == "AsksItself" else 2.0


class AsksItsType(Plain):
    def factor(self) -> float:
        return 1.0 if type(self) is AsksItsType else 2.0


class CountsItsParts(Plain):
    halted = True

    def factor(self) -> float:
        return float(len(list(self.children())) + len(list(self.modules())) + hasattr(self, "slot_residual"))


class Layers(nn.Sequential):
    """Runs what stands in it in its own way."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8))

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for layer in self:
            y = layer(y) * 0.5 if bool(y.isfinite().all()) else y
        return x + y


class OfItsOwnForward(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.forward = self.fused

    def fused(self, x: Tensor) -> Tensor:
        return x + 2 * self.conv(x)


class Registers(Plain):
    kinds: ClassVar[list[type]] = []

    def __init_subclass__(cls, *, purpose: str) -> None:
        Registers.kinds.append(cls)


class Meta(type):
    kinds: ClassVar[list[str]] = []

    def __init__(cls, name: str, bases: tuple[type, ...], members: dict[str, Any]) -> None:
        super().__init__(name, bases, members)
        Meta.kinds.append(name)


class OfAMetaclass(Plain, metaclass=Meta):
    pass


class CopiesItself(Plain):
    def __deepcopy__(self, memo: dict[int, Any]) -> "CopiesItself":
        twin = type(self)()
        twin.load_state_dict(self.state_dict())
        return twin.train(self.training)


class CountsItsCalls(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.last: Any = None

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.last = x
        return super().forward(x)


class CountsInABuffer(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(x) / self.calls


class Lists(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(x)
        return super().forward(x) * len(self.seen)


KINDS = (
    Attributes,
    Modules,
    Tensors,
    OfTheClass,
    Properties,
    Methods,
    Narrow,
    Closed,
    AsksItself,
    AsksItsType,
    CountsItsParts,
    Layers,
    OfItsOwnForward,
    Registers,
    OfAMetaclass,
    CopiesItself,
    CountsItsCalls,
    CountsInABuffer,
    Lists,
)


def network(kind: Callable[[], nn.Module], num_classes: int = 3) -> nn.Module:
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, num_classes)]
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), kind(), kind(), *head)


def network_with(kind: int = 0, num_classes: int = 3) -> nn.Module:
    return network(KINDS[kind], num_classes)


def halting(kind: type) -> type:
    return type(f"Halting{kind.__name__}", (kind,), {"halted": True})


def seen(model: nn.Module, images: Tensor) -> list[Tensor]:
    """What a network computes in inference, and while it trains."""
    outputs = []
    for training in (False, True):
        torch.manual_seed(3)
        outputs.append(model.train(training)(images).detach())
    return outputs


IMAGES = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))

named = [pytest.param(kind, id=kind.__name__) for kind in KINDS]
halted = [pytest.param(halting(kind), id=f"{kind.__name__}, not traced") for kind in KINDS[:5]]


@pytest.mark.parametrize("kind", [*named, *halted])
def test_names_of_the_users_stay_the_users(kind: Any) -> None:
    torch.manual_seed(0)
    model = network(kind)
    adopted = seplace.adopt(model, IMAGES)
    assert adopted.table["blocks"].sum() == 2
    attachments = adopted.table["attachments"][0].split()
    texts = ["se4", *(f"se4.{name}" for name in ("cross", "post", "exit") if name in attachments)]
    networks = [adopted.insert(text) for text in texts]
    expected = seen(model, IMAGES)
    for inserted in networks:
        blocks = zip(model[1:3], inserted[1:3], strict=True)
        assert all(vars(one).keys() == vars(other).keys() for one, other in blocks)
        assert all(map(torch.equal, seen(inserted, IMAGES), expected))
        assert {*model.state_dict()} < {*inserted.state_dict()}


def test_the_users_classes_notice_nothing() -> None:
    Registers.kinds.clear()
    kinds = list(Meta.kinds)
    for kind in (Registers, OfAMetaclass):
        seplace.adopt(network(kind), IMAGES).insert("se4")
    assert Registers.kinds == []
    assert Meta.kinds == kinds


def test_names_do_not_decide_where_gates_stand() -> None:
    kind = type("Saying", (Plain,), dict.fromkeys(NAMES, False))
    adopted = [seplace.adopt(network(each), IMAGES) for each in (kind, Plain)]
    for text in ("se4", "se4.parallel", "se4.cross"):
        some, others = ([key.replace("_.", ".") for key in each.insert(text).state_dict()] for each in adopted)
        assert some == others


@pytest.mark.parametrize("kind", [Attributes, halting(Attributes), CountsItsParts, OfItsOwnForward, Modules])
def test_copies_and_pickles_have_their_gates(kind: Any) -> None:
    torch.manual_seed(0)
    inserted = seplace.adopt(network(Plain if kind.__name__.startswith("Halting") else kind), IMAGES).insert(
        "se4", init="paper"
    )
    freeze_backbone(inserted)
    expected = seen(inserted, IMAGES)
    file = io.BytesIO()
    torch.save(inserted, file)
    file.seek(0)
    for other in (copy.deepcopy(inserted), torch.load(file, weights_only=False)):
        assert all(map(torch.equal, seen(other, IMAGES), expected))
        assert [parameter.requires_grad for parameter in other.parameters()] == [
            parameter.requires_grad for parameter in inserted.parameters()
        ]
        assert not other[1].norm.training if hasattr(other[1], "norm") else True
        with torch.no_grad():
            for key, value in other.named_parameters():
                if ".attention.gate." in key:
                    value.normal_(generator=torch.Generator().manual_seed(2))
        assert not torch.equal(seen(other, IMAGES)[0], expected[0])


def test_a_block_that_copies_itself_takes_its_gates_along() -> None:
    inserted = seplace.adopt(network(CopiesItself), IMAGES).insert("se4", init="paper")
    other = copy.deepcopy(inserted)
    assert other.state_dict().keys() == inserted.state_dict().keys()
    assert all(map(torch.equal, seen(other, IMAGES), seen(inserted, IMAGES)))


def test_a_study_builds_the_same() -> None:
    for kind in (Attributes, Properties, CountsItsParts, Layers):
        text = f"tests.backbones.test_own_names:network_with[image_size=8,kind={KINDS.index(kind)}]".replace(
            ",kind=0", ""
        )
        backbone = describe(text)
        torch.manual_seed(4)
        plain = backbone.plain(num_classes=3, in_channels=3)
        torch.manual_seed(4)
        assert all(map(torch.equal, seen(backbone.build(num_classes=3), IMAGES), seen(plain, IMAGES)))
        assert any("attention" in key for key in network_of(text, "se4", num_classes=3).state_dict())


def test_a_shielded_block_runs_in_several_threads() -> None:
    inserted = seplace.adopt(network(CountsItsParts), IMAGES).insert("se4", init="paper").eval()
    expected = inserted(IMAGES).detach()
    outputs: list[Tensor] = []

    def run() -> None:
        outputs.extend(inserted(IMAGES).detach() for _ in range(20))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outputs) == 80
    assert all(torch.equal(output, expected) for output in outputs)


class LooksInside(nn.Module):
    """A network whose outside looks at what its blocks are."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Plain(), Plain()])
        self.stem = nn.Conv2d(3, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x) * len(list(block.children()))
        return x.mean((2, 3))


def test_a_network_that_would_compute_something_else_is_refused() -> None:
    with pytest.raises(InputError, match=r"LooksInside: it computes something else .* blocks\.0, blocks"):
        seplace.adopt(LooksInside(), IMAGES)
