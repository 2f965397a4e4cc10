"""The code of foreign blocks: its paths, and what attachments make of it."""

import copy
import random
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from seplace.attachments import ATTACHMENTS
from seplace.attention.applied import Scaled
from seplace.backbones.foreign.fitting import widths_of
from seplace.backbones.foreign.slotted import FORMS, Channels, give_slots
from seplace.backbones.foreign.slotted import slotted as slotted_view
from seplace.backbones.foreign.tracing import BlockGraph, trace
from seplace.testing.attachments import ToyGate, gate_of
from tests.foreign.chains import Inception
from tests.foreign.mobile import InvertedResidual, ShuffleUnit
from tests.foreign.residual import BasicBlock, Bottleneck, ConvNeXtBlock, PreActBlock, WideBlock, conv3x3


def form_and_widths(block: nn.Module, x: Tensor) -> tuple[str, dict[str, int]]:
    """What a block is found to be."""
    for form in FORMS:
        widths = widths_of(block, form, x)
        if widths:
            return form, widths
    raise AssertionError("no form")


def projected() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(6, 8, 1, stride=2), nn.BatchNorm2d(8))


JOINED = {"serial": 8, "parallel": 8, "cross": 8, "post": 8}


@pytest.mark.parametrize(
    ("block", "form", "widths"),
    [
        pytest.param(BasicBlock(8, 8), "joined", JOINED | {"pre": 8, "inner": 8}, id="basic"),
        pytest.param(
            BasicBlock(6, 8, 2, projected()), "joined", JOINED | {"pre": 6, "inner": 8}, id="basic, projected"
        ),
        pytest.param(Bottleneck(8, 2), "joined", JOINED | {"pre": 8, "inner": 2}, id="bottleneck"),
        pytest.param(InvertedResidual(8, 8, 1, 4), "joined", JOINED | {"pre": 8, "inner": 32}, id="inverted"),
        pytest.param(
            InvertedResidual(6, 8, 2, 4),
            "chain",
            {"serial": 8, "parallel": 8, "pre": 6, "inner": 24},
            id="inverted, no shortcut",
        ),
        pytest.param(ConvNeXtBlock(8), "joined", JOINED | {"pre": 8, "inner": 8}, id="drops paths in training"),
        pytest.param(PreActBlock(8, 8, 1), "joined", JOINED | {"pre": 8, "inner": 8}, id="pre-activated"),
        pytest.param(PreActBlock(6, 8, 2), "joined", JOINED | {"inner": 8}, id="F and S begin with one activation"),
        pytest.param(
            ShuffleUnit(8, 8, 1), "chain", {"serial": 8, "parallel": 8, "pre": 8, "inner": 4}, id="one branch"
        ),
        pytest.param(ShuffleUnit(6, 8, 2), "chain", {"serial": 8, "parallel": 8}, id="two branches"),
        pytest.param(Inception(6, 2), "chain", {"serial": 8, "parallel": 8, "inner": 4}, id="concatenates"),
        pytest.param(WideBlock(8, 8, 1), "opaque", {"serial": 8, "parallel": 8}, id="functional dropout"),
    ],
)
def test_a_block_takes_what_its_code_allows(block: nn.Module, form: str, widths: dict[str, int]) -> None:
    channels = next(conv.in_channels for conv in block.modules() if isinstance(conv, nn.Conv2d))
    channels = 8 if isinstance(block, ShuffleUnit) and block.stride == 1 else channels
    assert form_and_widths(block, torch.randn(1, channels, 8, 8)) == (form, widths)


class Written(nn.Module):
    """A block whose forward is given."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = conv3x3(8, 8)
        self.conv2 = conv3x3(8, 8)
        self.register_buffer("offset", torch.ones(8, 1, 1), persistent=False)
        self.scale = nn.Parameter(torch.full((8, 1, 1), 2.0))


class ChangesItsInput(Written):
    def forward(self, x: Tensor) -> Tensor:
        out = self.conv1(F.relu(x, inplace=True))
        return out + x


class AddsTwice(Written):
    def forward(self, x: Tensor) -> Tensor:
        x = x + self.conv1(x)
        return torch.add(self.conv2(F.gelu(x)), x)


class AddsItsOwn(Written):
    def forward(self, x: Tensor) -> Tensor:
        return (self.conv1(x) + self.offset) * self.scale


class AddsAlike(Written):
    def forward(self, x: Tensor) -> Tensor:
        return self.conv1(x) + self.conv2(x)


class AddsWithAFactor(Written):
    def forward(self, x: Tensor) -> Tensor:
        return torch.add(x, self.conv1(x), alpha=0.5)


class AddsAContext(Written):
    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv1(x).mean((2, 3), keepdim=True)


class AddsByMethod(Written):
    def forward(self, x: Tensor) -> Tensor:
        out = self.conv1(x)
        out.add_(x)
        return F.relu_(out)


class AddsSizes(Written):
    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        return self.conv1(x).reshape(x.size(0), 8, height + width - width, -1)


class Branches(Written):
    def forward(self, x: Tensor) -> Tensor:
        return self.conv1(x) if x.sum() > 0 else self.conv2(x)


class Draws(Written):
    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv1(x) * (1 if random.random() < 2 else 0)


class DrawsInTorch(Written):
    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv1(x) * (1 if torch.rand(()) < 2 else 0)


class MakesATensor(Written):
    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv1(x) * torch.tensor(0.5)


class TakesMore(Written):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return x + self.conv1(x) if mask is None else x


class HasAJoin(Written):
    def __init__(self) -> None:
        super().__init__()
        self.join = nn.Conv2d(8, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.join(x + self.conv1(x))


class AsksWhatItGot(Written):
    """Tracing sees no tensor here, and so another branch."""

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv1(x) if isinstance(x, Tensor) else x + self.conv2(x)


OPAQUE = {"serial": 8, "parallel": 8}


@pytest.mark.parametrize(
    ("kind", "form", "widths"),
    [
        pytest.param(ChangesItsInput, "joined", JOINED | {"inner": 8}, id="a gate before it would spare its input"),
        pytest.param(AddsTwice, "joined", JOINED | {"inner": 8}, id="the last of two additions"),
        pytest.param(AddsItsOwn, "chain", OPAQUE | {"pre": 8, "inner": 8}, id="an addition of a tensor of its own"),
        pytest.param(AddsAlike, "chain", OPAQUE, id="neither path is the shortcut"),
        pytest.param(AddsWithAFactor, "chain", OPAQUE | {"inner": 8}, id="no plain addition"),
        pytest.param(AddsAContext, "chain", OPAQUE | {"inner": 8}, id="maps of other shapes"),
        pytest.param(AddsByMethod, "chain", OPAQUE | {"inner": 8}, id="an addition whose result is not used"),
        pytest.param(AddsSizes, "chain", OPAQUE | {"inner": 8}, id="an addition of sizes"),
        pytest.param(Branches, "opaque", OPAQUE, id="a branch over values"),
        pytest.param(Draws, "opaque", OPAQUE, id="a random number of Python"),
        pytest.param(DrawsInTorch, "opaque", OPAQUE, id="a random number of torch"),
        pytest.param(MakesATensor, "opaque", OPAQUE, id="a tensor made on the way"),
        pytest.param(TakesMore, "opaque", OPAQUE, id="further parameters"),
        pytest.param(HasAJoin, "joined", JOINED | {"pre": 8, "inner": 8}, id="a join of its own"),
        pytest.param(AsksWhatItGot, "opaque", OPAQUE, id="code that sees the tracing"),
    ],
)
def test_code_that_is_unlike_the_usual(kind: type[nn.Module], form: str, widths: dict[str, int]) -> None:
    block = kind()
    states = torch.get_rng_state(), random.getstate()
    attributes = set(vars(block))
    assert form_and_widths(block, torch.randn(2, 8, 6, 6, generator=torch.Generator().manual_seed(0))) == (form, widths)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert set(vars(block)) == attributes


def test_tracing_leaves_the_modes_of_a_block_as_they_are() -> None:
    block = BasicBlock(8, 8).train()
    block.bn1.eval()
    assert isinstance(trace(block), fx.Graph)
    assert [module.training for module in (block, block.bn1, block.bn2)] == [True, False, True]


def test_the_residual_is_the_path_with_more_convolutions() -> None:
    block = BasicBlock(6, 8, 2, projected())
    graph = trace(block)
    addition, residual, shortcut = BlockGraph(block, graph).join()
    assert addition.name == "iadd" or addition.name.startswith("add")
    assert residual.target == "bn2"
    assert shortcut.target == "downsample.1"


EQUATIONS: dict[str, Callable[[BasicBlock, ToyGate, Tensor], Tensor]] = {
    "serial": lambda block, g, x: torch.relu(x + residual(block, x) * g(residual(block, x))),
    "parallel": lambda block, g, x: torch.relu(x * g(x) + residual(block, x)),
    "cross": lambda block, g, x: torch.relu(x + residual(block, x) * g(x)),
    "pre": lambda block, g, x: torch.relu(x + residual(block, x * g(x))),
    "post": lambda block, g, x: scaled(torch.relu(x + residual(block, x)), g),
    "exit": lambda block, g, x: scaled(torch.relu(x + residual(block, x)), g),
    "inner": lambda block, g, x: torch.relu(
        x + block.bn2(block.conv2(scaled(torch.relu(block.bn1(block.conv1(x))), g)))
    ),
}


def scaled(u: Tensor, g: ToyGate) -> Tensor:
    return u * g(u)


def residual(block: BasicBlock, x: Tensor) -> Tensor:
    return block.bn2(block.conv2(torch.relu(block.bn1(block.conv1(x)))))


def slotted(block: nn.Module, form: str) -> nn.Module:
    """A copy of a block with slots, as a backbone builds it."""
    block = copy.deepcopy(block)
    assert give_slots(block, form, Channels(entering=8, leaving=8, inner=8))
    return block


@pytest.mark.parametrize("name", EQUATIONS)
@torch.no_grad()
def test_attachments_mean_what_they_mean_in_other_blocks(name: str) -> None:
    torch.manual_seed(0)
    plain = BasicBlock(8, 8).eval()
    block = slotted(plain, "joined")
    ATTACHMENTS[name].attach(slotted_view(block), lambda channels: Scaled(ToyGate(channels)))
    x = torch.randn(2, 8, 6, 6)
    expected = EQUATIONS[name](plain, gate_of(block), x)
    torch.testing.assert_close(block(x), expected, atol=1e-6, rtol=0)
    assert not torch.allclose(plain(x), expected)


@pytest.mark.parametrize("form", ["chain", "opaque"])
@torch.no_grad()
def test_the_output_of_a_block_without_a_join_is_gated(form: str) -> None:
    plain = ShuffleUnit(8, 8, 1).eval()
    x = torch.randn(2, 8, 6, 6)
    u = plain(x)
    for name, sign in {"serial": 0, "parallel": 1, "exit": 0}.items():
        block = slotted(plain, form)
        ATTACHMENTS[name].attach(slotted_view(block), lambda channels: Scaled(ToyGate(channels)))
        torch.testing.assert_close(block(x), sign * u + scaled(u, gate_of(block)), atol=1e-6, rtol=0)


class Furnished(BasicBlock):
    """A block with all that a module may hold beside layers that run."""

    def __init__(self) -> None:
        super().__init__(8, 8)
        self.unused = nn.Linear(2, 2)
        self.register_buffer("kept", torch.ones(1))
        self.register_buffer("passing", torch.ones(1), persistent=False)
        self.notes = {"a": 1}

    def described(self) -> str:
        return f"stride {self.stride}"


@pytest.mark.parametrize("form", FORMS)
def test_a_block_stays_what_it_was(form: str) -> None:
    plain = Furnished()
    calls = []
    plain.register_forward_hook(lambda *_: calls.append("block"))
    plain.conv1.register_forward_hook(lambda *_: calls.append("conv1"))
    block = slotted(plain, form)
    assert isinstance(block, Furnished)
    assert block.state_dict().keys() == plain.state_dict().keys()
    assert [name for name, _ in block.named_buffers()] == [name for name, _ in plain.named_buffers()]
    assert (block.notes, block.described()) == ({"a": 1}, "stride 1")
    block(torch.randn(2, 8, 4, 4))
    assert calls == ["conv1", "block"]


@pytest.mark.parametrize("form", FORMS)
def test_copies_are_independent(form: str) -> None:
    block = slotted(BasicBlock(8, 8).eval(), form)
    other = copy.deepcopy(block)
    slotted_view(other).put("residual", Scaled(ToyGate(8)))
    with torch.no_grad():
        other.conv1.weight.zero_()
    x = torch.randn(2, 8, 4, 4)
    again = copy.deepcopy(other)
    assert torch.equal(again(x), other(x))
    assert not torch.equal(other(x), block(x))
    assert not any(isinstance(module, ToyGate) for module in block.modules())


@pytest.mark.parametrize("form", FORMS)
def test_the_layout_of_the_channels_is_kept(form: str) -> None:
    block = slotted(BasicBlock(8, 8).eval(), form).to(memory_format=torch.channels_last)
    x = torch.randn(2, 8, 4, 4).to(memory_format=torch.channels_last)
    assert block(x).is_contiguous(memory_format=torch.channels_last)
