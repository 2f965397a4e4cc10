"""Import paths of functions that return networks, as backbones."""

import pickle
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from seplace.backbones.backbone import Backbone
from seplace.backbones.describe import describe
from seplace.backbones.foreign.traced import TracedBackbone
from seplace.errors import InputError, InvalidStudy
from seplace.seeds import derive_seed
from seplace.study.space_file import load_space
from tests import foreign
from tests.networks import network_of, shaped_network_of

NAME = "tests.foreign:basic_resnet"


def test_a_function_that_returns_a_network_is_a_backbone() -> None:
    backbone = describe(NAME)
    assert isinstance(backbone, TracedBackbone)
    assert (backbone.text, backbone.image_size, backbone.num_classes) == (NAME, 224, 5)
    assert [[site.path for site in stage.sites] for stage in backbone.stages] == [
        ["layer1.0", "layer1.1"],
        ["layer2.0", "layer2.1"],
        ["layer3.0"],
    ]
    assert [site.size for stage in backbone.stages for site in stage.sites] == [(56, 56)] * 2 + [(28, 28)] * 2 + [
        (14, 14)
    ]
    assert backbone.min_image_size == 8
    assert describe(NAME) is backbone


@pytest.mark.parametrize(
    ("options", "channels", "blocks"),
    [
        pytest.param("[depth=3]", [8, 16, 32], [2, 2, 3], id="a number"),
        pytest.param("[wide=1]", [16, 32, 64], [2, 2, 1], id="a flag"),
        pytest.param("[image_size=64]", [8, 16, 32], [2, 2, 1], id="the size is not the function's"),
        pytest.param("[depth=2,image_size=32,wide=1]", [16, 32, 64], [2, 2, 2], id="all"),
        pytest.param("[in_channels=1]", [8, 16, 32], [2, 2, 1], id="channels"),
    ],
)
def test_options_are_parameters_of_the_function(options: str, channels: list[int], blocks: list[int]) -> None:
    backbone = describe(NAME + options)
    assert backbone.text == NAME + options
    assert [stage.channels for stage in backbone.stages] == channels
    assert [len(stage.sites) for stage in backbone.stages] == blocks
    assert describe(f"{NAME}[image_size=64]").image_size == 64


@pytest.mark.parametrize("name", foreign.NETWORKS)
def test_it_builds_what_the_function_builds(name: str) -> None:
    function = foreign.NETWORKS[name]
    text = f"tests.foreign:{function.__name__}[image_size=32]"
    network = network_of(text, seed=3)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(3, "backbone"))
        expected = function()
    state = network.state_dict()
    assert list(state) == list(expected.state_dict())
    assert all(torch.equal(state[key], tensor) for key, tensor in expected.state_dict().items())
    images = foreign.images(2)
    assert torch.equal(network.eval()(images), expected.eval()(images))
    gated = network_of(text, "eca", seed=3).eval()
    assert not torch.equal(gated(images), expected(images))


def test_classes_and_channels_are_given_to_a_function_that_takes_them() -> None:
    network = network_of(f"{NAME}[image_size=32]", "se4", num_classes=7, in_channels=1)
    assert network(torch.zeros(2, 1, 32, 32)).shape == (2, 7)


def test_classes_and_channels_that_cannot_be_had_are_refused() -> None:
    backbone = describe("tests.foreign:GoogLeNet[image_size=32]")
    with pytest.raises(InputError, match=r"tests\.foreign:GoogLeNet has no parameter num_classes, .* has 5 .*for 10"):
        backbone.build(num_classes=10)
    with pytest.raises(InputError, match=r"tests\.foreign:GoogLeNet has no parameter in_channels, .* has 3 .*for 1"):
        backbone.build(num_classes=5, in_channels=1)


def catching_all(depth: int = 1, **rest: int) -> nn.Module:
    return foreign.basic_resnet(depth, **rest)


def deaf(**_rest: int) -> nn.Module:
    return foreign.basic_resnet()


def strict(**rest: int) -> nn.Module:
    assert not rest, rest
    return foreign.GoogLeNet(**rest)


def of_a_size(num_classes: int, image_size: int = 16) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * (image_size - 2) ** 2, num_classes))


def of_one_size(num_classes: int = 2) -> nn.Module:
    return of_a_size(num_classes)


def of_one_channel() -> nn.Module:
    return nn.Conv2d(1, 4, 3)


def broken(depth: int = 1) -> nn.Module:
    raise RuntimeError(f"no {depth}")


def segmenter() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())


def blockless() -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))


def number() -> int:
    return 3


def nothing_but(backbone: str = "cifar_resnet8") -> Backbone:
    return describe(backbone)


HERE = "tests.backbones.foreign.test_imported"


def test_a_catch_all_may_pass_the_classes_on() -> None:
    assert describe(f"{HERE}:catching_all[image_size=32]").build(num_classes=9).fc.out_features == 9
    with pytest.raises(InputError, match="has no parameter num_classes"):
        describe(f"{HERE}:deaf[image_size=32]").build(num_classes=9)


def test_a_function_may_take_the_size_of_images() -> None:
    backbone = describe(f"{HERE}:of_a_size")
    assert (backbone.image_size, backbone.num_classes, backbone.min_image_size) == (16, 1000, 16)
    larger = describe(f"{HERE}:of_a_size[image_size=20]")
    assert larger.build(num_classes=3)(torch.zeros(1, 3, 20, 20)).shape == (1, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(f"{NAME}[dept=3]", r"unknown option 'dept=3'. Did you mean 'depth'", id="misspelt"),
        pytest.param(
            f"{NAME}[num_classes=3]",
            r"unknown option 'num_classes=3': the number of classes is `training\.classes` in a study with a training "
            r"of your own, else that of the data \(known: depth, wide, in_channels, image_size\)",
            id="the data set's",
        ),
        pytest.param(f"{NAME}[depth=x]", "option depth takes a int .got 'x'", id="no number"),
        pytest.param(f"{NAME}[depth=1]", f"write '{NAME}'", id="a default"),
        pytest.param(f"{NAME}[image_size=224]", f"write '{NAME}'", id="the default size"),
        pytest.param(f"{NAME}[image_size=0]", "image_size and in_channels are at least 1", id="no pixels"),
        pytest.param(
            f"{HERE}:broken",
            r":broken cannot be built: RuntimeError: no 1 \(test_imported\.py:\d+\)",
            id="raises",
        ),
        pytest.param(f"{HERE}:of_one_size", r"on an image of 224x224 pixels, .*image_size=32\]: ", id="another size"),
        pytest.param(
            f"{HERE}:of_one_channel[image_size=32]",
            r"image of 3 channels, whose number can be given as in .*:of_one_channel\[image_size=32,in_channels=1\]: ",
            id="other channels",
        ),
        pytest.param(f"{HERE}:segmenter", "does not map images .* to logits", id="no classifier"),
        pytest.param(f"{HERE}:blockless", "Sequential: no blocks found", id="no blocks"),
        pytest.param(f"{HERE}:number", "it returned a int, not a torch module", id="no network"),
        pytest.param(f"{HERE}:nothing_but[image_size=32]", "write 'cifar_resnet8'", id="a backbone by another name"),
    ],
)
def test_what_cannot_be_described_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        describe(text)


def test_describing_leaves_the_random_state() -> None:
    torch.manual_seed(1)
    states = torch.get_rng_state(), random.getstate()
    describe(f"{NAME}[depth=4,image_size=16]")
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]


def test_it_reaches_another_process() -> None:
    backbone = describe(f"{NAME}[image_size=32]")
    assert pickle.loads(pickle.dumps(backbone)) == backbone
    program = (
        "import pickle, sys\n"
        "from seplace.backbones.foreign.slotted import slots_of\n"
        "backbone = pickle.loads(sys.stdin.buffer.read())\n"
        "network = backbone.build(num_classes=4)\n"
        "sys.exit(slots_of(network.layer1[0]) is None)\n"
    )
    subprocess.run([sys.executable, "-c", program], input=pickle.dumps(backbone), check=True)


def test_it_is_built_without_values() -> None:
    network = shaped_network_of(f"{NAME}[image_size=32]", "se4-none-cbam4.cross")
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 5)


def write_space(folder: Path, attachments: str) -> Path:
    path = folder / "own.yaml"
    path.write_text(
        f"schema: 1\nbackbone: tests.foreign:MobileNetV2[image_size=32]\ngate: {{init: identity}}\n"
        f"choices: {{modules: [none, se], ratios: [4], attachments: [{attachments}]}}\n"
    )
    return path


def test_a_space_takes_it(tmp_path: Path) -> None:
    space = load_space(write_space(tmp_path, "serial, inner"))
    assert [list(map(str, choices)) for choices in space.choices] == [["none", "se4", "se4.inner"]] * 2


def test_a_space_with_what_its_blocks_do_not_take_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidStudy, match=r"stage 2: the blocks of tests.* do not take cross"):
        load_space(write_space(tmp_path, "serial, cross"))
