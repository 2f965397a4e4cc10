"""Operators of the user's own: what they are made of, what is registered for them, and what is said of the others."""

import warnings
from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seplace.costs import counting
from seplace.costs.counting import count_operators, register_count
from seplace.costs.flops import flops
from seplace.costs.macs import macs
from seplace.errors import InputError, UncountedOperator, UserCodeError

X = torch.zeros(1, 4, 6, 10)
MAP = X.numel()


@torch.library.custom_op("tests_of_costs::twice", mutates_args=())
def twice(x: Tensor) -> Tensor:
    return 2 * x


@twice.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x)


class ByNumPy(torch.autograd.Function):
    """A function that torch does not see."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:  # noqa: ARG004 - torch gives it
        return torch.from_numpy(x.numpy() * 2)


class Net(nn.Module):
    """A product of 9 * 4 * 4 a pixel and another operator."""

    def __init__(self, operator: Callable[[Tensor], Tensor], channels: int = 4) -> None:
        super().__init__()
        self.operator, self.conv = operator, nn.Conv2d(4, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.operator(x))


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(counting, "_registered", {})
    return


def net(operator: Callable[[Tensor], Tensor] = twice, channels: int = 4) -> nn.Module:
    return Net(operator, channels).eval()


@pytest.mark.parametrize(("operator", "name"), [(twice, "tests_of_costs::twice"), (ByNumPy.apply, "ByNumPy")])
def test_what_is_unknown_and_large_is_an_error_that_says_what_to_do(operator, name: str) -> None:
    network = net(operator)
    with pytest.raises(UncountedOperator) as raised:
        flops(network, X)
    share = f"{100 * 2 * MAP / (9 * 4 * MAP):.2g} % of the {9 * 4 * MAP:,} counted FLOPs"
    assert str(raised.value).startswith(f"no FLOP count for {name}, which read and write {2 * MAP} elements: ")
    assert "register_count" in str(raised.value)
    assert share in str(raised.value)
    assert raised.value.exit_code == 2
    assert macs(network, X) == 9 * 4 * MAP  # where there is no product of torch's, there are no MACs


def test_what_is_unknown_and_small_is_left_out_with_a_warning() -> None:
    with pytest.warns(
        UserWarning, match=r"no FLOP count for tests_of_costs::twice, .*0\.5.* %.*: left out of the FLOPs"
    ):
        count = flops(net(channels=40), X)
    assert count == 9 * 40 * MAP


@pytest.mark.parametrize(("operator", "name"), [(twice, "tests_of_costs::twice"), (ByNumPy.apply, "ByNumPy")])
def test_what_is_registered_is_counted(operator, name: str) -> None:
    register_count(name, lambda inputs, outputs: inputs[0].numel() + outputs[0].shape[1])
    assert flops(net(operator), X) == 9 * 4 * MAP + MAP + 4
    register_count(name, lambda _inputs, _outputs: 7)  # a module that is read again says it again
    assert flops(net(operator), X) == 9 * 4 * MAP + 7


@pytest.mark.parametrize("name", ["aten::relu", "aten::relu_", "aten::_convolution", "relu"])
def test_an_operator_of_torch_has_its_own_rule(name: str) -> None:
    with pytest.raises(InputError, match=f"register_count: {name} already has a count"):
        register_count(name, lambda _inputs, _outputs: 1)


def test_a_rule_that_fails_is_reported_as_the_users() -> None:
    def rule(inputs, _outputs) -> int:
        return inputs[1].numel()

    register_count("tests_of_costs::twice", rule)
    with pytest.raises(UserCodeError, match=r"registered for tests_of_costs::twice: IndexError.*\.py"):
        flops(net(), X)


def scripted(x: Tensor) -> Tensor:
    return x * torch.sigmoid(x + 1)


def test_a_scripted_function_is_counted_by_what_it_runs() -> None:
    with warnings.catch_warnings(action="ignore"):  # torch deprecates scripting; older networks hold it
        function = torch.jit.script(scripted)
    assert flops(net(function), X) == 9 * 4 * MAP + 3 * MAP


def test_a_network_that_cannot_be_traced_is_counted_as_it_runs() -> None:
    class Untraceable(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weights = [torch.ones(4, 4, 1, 1, requires_grad=True)]  # no parameter, and no constant either
            self.norm, self.head = nn.BatchNorm2d(4), nn.Linear(10, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(F.relu(self.norm(F.conv2d(x, self.weights[0]))))

    counts = count_operators(Untraceable().eval(), X)
    assert counts.flops.total() == 4 * MAP + 2 * MAP + MAP + 3 * MAP
    assert macs(Untraceable().eval(), X) == 4 * MAP + 3 * MAP
