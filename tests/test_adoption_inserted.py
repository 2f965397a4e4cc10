"""`Adopted.insert`: gates in copies of networks as users bring them, and what they change, learn and cost."""

import copy
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import seplace
from seplace.attention.options import GateOptions
from seplace.costs import COSTS
from seplace.costs.table import CostTable
from seplace.errors import InvalidPlacement
from seplace.freezing import freeze_backbone
from seplace.models import insert
from seplace.placement import StageChoice
from tests.adopted import STAGES, adopted, each_network, is_gate, outputs
from tests.foreign import NETWORKS, GoogLeNet, images, trained_like
from tests.marks import in_the_long_form


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


def offers() -> Iterator[Any]:
    """The short form has each network and each attachment once."""
    seen: set[str] = set()
    for name in NETWORKS:
        for placement in offered(name):
            attachment = next(choice for choice in placement.split("-") if choice != "none")
            yield (in_the_long_form if {name, attachment} <= seen else pytest.param)(name, placement)
            seen |= {name, attachment}


each_offer = pytest.mark.parametrize(("name", "placement"), list(offers()))


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
    network = result.insert("-".join(["cbam4"] * len(result.backbone.units)), freeze="backbone", new=[])
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
    network = adopted("basic_resnet").insert("se4.cross-none-se4.parallel", freeze="backbone", new=[])
    _, moved = step(network)
    assert {key.split(".")[0] for key in moved} == {"layer1", "layer3"}
    assert any(".join.gate." in key for key in moved)


def test_freezing_twice_is_freezing_once() -> None:
    network = adopted("basic_resnet").insert("se4-none-none", freeze="backbone", new=[])
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


def test_parallel_without_a_shortcut_works_with_init_paper() -> None:
    model = trained_like("vgg")
    network = seplace.adopt(model, images()).insert("se4.parallel-none-none", init="paper")
    assert not torch.allclose(outputs(network, training=False), outputs(model, training=False))


@each_network
def test_slots_cost_nothing(name: str) -> None:
    result = adopted(name)
    backbone = result.backbone
    plain = backbone.build(num_classes=5).eval()
    model = copy.deepcopy(backbone.model).eval()
    for cost in ("flops", "macs", "params"):
        assert COSTS[cost].measure(plain, images(1)) == COSTS[cost].measure(model, images(1))


@each_network
def test_se_costs_what_the_paper_says(name: str) -> None:
    result = adopted(name)
    units = result.backbone.units
    network = result.insert("-".join(["se4"] * len(units))).eval()
    model = copy.deepcopy(result.backbone.model).eval()
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
def test_costs_add_up(name: str) -> None:
    backbone = adopted(name).backbone
    choices = [[StageChoice(), StageChoice("se", 4), StageChoice("eca")]] * len(backbone.units)

    def put(block: nn.Module, choice: StageChoice, is_last: bool) -> None:
        insert(block, choice, gate=GateOptions(init="paper"), is_last=is_last)

    table = CostTable.count(
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
