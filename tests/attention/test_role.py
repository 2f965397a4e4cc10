"""What every attention module must do, whatever it computes."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from seplace.attention import ATTENTION
from tests.networks import GATES, gate_arguments

INITS = ["paper", "identity"]
CHANNELS = [8, 16, 64, 96]


@dataclass(frozen=True)
class Variant:
    """A module with one of its options, or with none."""

    name: str
    option: str | None = None
    value: str | None = None

    def __str__(self) -> str:
        if self.option is None:
            return self.name
        return f"{self.name}[{self.option}]" if self.value is None else f"{self.name}[{self.option}={self.value}]"

    @property
    def takes_whole_number(self) -> bool:
        return self.option is not None and self.value is None

    @property
    def is_additive(self) -> bool:
        return ATTENTION.entry(self.name).is_additive

    def map_of(self, images: int, channels: int, side: int = 5) -> Tensor:
        """Noise on a map that is not square, but for an option that is a whole number: the side of a square map."""
        shape = (images, channels, side, side if self.takes_whole_number else side + 2)
        return torch.randn(shape, generator=torch.Generator().manual_seed(1))

    def gate(self, channels: int = 16, *, init: str = "paper", side: int = 5) -> nn.Module:
        """The module with its option, for maps of the given side."""
        option = {} if self.option is None else {self.option: side if self.takes_whole_number else self.value}
        torch.manual_seed(0)
        return ATTENTION[self.name](channels, **gate_arguments(self.name, init=init), **option)

    def applied(self, gate: nn.Module, u: Tensor) -> Tensor:
        """What the module makes of a map: gated, or with something added."""
        return u + gate(u) if self.is_additive else u * gate(u)


def variants_of(name: str) -> list[Variant]:
    """A module without options, then with each option by itself, at each value but its default."""
    # What `reduced_from` stands for is known of a block alone: tests/test_models.py.
    options = {key: values for key, values in ATTENTION.entry(name).options.items() if key != "reduced_from"}
    chosen = [Variant(name, option, value) for option, values in options.items() for value in values[1:]]
    whole_numbers = [Variant(name, option) for option, values in options.items() if not values]
    return [Variant(name), *chosen, *whole_numbers]


VARIANTS = [variant for name in GATES for variant in variants_of(name)]
DEFAULTS = [
    Variant(name, option, values[0])
    for name in GATES
    for option, values in ATTENTION.entry(name).options.items()
    if values and option != "reduced_from"
]
WITHOUT_GRADIENT = {
    "coord": frozenset({"reduce.bias"}),
    "bam": frozenset({"channel.reduce.bias", "spatial.reduce.bias", "spatial.dilated1.bias", "spatial.dilated2.bias"}),
    "gc": frozenset({"attend.bias"}),
}
"""Biases that a batch norm or a softmax takes away again: their gradient is zero but for rounding."""

each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=str)
each_init = pytest.mark.parametrize("init", INITS)


def one_pixel(images: int, channels: int = 16) -> Tensor:
    return torch.randn(images, channels, 1, 1, generator=torch.Generator().manual_seed(1))


@each_variant
@each_init
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_gate_fits_its_map(variant: Variant, init: str, channels: int, dtype: torch.dtype) -> None:
    u = variant.map_of(2, channels).to(dtype)
    gate = variant.gate(channels, init=init)(u)
    assert torch.broadcast_shapes(gate.shape, u.shape) == u.shape
    assert gate.dtype == dtype
    assert gate.isfinite().all()


@each_variant
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("training", [True, False])
def test_a_gate_starts_as_the_identity_to_the_bit(variant: Variant, channels: int, training: bool) -> None:
    gate = variant.gate(channels, init="identity").train(training)
    for scale in (1, 1e-20, 1e4, 1e20):
        u = scale * variant.map_of(2, channels)
        assert torch.equal(variant.applied(gate, u), u)


@pytest.mark.parametrize("variant", [variant for variant in VARIANTS if not variant.is_additive], ids=str)
def test_the_papers_gate_starts_as_the_identity_only_where_its_class_says_so(variant: Variant) -> None:
    gate = variant.gate()
    says_so = "starts as the identity with either init" in " ".join((type(gate).__doc__ or "").split())
    assert torch.allclose(gate(variant.map_of(2, 16)), torch.ones(())) == says_so


@each_variant
@each_init
@pytest.mark.parametrize("channels", CHANNELS)
def test_gradients_reach_the_map_and_every_parameter_in_two_steps(variant: Variant, init: str, channels: int) -> None:
    gate = variant.gate(channels, init=init, side=6)
    u = variant.map_of(4, channels, 6).requires_grad_()
    target = u.detach().roll(1, 0)
    learned = {"map": u, **dict(gate.named_parameters())}
    optimizer = torch.optim.SGD(learned.values(), lr=0.1)
    reached = set()
    for _ in range(2):
        optimizer.zero_grad()
        (variant.applied(gate, u) - target).square().mean().backward()
        reached |= {key for key, tensor in learned.items() if tensor.grad.count_nonzero()}
        assert all(tensor.grad.isfinite().all() for tensor in learned.values())
        optimizer.step()
    assert reached >= learned.keys() - WITHOUT_GRADIENT.get(variant.name, frozenset())


@each_variant
@each_init
def test_a_gate_leaves_its_map_as_it_is(variant: Variant, init: str) -> None:
    u = variant.map_of(2, 16)
    before = u.clone()
    variant.gate(init=init)(u)
    assert torch.equal(u, before)


@each_variant
@each_init
@pytest.mark.parametrize("scale", [1, 1e4])
def test_a_gate_is_computed_in_full_precision_under_autocast(variant: Variant, init: str, scale: float) -> None:
    gate = variant.gate(init=init).eval()
    u = scale * variant.map_of(2, 16)
    expected = gate(u)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(gate(u), expected)


@each_variant
@each_init
@pytest.mark.parametrize("scale", [1, 1e4])
def test_a_gate_trains_under_autocast(variant: Variant, init: str, scale: float) -> None:
    gate = variant.gate(init=init, side=6)
    convolution = nn.Conv2d(3, 16, 3)
    with torch.autocast("cpu", torch.bfloat16):
        u = convolution(scale * variant.map_of(2, 3, 8))
        applied = variant.applied(gate, u)
    assert u.dtype == applied.dtype == torch.bfloat16
    assert applied.isfinite().all()
    applied.float().square().mean().backward()
    for key, parameter in (*gate.named_parameters(), *convolution.named_parameters()):
        assert parameter.grad.isfinite().all(), key


@each_variant
@each_init
def test_a_one_pixel_map_trains(variant: Variant, init: str) -> None:
    gate = variant.gate(init=init, side=1)
    u = one_pixel(4).requires_grad_()
    applied = variant.applied(gate, u)
    applied.square().sum().backward()
    assert applied.isfinite().all()
    for key, tensor in (("map", u), *gate.named_parameters()):
        assert tensor.grad.isfinite().all(), key


@each_variant
@each_init
@pytest.mark.parametrize("side", [1, 5], ids=["a one-pixel map", "a map"])
def test_one_image_trains_or_is_refused_by_name(variant: Variant, init: str, side: int) -> None:
    gate = variant.gate(init=init, side=side)
    refusal = None
    try:
        output = gate(one_pixel(1) if side == 1 else variant.map_of(1, 16, side))
    except ValueError as error:
        refusal = str(error)
    if refusal is None:
        assert output.isfinite().all()
    else:
        assert type(gate).__name__ in refusal


@each_variant
@each_init
def test_one_image_with_a_one_pixel_map_is_evaluated(variant: Variant, init: str) -> None:
    assert variant.gate(init=init, side=1).eval()(one_pixel(1)).isfinite().all()


@each_variant
def test_an_image_is_gated_by_itself_in_eval_mode(variant: Variant) -> None:
    gate = variant.gate().eval()
    u = variant.map_of(3, 16)
    torch.testing.assert_close(gate(u), torch.cat([gate(image) for image in u.split(1)]))


@each_variant
def test_channels_last_changes_the_layout_alone(variant: Variant) -> None:
    gate = variant.gate().eval()
    u = variant.map_of(2, 16)
    expected = variant.applied(gate, u)
    gate.to(memory_format=torch.channels_last)
    applied = variant.applied(gate, u.to(memory_format=torch.channels_last))
    torch.testing.assert_close(applied, expected)
    assert applied.is_contiguous(memory_format=torch.channels_last)


@each_variant
def test_one_seed_gives_one_gate(variant: Variant) -> None:
    one, other = variant.gate().state_dict(), variant.gate().state_dict()
    assert one.keys() == other.keys()
    assert all(torch.equal(tensor, other[key]) for key, tensor in one.items())


@pytest.mark.parametrize("variant", DEFAULTS, ids=str)
@each_init
def test_the_first_value_of_an_option_is_its_default(variant: Variant, init: str) -> None:
    u = variant.map_of(2, 16)
    chosen, left_out = variant.gate(init=init), Variant(variant.name).gate(init=init)
    assert chosen.state_dict().keys() == left_out.state_dict().keys()
    assert torch.equal(chosen(u), left_out(u))


@pytest.mark.parametrize("name", [name for name in GATES if ATTENTION.entry(name).takes_ratio])
def test_a_ratio_that_leaves_no_hidden_unit_is_refused(name: str) -> None:
    # ⌊16/32⌋ = 0: an empty layer, and a gate that is the constant 0.5. A floor of hidden units does not excuse it.
    for min_hidden in (1, 8):
        with pytest.raises(ValueError, match=r"\b32\b.*\b16\b"):
            ATTENTION[name](16, ratio=32, min_hidden=min_hidden, init="paper")


def test_none_is_the_gate_that_is_one_and_has_nothing_to_learn() -> None:
    gate = ATTENTION["none"](16)
    u = torch.randn(2, 16, 5, 7)
    assert torch.equal(u * gate(u), u)
    assert list(gate.parameters()) == []
