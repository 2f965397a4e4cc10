"""What every attention module must do, whatever it computes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from seplace.attention import ATTENTION
from seplace.attention.options import GateOptions, Init
from seplace.attention.signature import signature_of
from seplace.costs import COSTS
from seplace.models import create_model, gate_arguments, option_value
from seplace.placement import Placement, StageChoice
from seplace.testing.expectations import expect, expect_error
from seplace.testing.tracing import TRACERS, expect_traceable

CHANNELS = (8, 16, 64, 96)
RATIO = 4
_FEW_VALUES = 4
_NETWORK = "cifar_resnet8[width=0.5]"


@dataclass(frozen=True)
class Variant:
    """A module with one of its options, or with none; an option that is a whole number is the side of its map."""

    name: str
    option: str | None = None
    value: str | None = None

    def __str__(self) -> str:
        if self.option is None:
            return self.name
        return f"{self.name}[{self.option}]" if self.value is None else f"{self.name}[{self.option}={self.value}]"

    @property
    def takes_whole_number(self) -> bool:
        """Whether the option is a whole number."""
        return self.option is not None and self.value is None

    @property
    def is_additive(self) -> bool:
        """Whether the output is added to the map."""
        return ATTENTION.entry(self.name).is_additive

    def map_of(self, images: int, channels: int, side: int = 5) -> Tensor:
        """Return noise (images, channels, side, side + 2); square for an option that is a whole number."""
        shape = (images, channels, side, side if self.takes_whole_number else side + 2)
        return torch.randn(shape, generator=torch.Generator().manual_seed(1))

    def gate(self, channels: int = 16, *, init: Init = "paper", side: int = 5, seed: int = 0) -> nn.Module:
        """Build the module for maps of a number of channels and a side, from a seed."""
        choice = StageChoice(self.name, RATIO if _takes_ratio(self.name) else None, _attachment_of(self.name))
        arguments, keywords = gate_arguments(
            choice, gate=GateOptions(init=init), channels=channels, block_input=channels
        )
        if self.option is not None:
            keywords[self.option] = side if self.value is None else option_value(self.value)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            built: nn.Module = ATTENTION[self.name](*arguments, **keywords)
        return built

    def applied(self, gate: nn.Module, u: Tensor) -> Tensor:
        """Return what the module makes of a map: the map scaled, or with something added."""
        applied: Tensor = u + gate(u) if self.is_additive else u * gate(u)
        return applied


def variants_of(name: str) -> list[Variant]:
    """Return a module without options, then with each option by itself.

    An option of few values is tried at each but its default, one of many, such as kernels, at the second and the last.
    """
    # What `reduced_from` stands for is known of a block alone.
    options = {key: values for key, values in ATTENTION.entry(name).options.items() if key != "reduced_from"}
    tried = {
        option: values[1:] if len(values) <= _FEW_VALUES else (values[1], values[-1])
        for option, values in options.items()
    }
    chosen = [Variant(name, option, value) for option, values in tried.items() for value in values]
    whole_numbers = [Variant(name, option) for option, values in options.items() if not values]
    return [Variant(name), *chosen, *whole_numbers]


def fits_its_map(name: str) -> None:
    """Check that the gate of a float32 map is finite, of its type, and broadcasts against it."""
    _check_fit(name, torch.float32)


def changes_no_map(name: str) -> None:
    """Check that a gate does not change its input in place."""
    for variant, init in _each(name):
        u = variant.map_of(2, 16)
        before = u.clone()
        variant.gate(init=init)(u)
        expect(torch.equal(u, before), f"{variant}, init {init}: it changes the map that it is given")


def learns(name: str, *, without_gradient: Collection[str] = ()) -> None:
    """Check that finite gradients reach the map and each parameter within two steps of training.

    Parameters in `without_gradient` are excepted, such as a bias in front of a batch norm.
    """
    for variant, init in _each(name):
        for channels in CHANNELS:
            where = f"{variant}, init {init}, {channels} channels"
            missed = _without_gradient(variant, channels, init=init, where=where) - set(without_gradient)
            if missed:  # the few ReLUs of a narrow layer may all be 0 by chance, with any map
                missed &= _without_gradient(variant, channels, init=init, where=where, seed=1)
            expect(not missed, f"{where}: the gradient of {', '.join(sorted(missed))} is zero in two steps")


def _without_gradient(variant: Variant, channels: int, *, init: Init, where: str, seed: int = 0) -> set[str]:
    """Return the parameters of a gate, and `map`, whose gradient is zero in two steps of training."""
    gate = variant.gate(channels, init=init, side=6, seed=seed)
    u = variant.map_of(4, channels, 6).requires_grad_()
    target = u.detach().roll(1, 0)
    learned = {"map": u, **dict(gate.named_parameters())}
    optimizer = torch.optim.SGD(learned.values(), lr=0.1)
    missed = set(learned)
    for _ in range(2):
        optimizer.zero_grad()
        (variant.applied(gate, u) - target).square().mean().backward()  # type: ignore[no-untyped-call]
        for key, tensor in learned.items():
            expect(tensor.grad is not None, f"{where}: no gradient reaches {key}")
            assert tensor.grad is not None
            expect(tensor.grad.isfinite().all(), f"{where}: the gradient of {key} is not finite")
            missed -= {key} if tensor.grad.count_nonzero() else set()
        optimizer.step()
    return missed


def trains_under_autocast(name: str) -> None:
    """Check that a bfloat16 training gives finite maps and gradients, for maps of usual and of large values."""
    for variant, init in _each(name):
        for scale in (1, 1e4):
            where = f"{variant}, init {init}, under autocast"
            gate = variant.gate(init=init, side=6)
            convolution = nn.Conv2d(3, 16, 3)
            with torch.autocast("cpu", torch.bfloat16):
                u = convolution(scale * variant.map_of(2, 3, 8))
                applied = variant.applied(gate, u)
            expect(applied.isfinite().all(), f"{where}: the map is not finite")
            applied.float().square().mean().backward()  # type: ignore[no-untyped-call]
            for key, parameter in (*gate.named_parameters(), *convolution.named_parameters()):
                is_finite = parameter.grad is not None and parameter.grad.isfinite().all()
                expect(is_finite, f"{where}: the gradient of {key} is missing or not finite")


def takes_one_pixel(name: str) -> None:
    """Check that a map of one pixel is trained on, and that one image is trained on or refused by the gate's name."""
    for variant, init in _each(name):
        where = f"{variant}, init {init}"
        gate = variant.gate(init=init, side=1)
        u = one_pixel(4).requires_grad_()
        applied = variant.applied(gate, u)
        applied.square().sum().backward()  # type: ignore[no-untyped-call]
        expect(applied.isfinite().all(), f"{where}: a map of one pixel becomes one that is not finite")
        for key, tensor in (("map", u), *gate.named_parameters()):
            is_finite = tensor.grad is not None and tensor.grad.isfinite().all()
            expect(is_finite, f"{where}: the gradient of {key} is not finite for maps of one pixel")
        alone = variant.gate(init=init, side=1).eval()(one_pixel(1))
        expect(alone.isfinite().all(), f"{where}: one image of one pixel is not evaluated")
        for side in (1, 5):
            gate = variant.gate(init=init, side=side)
            try:
                output = gate(one_pixel(1) if side == 1 else variant.map_of(1, 16, side))
            except ValueError as error:
                expect(type(gate).__name__ in str(error), f"{where}: one image is refused without its name: {error}")
            else:
                expect(output.isfinite().all(), f"{where}: one image in training gives no finite gate")


def gates_each_image_by_itself(name: str) -> None:
    """Check that in eval mode the gate of an image does not depend on the others of its batch."""
    for variant in variants_of(name):
        gate = variant.gate().eval()
        u = variant.map_of(3, 16)
        alone = torch.cat([gate(image) for image in u.chunk(3)])
        is_same = torch.allclose(gate(u), alone, rtol=1.3e-6, atol=1e-5)
        expect(is_same, f"{variant}: in eval mode the gate of an image depends on the other images of its batch")


def keeps_the_layout(name: str) -> None:
    """Check that channels_last changes the layout of the map alone."""
    for variant in variants_of(name):
        gate = variant.gate().eval()
        u = variant.map_of(2, 16)
        expected = variant.applied(gate, u)
        gate.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
        applied = variant.applied(gate, u.to(memory_format=torch.channels_last))
        is_same = torch.allclose(applied, expected, rtol=1.3e-6, atol=1e-5)
        expect(is_same, f"{variant}: a channels_last map comes out with other values")
        is_kept = applied.is_contiguous(memory_format=torch.channels_last)
        expect(is_kept, f"{variant}: a channels_last map comes out in another layout")


def is_drawn_from_the_seed(name: str) -> None:
    """Check that one seed gives one gate."""
    for variant in variants_of(name):
        one, other = variant.gate().state_dict(), variant.gate().state_dict()
        is_same = one.keys() == other.keys() and all(torch.equal(tensor, other[key]) for key, tensor in one.items())
        expect(is_same, f"{variant}: two gates of one seed have other weights")


def stands_in_a_network(name: str) -> None:
    """Check that a network with the module in all its stages trains, and that its FLOPs can be counted."""
    entry = ATTENTION.entry(name)
    attachment = (entry.attachments or ("serial",))[0]
    choice = StageChoice(name, RATIO if _takes_ratio(name) else None, attachment)
    network = create_model(_NETWORK, Placement.uniform(choice, 3), num_classes=5)
    logits = network(torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)))
    logits.square().sum().backward()
    expect(logits.shape == (4, 5) and logits.isfinite().all(), f"{choice}: a network with it gives no finite logits")
    plain = create_model(_NETWORK, Placement.uniform(StageChoice(), 3), num_classes=5)
    image = torch.zeros(1, 3, 16, 16)
    flops = [COSTS["flops"].measure(each.eval(), image) for each in (network, plain)]
    expect(flops[0] >= flops[1], f"{choice}: a network with it takes fewer FLOPs than one without")


def fits_a_map_of_half_precision(name: str) -> None:
    """Check that the gate of a bfloat16 or float16 map is finite and of that type."""
    for dtype in (torch.bfloat16, torch.float16):
        _check_fit(name, dtype)


def starts_as_the_identity(name: str) -> None:
    """Check that with init `identity` a gate changes no bit of a map, in training and in eval mode."""
    for variant in variants_of(name):
        for channels in CHANNELS:
            for is_training in (True, False):
                gate = variant.gate(channels, init="identity").train(is_training)
                for scale in (1, 1e-20, 1e4, 1e20):
                    u = scale * variant.map_of(2, channels)
                    is_same = torch.equal(variant.applied(gate, u), u)
                    expect(is_same, f"{variant}, {channels} channels: init identity changes a map of scale {scale:g}")


def says_whether_the_papers_gate_is_the_identity(name: str) -> None:
    """Check that a gate which is 1 at its start with init `paper` says so in its class's docstring, and no other."""
    for variant in variants_of(name):
        if variant.is_additive:
            continue
        gate = variant.gate()
        says_so = "starts as the identity with either init" in " ".join((type(gate).__doc__ or "").split())
        is_one = torch.allclose(gate(variant.map_of(2, 16)), torch.ones(()))
        expect(is_one == says_so, f"{variant}: the docstring of its class does not say how it starts")


def computes_in_full_precision(name: str) -> None:
    """Check that under autocast a gate of a float32 map is the same to the bit."""
    for variant, init in _each(name):
        gate = variant.gate(init=init).eval()
        for scale in (1, 1e4):
            u = scale * variant.map_of(2, 16)
            expected = gate(u)
            with torch.autocast("cpu", torch.bfloat16):
                is_same = torch.equal(gate(u), expected)
            expect(is_same, f"{variant}, init {init}: autocast changes the gate")


def can_be_traced(name: str) -> None:
    """Check that torch.fx and torch.jit.script take the gate, and that a graph leaves autocast as the gate does."""
    for number, variant in enumerate(variants_of(name)):
        gate, u = variant.gate(init=_INITS[number % 2]), variant.map_of(2, 16)
        for tracer in TRACERS:
            expect_traceable(gate, u, f"the gate {variant}", tracer=tracer)
        gate.eval()
        expected = gate(u)
        graph = fx.symbolic_trace(gate)
        graph.graph.eliminate_dead_code()
        graph.recompile()
        with torch.autocast("cpu", torch.bfloat16):
            is_same = torch.equal(graph(u), expected)
        expect(is_same, f"{variant}: autocast changes the traced gate")


def has_its_first_value_as_default(name: str) -> None:
    """Check that an option which is left out has the first of its values."""
    for option, values in ATTENTION.entry(name).options.items():
        if not values or option == "reduced_from":
            continue
        variant = Variant(name, option, values[0])
        u = variant.map_of(2, 16)
        for init in _INITS:
            chosen, left_out = variant.gate(init=init), Variant(name).gate(init=init)
            is_same = chosen.state_dict().keys() == left_out.state_dict().keys() and torch.equal(chosen(u), left_out(u))
            expect(is_same, f"{variant}: {values[0]} is not the default of {option}")


def refuses_a_ratio_without_hidden_units(name: str) -> None:
    """Check that a ratio over the channels raises ValueError: the gate would be the constant 0.5."""
    if not ATTENTION.entry(name).takes_ratio:
        return
    for min_hidden in (1, 8):
        with expect_error(ValueError, f"{name} with 16 channels and ratio 32", words=("32", "16")):
            ATTENTION[name](16, ratio=32, min_hidden=min_hidden, init="paper")


REQUIRED = (
    fits_its_map,
    changes_no_map,
    trains_under_autocast,
    takes_one_pixel,
    gates_each_image_by_itself,
    keeps_the_layout,
    is_drawn_from_the_seed,
    stands_in_a_network,
)
"""The checks beside `learns` that every gate must pass."""

PROMISED = (
    fits_a_map_of_half_precision,
    starts_as_the_identity,
    says_whether_the_papers_gate_is_the_identity,
    computes_in_full_precision,
    can_be_traced,
    has_its_first_value_as_default,
    refuses_a_ratio_without_hidden_units,
)
"""The checks that the entries of seplace pass beside: they need a gate that takes `init` and casts by itself."""

_INITS: Sequence[Init] = ("paper", "identity")


def one_pixel(images: int, channels: int = 16) -> Tensor:
    """Return noise (images, channels, 1, 1)."""
    return torch.randn(images, channels, 1, 1, generator=torch.Generator().manual_seed(1))


def _check_fit(name: str, dtype: torch.dtype) -> None:
    for variant, init in _each(name):
        for channels in CHANNELS:
            u = variant.map_of(2, channels).to(dtype)
            gate = variant.gate(channels, init=init)(u)
            where = f"{variant}, init {init}: the gate of a map of shape {tuple(u.shape)}"
            try:
                fits = torch.broadcast_shapes(gate.shape, u.shape) == u.shape  # type: ignore[no-untyped-call]
            except RuntimeError:
                fits = False
            expect(fits, f"{where} has the shape {tuple(gate.shape)}")
            expect(gate.dtype == dtype, f"{where} and type {dtype} has the type {gate.dtype}")
            expect(gate.isfinite().all(), f"{where} is not finite")


def _each(name: str) -> Iterator[tuple[Variant, Init]]:
    for variant in variants_of(name):
        for init in _INITS:
            yield variant, init


def _takes_ratio(name: str) -> bool:
    entry = ATTENTION.entry(name)
    return signature_of(name).takes_ratio if entry.has_signature else entry.takes_ratio


def _attachment_of(name: str) -> str:
    return (ATTENTION.entry(name).attachments or ("serial",))[0]
