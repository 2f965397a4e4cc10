"""`seplace.adopt`: the stages of networks as users bring them, and gates in copies of them."""

import copy
import functools
import itertools

import pytest
import torch
from torch import Tensor, nn

import seplace
import seplace.adoption
from seplace.attention.options import GateOptions
from seplace.costs import COSTS
from seplace.costs.table import PriceTable
from seplace.errors import InputError, InvalidPlacement
from seplace.models import freeze_backbone, insert
from seplace.placement import StageChoice
from tests.foreign import (
    NETWORKS,
    BasicBlock,
    Bottleneck,
    ConvNeXtBlock,
    GoogLeNet,
    Inception,
    InvertedResidual,
    PreActBlock,
    ShuffleUnit,
    WideBlock,
    images,
    trained_like,
)

each_network = pytest.mark.parametrize("name", NETWORKS)

JOINED = "serial parallel cross pre post inner"
STAGES: dict[str, list[tuple[type, str, str, int, int, str]]] = {
    # class of the blocks, first and last, channels, side of the map for images of 32 pixels, attachments
    "basic_resnet": [
        (BasicBlock, "layer1.0", "layer1.1", 8, 8, f"{JOINED} exit"),
        (BasicBlock, "layer2.0", "layer2.1", 16, 4, f"{JOINED} exit"),
        (BasicBlock, "layer3.0", "layer3.0", 32, 2, JOINED),
    ],
    "bottleneck_resnet": [
        (Bottleneck, "layer1.0", "layer1.1", 16, 8, f"{JOINED} exit"),
        (Bottleneck, "layer2.0", "layer2.0", 32, 4, JOINED),
        (Bottleneck, "layer3.0", "layer3.1", 64, 2, f"{JOINED} exit"),
    ],
    "mobilenet": [
        (InvertedResidual, "features.1", "features.2", 8, 16, f"{JOINED} exit"),
        (InvertedResidual, "features.3", "features.4", 12, 8, "serial parallel pre inner exit"),
    ],
    "shufflenet": [
        (ShuffleUnit, "stage2.0", "stage2.2", 16, 8, "serial parallel exit"),
        (ShuffleUnit, "stage3.0", "stage3.1", 32, 4, "serial parallel exit"),
    ],
    "vgg": [
        (nn.ReLU, "features.2", "features.2", 8, 32, "serial parallel"),
        (nn.ReLU, "features.6", "features.9", 12, 16, "serial parallel exit"),
        (nn.ReLU, "features.13", "features.13", 16, 8, "serial parallel"),
    ],
    "googlenet": [
        (Inception, "inception3a", "inception3b", 24, 32, "serial parallel inner exit"),
        (Inception, "inception4a", "inception4a", 32, 16, "serial parallel inner"),
    ],
    "convnext": [
        (ConvNeXtBlock, "stage1.0", "stage1.1", 8, 8, f"{JOINED} exit"),
        (ConvNeXtBlock, "stage2.0", "stage2.1", 16, 4, f"{JOINED} exit"),
    ],
    "preact_resnet": [
        (PreActBlock, "layer1.0", "layer1.1", 8, 32, f"{JOINED} exit"),
        (PreActBlock, "layer2.0", "layer2.1", 16, 16, "serial parallel cross post inner exit"),
    ],
    "wide_resnet": [
        (WideBlock, "blocks.0", "blocks.0", 8, 32, "serial parallel"),
        (WideBlock, "blocks.1", "blocks.2", 12, 16, "serial parallel exit"),
    ],
}


@functools.cache
def adopted(name: str) -> seplace.adoption.Adopted:
    return seplace.adopt(trained_like(name), images())


def offered(name: str) -> list[str]:
    """For each attachment that stages of a network take at the identity, the placement that has it there."""
    stages = [attachments.split() for *_, attachments in STAGES[name]]
    placements = []
    for attachment in dict.fromkeys(itertools.chain(*stages)):
        choices = [
            str(StageChoice("cbam", 4, attachment))
            if attachment in taken and (attachment != "parallel" or "cross" in taken)
            else "none"
            for taken in stages
        ]
        placements.append("-".join(choices))
    return [placement for placement in placements if "cbam4" in placement]


each_offer = pytest.mark.parametrize(
    ("name", "placement"), [(name, text) for name in NETWORKS for text in offered(name)]
)


def outputs(network: nn.Module, *, training: bool) -> Tensor:
    """What a copy of a network makes of images, for one random seed."""
    network = copy.deepcopy(network).train(training)
    torch.manual_seed(7)
    return network(images()).detach()


def is_gate(key: str) -> bool:
    return ".attention." in key or ".join." in key


@each_network
def test_the_stages_are_found(name: str) -> None:
    table = adopted(name).table
    expected = STAGES[name]
    assert table["stage"].tolist() == list(range(1, len(expected) + 1))
    columns = ["block type", "first", "last", "channels", "resolution", "attachments"]
    assert [tuple(row) for row in table[columns].itertuples(index=False)] == [
        (kind.__name__, first, last, channels, f"{side}x{side}", attachments)
        for kind, first, last, channels, side, attachments in expected
    ]


def test_every_block_is_in_a_stage() -> None:
    result = adopted("mobilenet")
    assert result.table["blocks"].tolist() == [2, 2]
    network = result.insert("eca-none")
    gated = [key for key, module in network.named_modules() if type(module).__name__ == "ECA"]
    assert [key.partition(".slot")[0] for key in gated] == ["features.1", "features.2"]


def test_it_shows_itself_as_a_table() -> None:
    lines = str(adopted("vgg")).splitlines()
    assert lines[0] == "VGG, 3 stages"
    assert " ".join(lines[1].split()) == "stage blocks block type first last channels resolution attachments"
    assert " ".join(lines[3].split()) == "2 2 ReLU features.6 features.9 12 16x16 serial parallel exit"
    assert repr(adopted("vgg")) == str(adopted("vgg"))


@each_network
def test_adopting_leaves_the_network_as_it_was(name: str) -> None:
    model = trained_like(name).train()
    next(module for module in model.modules() if isinstance(module, nn.Conv2d)).eval()
    before = copy.deepcopy(model)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    result = seplace.adopt(model, images())
    result.insert("-".join(["se4"] * len(result.backbone.units)), freeze="backbone")
    assert torch.equal(torch.get_rng_state(), state)
    assert [type(module) for module in model.modules()] == [type(module) for module in before.modules()]
    assert [module.training for module in model.modules()] == [module.training for module in before.modules()]
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())
    for key, tensor in before.state_dict().items():
        assert torch.equal(model.state_dict()[key], tensor)


@each_offer
def test_nothing_changes_until_it_is_trained(name: str, placement: str) -> None:
    result = adopted(name)
    network, by_the_paper = result.insert(placement), result.insert(placement, init="paper")
    for training in (True, False):
        plain = outputs(result.backbone.model, training=training)
        assert torch.equal(outputs(network, training=training), plain)
        assert not torch.allclose(outputs(by_the_paper, training=training), plain)


@each_offer
def test_every_gate_runs_once_and_learns(name: str, placement: str) -> None:
    network = adopted(name).insert(placement.replace("cbam4", "eca")).train()
    gates = [module for module in network.modules() if type(module).__name__ == "ECA"]
    runs: list[nn.Module] = []
    for gate in gates:
        gate.register_forward_hook(lambda gate, _inputs, _output: runs.append(gate))
    network(images()).square().sum().backward()
    assert len(runs) == len(gates) == len(set(runs)) > 0
    for gate in gates:
        assert all(parameter.grad.count_nonzero() for parameter in gate.parameters())


@each_network
def test_checkpoints_load_both_ways(name: str) -> None:
    model = trained_like(name)
    other = NETWORKS[name]()
    result = seplace.adopt(other, images())
    network = result.insert("-".join(["se4"] * len(result.backbone.units)), init="paper")
    kept = {key: tensor for key, tensor in network.state_dict().items() if not is_gate(key)}
    assert list(kept) == list(other.state_dict())
    assert all(torch.equal(kept[key], tensor) for key, tensor in other.state_dict().items())
    missing, unexpected = network.load_state_dict(model.state_dict(), strict=False)
    assert unexpected == []
    assert missing
    assert all(map(is_gate, missing))
    assert all(torch.equal(network.state_dict()[key], tensor) for key, tensor in model.state_dict().items())
    missing, unexpected = other.load_state_dict(network.state_dict(), strict=False)
    assert missing == []
    assert all(map(is_gate, unexpected))
    assert torch.equal(outputs(other, training=False), outputs(model, training=False))


def step(network: nn.Module) -> tuple[dict[str, Tensor], set[str]]:
    """Train for three steps; return the tensors before, and the keys of those that moved."""
    before = copy.deepcopy(network.state_dict())
    optimizer = torch.optim.SGD([each for each in network.parameters() if each.requires_grad], lr=0.5)
    network.train()
    for _ in range(3):
        optimizer.zero_grad()
        network(images()).square().mean().backward()
        optimizer.step()
    return before, {key for key, tensor in network.state_dict().items() if not torch.equal(tensor, before[key])}


FROZEN = ["basic_resnet", "mobilenet", "googlenet", "wide_resnet"]


@pytest.mark.parametrize("name", FROZEN)
def test_a_frozen_backbone_does_not_move(name: str) -> None:
    result = adopted(name)
    network = result.insert("-".join(["cbam4"] * len(result.backbone.units)), freeze="backbone")
    before, moved = step(network)
    assert moved
    assert all(map(is_gate, moved))
    assert any(key.endswith("running_mean") for key in moved), "the norms inside the gates learn"
    trainable = {key for key, parameter in network.named_parameters() if parameter.requires_grad}
    assert trainable == {key for key in dict(network.named_parameters()) if is_gate(key)}
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert {module.training for module in norms} == {True, False}
    again = copy.deepcopy(network).train()
    assert [module.training for module in again.modules()] == [module.training for module in network.modules()]
    assert list(before) == list(network.state_dict())


@pytest.mark.parametrize("name", FROZEN)
def test_without_freezing_all_moves(name: str) -> None:
    result = adopted(name)
    before, moved = step(result.insert("-".join(["eca"] * len(result.backbone.units))))
    assert moved == set(before)


def test_cross_gates_are_no_part_of_the_frozen_backbone() -> None:
    network = adopted("basic_resnet").insert("se4.cross-none-se4.parallel", freeze="backbone")
    _, moved = step(network)
    assert {key.split(".")[0] for key in moved} == {"layer1", "layer3"}
    assert any(".join.gate." in key for key in moved)


def test_freezing_twice_is_freezing_once() -> None:
    network = adopted("basic_resnet").insert("se4-none-none", freeze="backbone")
    kinds = [type(module) for module in network.modules()]
    freeze_backbone(network)
    assert [type(module) for module in network.modules()] == kinds


def test_gates_are_drawn_by_the_seed_and_where_they_stand() -> None:
    result = adopted("basic_resnet")

    def gates(placement: str, seed: int) -> dict[str, Tensor]:
        state = result.insert(placement, init="paper", seed=seed).state_dict()
        return {key: tensor for key, tensor in state.items() if is_gate(key) and key.startswith("layer2")}

    some, same, others = gates("none-se4-none", 1), gates("eca-se4-cbam4", 1), gates("none-se4-none", 2)
    assert len(some) == 4
    assert all(torch.equal(some[key], same[key]) and not torch.equal(some[key], others[key]) for key in some)


def test_a_placement_of_blocks() -> None:
    result = adopted("basic_resnet")
    network = result.insert("none-se4-none-none-eca", granularity="block")
    gated = {key.partition(".slot")[0] for key in network.state_dict() if is_gate(key)}
    assert gated == {"layer1.1", "layer3.0"}


def test_gates_are_in_the_mode_and_the_place_of_the_network() -> None:
    network = seplace.adopt(trained_like("vgg").eval(), images()).insert("cbam4-none-none")
    assert not any(module.training for module in network.modules())
    with torch.device("meta"):
        shapes = NETWORKS["vgg"]()
    result = seplace.adopt(trained_like("vgg"), images())
    object.__setattr__(result.backbone, "model", shapes)
    assert {parameter.device.type for parameter in result.insert("se4-none-none").parameters()} == {"meta"}


def test_blocks_by_name() -> None:
    model = trained_like("vgg")
    result = seplace.adopt(model, images(), blocks=["features.9", "features.5"])
    assert result.table[["first", "last"]].values.tolist() == [["features.5", "features.5"], ["features.9"] * 2]
    assert [stage.channels for stage in result.backbone.stages] == [12, 12]
    network = result.insert("none-se4")
    assert [key for key in network.state_dict() if is_gate(key)] == [
        "features.9.slot_residual.attention.gate.reduce.weight",
        "features.9.slot_residual.attention.gate.expand.weight",
    ]
    assert torch.equal(outputs(network, training=True), outputs(model, training=True))


def test_a_sequential_by_name() -> None:
    model = trained_like("mobilenet")
    result = seplace.adopt(model, images(), blocks=["features.0", "features.5"])
    assert result.table["attachments"].tolist() == ["serial parallel pre inner", "serial parallel pre"]
    network = result.insert("se4.inner-eca")
    assert torch.equal(outputs(network, training=True), outputs(model, training=True))


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        pytest.param(["layer1.0", "layer9.0"], r"ResNet: blocks\[1\] 'layer9.0': there is no such module", id="none"),
        pytest.param(["layer1.2"], "Did you mean 'layer1.1'", id="the nearest"),
        pytest.param(["layer1.0.relu"], r"'layer1.0.relu': is called 2 times in one pass", id="several calls"),
        pytest.param(["fc"], r"'fc': does not map one map \(N, C, H, W\) to one", id="no maps"),
        pytest.param(["layer1", "layer1.0"], r"blocks\[1\] 'layer1.0': is inside 'layer1'", id="one in another"),
        pytest.param(["layer1.0", "layer1.0"], r"blocks\[1\] 'layer1.0': is listed twice", id="twice"),
        pytest.param([], "name at least one path", id="nothing"),
        pytest.param("layer1.0", "blocks is a list of paths", id="a text"),
        pytest.param(["x", "y"], r"blocks\[0\] 'x'.*\n.*blocks\[1\] 'y'", id="all faults at once"),
    ],
)
def test_blocks_that_are_none_are_refused(blocks: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        seplace.adopt(trained_like("basic_resnet"), images(), blocks=blocks)


@pytest.mark.parametrize(
    ("name", "placement", "message"),
    [
        ("basic_resnet", "se4-se4", r"se4-se4: backbone ResNet has 3 stages \(got 2\)"),
        ("mobilenet", "se4-se4.cross", "stage 2: the blocks of MobileNetV2 do not take cross"),
        ("vgg", "eca.parallel-none-none", "parallel doubles the output of a block without a shortcut"),
        ("basic_resnet", "se16-none-none", r"se16 leaves no hidden unit \(C = 8 channels, r = 16\)"),
        ("basic_resnet", "none-none-se4.exit", "exit is for stages of several blocks"),
        ("basic_resnet", "sse4-none-none", "unknown attention module 'sse'"),
    ],
)
def test_what_the_blocks_do_not_take_is_refused(name: str, placement: str, message: str) -> None:
    with pytest.raises(InvalidPlacement, match=message):
        adopted(name).insert(placement)


def test_parallel_without_a_shortcut_can_be_had_by_the_paper() -> None:
    model = trained_like("vgg")
    network = seplace.adopt(model, images()).insert("se4.parallel-none-none", init="paper")
    assert not torch.allclose(outputs(network, training=False), outputs(model, training=False))


def test_what_is_no_network_to_adopt_is_refused() -> None:
    model = trained_like("basic_resnet")
    with pytest.raises(InputError, match=r"example_input is images .* got 3 dimensions"):
        seplace.adopt(model, images()[0])
    with pytest.raises(InputError, match="Linear: no blocks found"):
        seplace.adopt(nn.Linear(32, 2), images())
    network = seplace.adopt(model, images()).insert("se4-se4-se4")
    with pytest.raises(InputError, match="adopted already"):
        seplace.adopt(network, images())
    with pytest.raises(InputError, match="freeze is nothing or backbone"):
        seplace.adopt(model, images()).insert("se4-se4-se4", freeze="all")
    with pytest.raises(InputError, match="granularity is stage or block"):
        seplace.adopt(model, images()).insert("se4-se4-se4", granularity="layer")
    with pytest.raises(InputError, match=r"ResNet has 5 classes .*asked for 6 and 3"):
        seplace.adopt(model, images()).backbone.build(num_classes=6)


def test_a_scripted_network_is_refused() -> None:
    model = torch.jit.script(trained_like("vgg"))
    with pytest.raises(InputError, match="adopt it before scripting"):
        seplace.adopt(model, images())


def mark_idle(model: nn.Module, idle: tuple[str, ...]) -> None:
    """Let the counter take the modules that a network leaves idle by itself, as an adopted one has them."""
    for path in idle:
        model.get_submodule(path).may_be_idle = True


def test_a_module_that_the_network_leaves_idle_is_known() -> None:
    backbone = adopted("shufflenet").backbone
    assert backbone.idle == ("stage2.1.branch1", "stage2.2.branch1", "stage3.1.branch1")
    assert adopted("basic_resnet").backbone.idle == ()


@each_network
def test_slots_cost_nothing(name: str) -> None:
    result = adopted(name)
    backbone = result.backbone
    plain = backbone.build(num_classes=5).eval()
    model = copy.deepcopy(backbone.model).eval()
    mark_idle(model, backbone.idle)
    for cost in ("flops", "macs", "params"):
        assert COSTS[cost].measure(plain, images(1)) == COSTS[cost].measure(model, images(1))


@each_network
def test_se_costs_what_the_paper_says(name: str) -> None:
    result = adopted(name)
    units = result.backbone.units
    network = result.insert("-".join(["se4"] * len(units))).eval()
    model = copy.deepcopy(result.backbone.model).eval()
    mark_idle(model, result.backbone.idle)
    channels: list[int] = []
    for site in (site for unit in units for site in unit.sites):
        block = model.get_submodule(site.path)
        block.register_forward_hook(lambda _block, _inputs, output: channels.append(output.shape[1]))
    model(images(1))
    for module in model.modules():
        module._forward_hooks.clear()
    extra = sum(2 * width * (width // 4) for width in channels)
    for cost in ("macs", "params"):
        assert COSTS[cost].measure(network, images(1)) - COSTS[cost].measure(model, images(1)) == extra


@pytest.mark.parametrize("name", ["basic_resnet", "mobilenet", "wide_resnet", "vgg"])
def test_prices_add_up(name: str) -> None:
    backbone = adopted(name).backbone
    choices = [[StageChoice(), StageChoice("se", 4), StageChoice("eca")]] * len(backbone.units)

    def put(block: nn.Module, choice: StageChoice, is_last: bool) -> None:
        insert(block, choice, gate=GateOptions(init="paper"), is_last=is_last)

    table = PriceTable.count(
        backbone.build(num_classes=5), backbone.units, put, images(1), choices, names=("flops", "params")
    )
    assert all(extras[StageChoice("se", 4)][1] > 0 for extras in table.extras)


@pytest.mark.parametrize("name", ["basic_resnet", "shufflenet", "wide_resnet"])
def test_it_is_captured_whole_by_a_compiler(name: str) -> None:
    result = adopted(name)
    network = result.insert("-".join(["se4"] * len(result.backbone.units)), init="paper").eval()
    torch._dynamo.reset()
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(images()), network(images()))


def test_weights_are_saved_and_loaded(tmp_path) -> None:
    result = adopted("googlenet")
    network = result.insert("se4-eca", init="paper")
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    other = seplace.adopt(GoogLeNet(), images()).insert("se4-eca", init="paper", seed=5)
    assert not torch.allclose(outputs(other, training=False), outputs(network, training=False))
    other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    assert torch.equal(outputs(other, training=False), outputs(network, training=False))
