"""What every attention module must do, whatever it computes."""

import pytest
import torch
from torch import Tensor, nn

from seplace.attention import ATTENTION
from tests.networks import GATES, gate_arguments

INITS = ["paper", "identity"]
CHANNELS = [8, 16, 64, 96]
each_gate = pytest.mark.parametrize("name", GATES)
each_init = pytest.mark.parametrize("init", INITS)


def gate_of(name: str, channels: int = 16, *, init: str = "paper") -> nn.Module:
    torch.manual_seed(0)
    return ATTENTION[name](channels, **gate_arguments(name, init=init))


def images(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@each_gate
@each_init
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_gate_fits_its_map(name: str, init: str, channels: int, dtype: torch.dtype) -> None:
    u = images(2, channels, 5, 7).to(dtype)
    gate = gate_of(name, channels, init=init)(u)
    assert torch.broadcast_shapes(gate.shape, u.shape) == u.shape
    assert gate.dtype == dtype
    assert gate.isfinite().all()


@each_gate
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("training", [True, False])
def test_a_gate_starts_as_the_identity_to_the_bit(name: str, channels: int, training: bool) -> None:
    gate = gate_of(name, channels, init="identity").train(training)
    for scale in (1, 1e-20, 1e20):
        u = scale * images(2, channels, 5, 7)
        assert torch.equal(u * gate(u), u)


@each_gate
def test_the_papers_gate_does_not_start_as_the_identity(name: str) -> None:
    u = images(2, 16, 5, 7)
    assert not torch.allclose(gate_of(name)(u), torch.ones(()))


@each_gate
@each_init
@pytest.mark.parametrize("channels", CHANNELS)
def test_gradients_reach_every_parameter_in_two_steps(name: str, init: str, channels: int) -> None:
    gate = gate_of(name, channels, init=init)
    optimizer = torch.optim.SGD(gate.parameters(), lr=0.1)
    target = images(4, channels, 6, 6).roll(1, 0)
    reached = set()
    for _ in range(2):
        optimizer.zero_grad()
        u = images(4, channels, 6, 6)
        (u * gate(u) - target).square().mean().backward()
        reached |= {key for key, parameter in gate.named_parameters() if parameter.grad.count_nonzero()}
        optimizer.step()
    assert reached == {key for key, _ in gate.named_parameters()}


@each_gate
@each_init
def test_a_gradient_reaches_the_map(name: str, init: str) -> None:
    u = images(2, 16, 5, 7).requires_grad_()
    (u * gate_of(name, init=init)(u)).sum().backward()
    assert u.grad.isfinite().all()
    assert u.grad.count_nonzero()


@each_gate
def test_a_gate_leaves_its_map_as_it_is(name: str) -> None:
    u = images(2, 16, 5, 7)
    before = u.clone()
    gate_of(name)(u)
    assert torch.equal(u, before)


@each_gate
@each_init
@pytest.mark.parametrize("scale", [1, 1e4])
def test_a_gate_is_computed_in_full_precision_under_autocast(name: str, init: str, scale: float) -> None:
    gate = gate_of(name, init=init).eval()
    u = scale * images(2, 16, 5, 7)
    expected = gate(u)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(gate(u), expected)


@each_gate
@each_init
@pytest.mark.parametrize("scale", [1, 1e4])
def test_a_gate_trains_under_autocast(name: str, init: str, scale: float) -> None:
    gate = gate_of(name, init=init)
    convolution = nn.Conv2d(3, 16, 3)
    with torch.autocast("cpu", torch.bfloat16):
        u = convolution(scale * images(2, 3, 8, 8))
        gated = u * gate(u)
    assert u.dtype == gated.dtype == torch.bfloat16
    assert gated.isfinite().all()
    gated.float().square().mean().backward()
    for key, parameter in gate.named_parameters():
        assert parameter.grad.isfinite().all(), key


@each_gate
@each_init
def test_a_one_pixel_map_trains(name: str, init: str) -> None:
    gate = gate_of(name, init=init)
    u = images(4, 16, 1, 1)
    gated = u * gate(u)
    gated.square().sum().backward()
    assert gated.isfinite().all()
    for key, parameter in gate.named_parameters():
        assert parameter.grad.isfinite().all(), key


@each_gate
@each_init
def test_one_image_with_a_one_pixel_map_trains_or_is_refused_by_name(name: str, init: str) -> None:
    gate = gate_of(name, init=init)
    refusal = None
    try:
        gated = gate(images(1, 16, 1, 1))
    except ValueError as error:
        refusal = str(error)
    if refusal is None:
        assert gated.isfinite().all()
    else:
        assert type(gate).__name__ in refusal


@each_gate
@each_init
def test_one_image_with_a_one_pixel_map_is_evaluated(name: str, init: str) -> None:
    u = images(1, 16, 1, 1)
    assert gate_of(name, init=init).eval()(u).isfinite().all()


@each_gate
def test_an_image_is_gated_by_itself_in_eval_mode(name: str) -> None:
    gate = gate_of(name).eval()
    u = images(3, 16, 5, 7)
    torch.testing.assert_close(gate(u), torch.cat([gate(image) for image in u.split(1)]))


@each_gate
def test_channels_last_changes_the_layout_alone(name: str) -> None:
    gate = gate_of(name).eval()
    u = images(2, 16, 5, 7)
    expected = u * gate(u)
    gate.to(memory_format=torch.channels_last)
    u = u.to(memory_format=torch.channels_last)
    gated = u * gate(u)
    torch.testing.assert_close(gated, expected)
    assert gated.is_contiguous(memory_format=torch.channels_last)


@each_gate
def test_one_seed_gives_one_gate(name: str) -> None:
    one, other = gate_of(name).state_dict(), gate_of(name).state_dict()
    assert one.keys() == other.keys()
    assert all(torch.equal(tensor, other[key]) for key, tensor in one.items())


@pytest.mark.parametrize("name", [name for name in GATES if ATTENTION.member(name).takes_ratio])
def test_a_ratio_that_leaves_no_hidden_unit_is_refused(name: str) -> None:
    # ⌊16/32⌋ = 0: an empty layer, and a gate that is the constant 0.5. A floor of hidden units does not excuse it.
    for min_hidden in (1, 8):
        with pytest.raises(ValueError, match=r"\b32\b.*\b16\b"):
            ATTENTION[name](16, ratio=32, min_hidden=min_hidden, init="paper")


def test_none_is_the_gate_that_is_one_and_has_nothing_to_learn() -> None:
    gate = ATTENTION["none"](16)
    u = images(2, 16, 5, 7)
    assert torch.equal(u * gate(u), u)
    assert list(gate.parameters()) == []
