"""Which modules of networks in the style of large libraries are blocks."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import seplace
from seplace.backbones.describe import describe
from seplace.errors import InputError, InvalidStudy
from seplace.study.space_file import load_space
from tests.foreign import image_models, images, shared, toolbox
from tests.foreign.image_models import Classifier, ConvNormAct, MBConv, NormAct, SqueezeExcite

STAGES = {
    image_models.efficientnet: ["DepthwiseSeparable 0.0-0.1", "MBConv 1.0-1.1", "MBConv 2.0-2.1"],
    image_models.regnet: ["XBlock 0.b1-0.b1", "XBlock 1.b1-1.b2"],
    image_models.convnext: ["NeXtBlock 0.blocks.0-0.blocks.1", "NeXtBlock 1.blocks.0-1.blocks.2"],
    image_models.cspnet: ["DarkBlock 0.blocks.0-0.blocks.0", "DarkBlock 1.blocks.0-1.blocks.1"],
    image_models.vovnet: ["OneShot 0.blocks.0-0.blocks.0", "OneShot 1.blocks.0-1.blocks.1"],
    image_models.densenet: ["DenseBlock 0-0", "DenseBlock 2-2"],
    image_models.ghostnet: ["GhostBottleneck 0.0-0.0", "GhostBottleneck 1.0-1.0"],
    image_models.res2net: ["Res2Block 0-1", "Res2Block 3-3"],
    image_models.repvgg: ["ManyBranches 0-0", "ManyBranches 1-2"],
    image_models.mobileone: ["ManyBranches stem-0.0", "ManyBranches 1.0-1.0"],
    image_models.convmixer: ["Around 0.0-1.0"],
    toolbox.mobilenet: ["Inverted layer1.0-layer1.1", "Inverted layer2.0-layer2.0"],
    toolbox.mobilenet_checkpointing: ["Inverted layer1.0-layer1.1", "Inverted layer2.0-layer2.0"],
    toolbox.mobilenet_without_shortcuts: ["Inverted layer1.0-layer1.1", "Inverted layer2.0-layer2.0"],
    toolbox.resnet: ["Bottleneck layer1.0-layer1.1", "Bottleneck layer2.0-layer2.1"],
    toolbox.csp_darknet: [
        "DarknetBottleneck stage1.1.blocks.0-stage1.1.blocks.0",
        "DarknetBottleneck stage2.1.blocks.0-stage2.1.blocks.1",
    ],
    toolbox.darknet: ["ConvModule conv1.0-conv1.0", "ConvModule conv1.2-conv1.3", "ConvModule conv2.0-conv2.0"],
    toolbox.HRNet: [
        "BasicBlock stage2.0.branches.0.0-stage2.0.branches.0.1",
        "BasicBlock stage2.0.branches.1.0-stage2.0.branches.1.0",
        "BasicBlock stage2.1.branches.0.0-stage2.1.branches.0.1",
        "BasicBlock stage2.1.branches.1.0-stage2.1.branches.1.0",
    ],
}
"""The class of the blocks of each stage, the first and the last; `stages.` is left out."""


@pytest.mark.parametrize("build", STAGES, ids=lambda build: build.__name__)
def test_the_blocks_of_well_known_networks(build: type[nn.Module]) -> None:
    torch.manual_seed(0)
    model = build().eval()
    adopted = seplace.adopt(model, images(2, 16))
    table = adopted.table
    found = [
        f"{row['block type']} {row['first']}-{row['last']}".replace("stages.", "") for row in table.to_dict("records")
    ]
    assert found == STAGES[build]
    assert adopted.backbone.left_out == ()
    network = adopted.insert("-".join(["se4"] * len(table)))
    assert torch.equal(network(images(2, 16)), model(images(2, 16)))


class Pair(nn.Module):
    """Two convolution modules one after the other, without a shortcut."""

    def __init__(self, a: int, b: int, stride: int) -> None:
        super().__init__()
        self.dw, self.pw = ConvNormAct(a, a, 3, stride, groups=a), ConvNormAct(a, b)

    def forward(self, x: Tensor) -> Tensor:
        return self.pw(self.dw(x))


class PairStage(nn.Module):
    def __init__(self, a: int, b: int) -> None:
        super().__init__()
        self.one, self.two = Pair(a, b, 2), Pair(b, b, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.one(x))


class SpatialGate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.conv(torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)))


@pytest.mark.parametrize(
    ("stages", "channels", "paths"),
    [
        pytest.param(
            [NormAct(8), MBConv(8, 8), NormAct(8), MBConv(8, 8), NormAct(8)],
            8,
            ["stages.1", "stages.3"],
            id="norms between",
        ),
        pytest.param(
            [Pair(8, 8, 1), SqueezeExcite(8), Pair(8, 8, 1), SqueezeExcite(8)],
            8,
            ["stages.0", "stages.2"],
            id="gates between, and no join",
        ),
        pytest.param(
            [nn.Conv2d(8, 8, 3), nn.ReLU(), SpatialGate(), nn.Conv2d(8, 8, 3), nn.ReLU(), SpatialGate()],
            8,
            ["stages.1", "stages.4"],
            id="spatial gates in a chain of layers",
        ),
        pytest.param(
            [PairStage(8, 12), PairStage(12, 16)],
            16,
            ["stages.0.one", "stages.0.two", "stages.1.one", "stages.1.two"],
            id="stages of blocks of helpers, and no join",
        ),
    ],
)
def test_what_is_no_block(stages: list[nn.Module], channels: int, paths: list[str]) -> None:
    adopted = seplace.adopt(Classifier(ConvNormAct(3, 8, 3, 2), stages, channels), images(2, 16))
    assert [site.path for stage in adopted.backbone.stages for site in stage.sites] == paths


class Late(nn.Module):
    """Takes the map before the last beside its own."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = nn.ModuleList([shared.Step(8), shared.Step(8), shared.Step(8)])
        self.only, self.fc = MBConv(8, 8), nn.Linear(8, 5)
        self.aside = shared.Step(8)
        self.stem = nn.Conv2d(3, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.steps[0](self.stem(x))
        x = self.steps[2](self.steps[1](self.steps[1](x)))
        return self.fc(F.adaptive_avg_pool2d(self.only(x), 1).flatten(1))


def test_what_is_left_out_is_said() -> None:
    lines = str(seplace.adopt(Late(), images(2, 16))).splitlines()
    assert [line for line in lines if line.startswith("left out")] == [
        "left out: steps.1 (Step) is called 2 times in one pass, and a block only once",
        "left out: only (MBConv) is the only MBConv",
        "left out: aside (Step) does not run by itself",
    ]


def test_one_activation_for_a_whole_chain_is_named() -> None:
    act = nn.ReLU()
    chain = nn.Sequential(nn.Conv2d(3, 8, 3), act, nn.Conv2d(8, 8, 3), act, nn.Flatten(), nn.LazyLinear(5))
    chain(images(2, 16))
    with pytest.raises(InputError, match=r"no blocks found .*; 1 \(ReLU\) is called 2 times in one pass"):
        seplace.adopt(chain, images(2, 16))


def write_space(tmp_path, blocks: str, backbone: str = "tests.foreign.toolbox:resnet[image_size=16]") -> None:
    path = tmp_path / "named.yaml"
    path.write_text(
        f'schema: 1\nbackbone: "{backbone}"\n{blocks}gate: {{init: paper}}\n'
        "choices: {modules: [none, eca], attachments: [serial]}\n"
    )
    return path


def test_a_space_names_its_blocks(tmp_path) -> None:
    found = load_space(write_space(tmp_path, ""))
    named = load_space(write_space(tmp_path, "blocks: [layer1.1, layer2.*]\n"))
    again = load_space(write_space(tmp_path, "blocks: [layer1.0, layer2.*]\n"))
    paths = [[site.path for site in stage.sites] for stage in named.backbone.stages]
    assert paths == [["layer1.1"], ["layer2.0", "layer2.1"]]
    assert len({space.fingerprint() for space in (found, named, again)}) == 3
    assert describe(found.backbone.text) is describe(named.backbone.text)


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ("[layer1.0, layer9.0]", r"named.yaml:3:20: blocks\[2\]: .*: there is no such module.*got 'layer9.0'"),
        ("[layer1.*, layer1.1]", r"named.yaml:3:20: blocks\[2\]: .*: layer1.1 is listed twice|blocks\[2\]: .*twice"),
        ("[layer1, layer1.0]", r"blocks\[2\]: .*is inside 'layer1'"),
        ("['*']", r"blocks\[1\]: .*head does not map one map"),
        ("[]", r"blocks: "),
        ("layer1.0", r"blocks: "),
    ],
)
def test_blocks_that_cannot_be_had_are_located(tmp_path, blocks: str, message: str) -> None:
    with pytest.raises(InvalidStudy, match=message):
        load_space(write_space(tmp_path, f"blocks: {blocks}\n"))


def test_blocks_of_the_catalogue_are_not_named(tmp_path) -> None:
    with pytest.raises(InvalidStudy, match=r"named.yaml:3:1: blocks: cifar_resnet8 describes its blocks itself"):
        load_space(write_space(tmp_path, "blocks: [layer1.0]\n", "cifar_resnet8"))
