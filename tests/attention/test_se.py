import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from seplace.attention.se import SE


def cells(plane: Tensor) -> list[Tensor]:
    """The means of a 5x4 map over a grid of 2x2 cells; the middle one of five rows is in the upper and lower cells."""
    return [plane[top : top + 3, left : left + 2].sum() / 6 for top in (0, 2) for left in (0, 2)]


SQUEEZES: dict[str, Callable[[Tensor], list[Tensor]]] = {
    "avg": lambda image: [plane.sum() / 20 for plane in image],
    "max": lambda image: [plane.reshape(-1).sort().values[-1] for plane in image],
    "pyramid": lambda image: [
        *(plane.sum() / 20 for plane in image),
        *(value for plane in image for value in cells(plane)),
    ],
}
EXCITATIONS: dict[tuple[str, str], Callable[[float], float]] = {
    ("sigmoid", "paper"): lambda x: 1 / (1 + math.exp(-x)),
    ("tanh", "paper"): lambda x: (math.exp(x) - math.exp(-x)) / (math.exp(x) + math.exp(-x)),
    ("relu", "paper"): lambda x: max(x, 0.0),
    ("hardsigmoid", "paper"): lambda x: min(max(x + 3, 0), 6) / 6,
    ("sigmoid", "identity"): lambda x: 2 / (1 + math.exp(-x)),
    ("tanh", "identity"): lambda x: 1 + (math.exp(x) - math.exp(-x)) / (math.exp(x) + math.exp(-x)),
    ("relu", "identity"): lambda x: max(1 + x, 0.0),
    ("hardsigmoid", "identity"): lambda x: min(max(x + 3, 0), 6) / 3,
}


def reference(gate: SE, u: Tensor, *, squeeze: str = "avg", excite: Callable[[float], float] | None = None) -> Tensor:
    """σ(W2 φ(W1 squeeze(u) + b1) + b2), with one channel after the other, for 5x4 maps."""
    excite = excite or EXCITATIONS["sigmoid", "paper"]
    reduce, expand = gate.reduce.weight, gate.expand.weight
    (images, channels), hidden = u.shape[:2], len(reduce)
    no_bias = torch.zeros(max(channels, hidden))
    first = no_bias if gate.reduce.bias is None else gate.reduce.bias
    second = no_bias if gate.expand.bias is None else gate.expand.bias
    expected = torch.empty(images, channels, 1, 1)
    for n in range(images):
        values = SQUEEZES[squeeze](u[n])
        units = [
            max(sum(reduce[h, v] * value for v, value in enumerate(values)) + first[h], torch.zeros(()))
            for h in range(hidden)
        ]
        for c in range(channels):
            expected[n, c] = excite(float(sum(expand[c, h] * units[h] for h in range(hidden)) + second[c]))
    return expected


@torch.no_grad()
def test_the_equation() -> None:
    torch.manual_seed(0)
    gate, u = SE(12, ratio=3), torch.randn(3, 12, 5, 4)
    torch.testing.assert_close(gate(u), reference(gate, u), atol=1e-6, rtol=0)


@torch.no_grad()
def test_the_equation_with_the_identity_init_is_twice_the_sigmoid() -> None:
    torch.manual_seed(0)
    gate, u = SE(12, ratio=3, init="identity"), torch.randn(3, 12, 5, 4)
    gate.expand.weight.normal_()
    torch.testing.assert_close(gate(u), 2 * reference(gate, u), atol=2e-6, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("squeeze", SQUEEZES)
@pytest.mark.parametrize("bias", ["no", "yes"])
def test_the_equation_with_each_squeeze(squeeze: str, bias: str) -> None:
    torch.manual_seed(0)
    gate, u = SE(12, ratio=3, squeeze=squeeze, bias=bias), torch.randn(3, 12, 5, 4)
    torch.testing.assert_close(gate(u), reference(gate, u, squeeze=squeeze), atol=1e-6, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize(("excitation", "init"), EXCITATIONS)
def test_the_equation_with_each_excitation(excitation: str, init: str) -> None:
    torch.manual_seed(0)
    gate, u = SE(12, ratio=3, init=init, excitation=excitation, bias="yes"), torch.randn(3, 12, 5, 4)
    gate.expand.weight.normal_()
    gate.expand.bias.copy_(torch.linspace(-4, 4, 12))  # to both sides of where relu and the hard sigmoid bend
    expected = reference(gate, u, excite=EXCITATIONS[excitation, init])
    torch.testing.assert_close(gate(u), expected, atol=2e-6, rtol=0)


@pytest.mark.parametrize("squeeze", SQUEEZES)
@pytest.mark.parametrize("excitation", ["sigmoid", "tanh", "relu", "hardsigmoid"])
@pytest.mark.parametrize("bias", ["no", "yes"])
def test_each_variant_starts_as_the_identity_and_learns_at_once(squeeze: str, excitation: str, bias: str) -> None:
    torch.manual_seed(0)
    gate = SE(16, ratio=4, init="identity", squeeze=squeeze, excitation=excitation, bias=bias)
    u = torch.randn(4, 16, 5, 4)
    assert torch.equal(gate(u), torch.ones(4, 16, 1, 1))
    optimizer = torch.optim.SGD(gate.parameters(), lr=0.1)
    for step in range(2):
        optimizer.zero_grad()
        (u * gate(u) - u.roll(1, 0)).square().mean().backward()
        reached = {key.split(".")[0] for key, parameter in gate.named_parameters() if parameter.grad.count_nonzero()}
        assert reached == ({"expand"} if step == 0 else {"reduce", "expand"})
        optimizer.step()


def test_the_default_has_two_weights_and_no_more() -> None:
    assert list(SE(16, ratio=4).state_dict()) == ["reduce.weight", "expand.weight"]


@pytest.mark.parametrize("squeeze", SQUEEZES)
def test_each_squeeze_of_a_one_pixel_map_is_the_pixel(squeeze: str) -> None:
    torch.manual_seed(0)
    gate, u = SE(12, ratio=3, squeeze=squeeze), torch.randn(1, 12, 1, 1)
    pixel = u[0, :, 0, 0].double()
    values = torch.cat([pixel, pixel.repeat_interleave(4)]) if squeeze == "pyramid" else pixel
    units = (gate.reduce.weight.double() @ values).clamp(min=0)
    expected = 1 / (1 + torch.exp(-(gate.expand.weight.double() @ units)))
    torch.testing.assert_close(gate(u), expected.float()[None, :, None, None], atol=1e-6, rtol=0)


def test_a_maximum_passes_its_gradient_to_one_element() -> None:
    gate, u = SE(8, ratio=4, squeeze="max"), torch.ones(2, 8, 4, 4, requires_grad=True)
    with torch.no_grad():
        gate.reduce.weight.fill_(0.1)
        gate.expand.weight.fill_(0.1)
    gate(u).sum().backward()
    assert u.grad.flatten(2).count_nonzero(2).eq(1).all()


@pytest.mark.parametrize(
    ("channels", "ratio", "min_hidden", "hidden"),
    [
        pytest.param(64, 16, 1, 4, id="C / r"),
        pytest.param(16, 16, 1, 1, id="one unit is enough"),
        pytest.param(96, 64, 1, 1, id="rounded down"),
        pytest.param(64, 1, 1, 64, id="no reduction"),
        pytest.param(16, 16, 8, 8, id="not fewer than the least"),
        pytest.param(256, 16, 8, 16, id="more than the least"),
    ],
)
def test_parameters_and_macs(channels: int, ratio: int, min_hidden: int, hidden: int) -> None:
    gate = SE(channels, ratio=ratio, min_hidden=min_hidden)
    assert gate.reduce.out_features == hidden
    assert sum(parameter.numel() for parameter in gate.parameters()) == 2 * channels * hidden
    with FlopCounterMode(display=False) as counter:
        gate(torch.zeros(1, channels, 6, 5))
    assert counter.get_total_flops() == 2 * (2 * channels * hidden)


@pytest.mark.parametrize(
    ("squeeze", "bias", "parameters", "macs"),
    [
        pytest.param("avg", "yes", 2 * 64 * 4 + 4 + 64, 2 * 64 * 4, id="biases: C + h"),
        pytest.param("max", "no", 2 * 64 * 4, 2 * 64 * 4, id="maximum"),
        pytest.param("pyramid", "no", 6 * 64 * 4, 6 * 64 * 4, id="five values a channel"),
        pytest.param("pyramid", "yes", 6 * 64 * 4 + 4 + 64, 6 * 64 * 4, id="five values and biases"),
    ],
)
def test_parameters_and_macs_of_the_variants(squeeze: str, bias: str, parameters: int, macs: int) -> None:
    gate = SE(64, ratio=16, squeeze=squeeze, bias=bias)
    assert sum(parameter.numel() for parameter in gate.parameters()) == parameters
    with FlopCounterMode(display=False) as counter:
        gate(torch.zeros(1, 64, 6, 5))
    assert counter.get_total_flops() == 2 * macs


@torch.no_grad()
@pytest.mark.parametrize("bias", ["no", "yes"])
def test_without_a_squeeze_each_position_has_the_gate_of_a_map_of_one_pixel(bias: str) -> None:
    torch.manual_seed(0)
    gate, pooled = SE(12, ratio=3, squeeze="none", bias=bias), SE(12, ratio=3, bias=bias)
    for name, tensor in pooled.state_dict().items():
        tensor.copy_(gate.state_dict()[name].reshape(tensor.shape))
    u = torch.randn(2, 12, 5, 4)
    of_each = torch.stack([pooled(u[:, :, i, j, None, None]) for i in range(5) for j in range(4)], dim=2)
    torch.testing.assert_close(gate(u), of_each.reshape(u.shape), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("bias", "parameters"), [("no", 2 * 16 * 4), ("yes", 2 * 16 * 4 + 16 + 4)])
def test_parameters_and_macs_without_a_squeeze(bias: str, parameters: int) -> None:
    gate = SE(16, ratio=4, squeeze="none", bias=bias).eval()
    assert sum(parameter.numel() for parameter in gate.parameters()) == parameters
    with FlopCounterMode(display=False) as counter:
        gate(torch.zeros(1, 16, 6, 5))
    assert counter.get_total_flops() == 2 * (2 * 16 * 4 * 6 * 5)


ACTIVATIONS: dict[str, Callable[[float], float]] = {
    "hardswish": lambda x: x * min(max(x + 3, 0), 6) / 6,
    "silu": lambda x: x / (1 + math.exp(-x)),
}


@torch.no_grad()
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_equation_with_each_activation(activation: str) -> None:
    torch.manual_seed(0)
    gate, u = SE(12, ratio=3, activation=activation), 20 * torch.randn(3, 12, 5, 4)
    hidden = torch.einsum("hc,nc->nh", gate.reduce.weight, u.mean((2, 3)))
    units = torch.tensor([[ACTIVATIONS[activation](float(unit)) for unit in image] for image in hidden])
    expected = 1 / (1 + torch.exp(-torch.einsum("ch,nh->nc", gate.expand.weight, units)))
    torch.testing.assert_close(gate(u), expected[:, :, None, None], atol=1e-6, rtol=0)
