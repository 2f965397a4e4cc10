"""`seplace.adopt`: the stages of networks as users bring them."""

import copy

import pytest
import torch
from torch import nn

import seplace
from seplace.errors import InputError
from tests.adopted import STAGES, adopted, each_network, is_gate, outputs
from tests.foreign import images, trained_like


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
    result.insert("-".join(["se4"] * len(result.backbone.units)), freeze="backbone", new=[])
    assert torch.equal(torch.get_rng_state(), state)
    assert [type(module) for module in model.modules()] == [type(module) for module in before.modules()]
    assert [module.training for module in model.modules()] == [module.training for module in before.modules()]
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())
    for key, tensor in before.state_dict().items():
        assert torch.equal(model.state_dict()[key], tensor)


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
    with pytest.raises(InputError, match=r"ResNet has 5 classes .*got 6 and 3"):
        seplace.adopt(model, images()).backbone.build(num_classes=6)


def test_a_scripted_network_is_refused() -> None:
    model = torch.jit.script(trained_like("vgg"))
    with pytest.raises(InputError, match="adopt it before scripting"):
        seplace.adopt(model, images())
