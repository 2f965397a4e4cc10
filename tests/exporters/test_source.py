import itertools
import json
import math
import re
import subprocess
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from seplace.attention.options import GateOptions
from seplace.backbones.describe import describe
from seplace.datasets.preprocessing import Preprocessing
from seplace.errors import ExportMismatch, InputError
from seplace.exporters import EXPORTERS, verify
from seplace.exporters.code_check import UnexportableCode, check_code
from seplace.exporters.readme import escape, readme_text
from seplace.exporters.source import SOURCE, export_source
from seplace.exporters.source_code import source_text
from seplace.files.atomic import sha256_of
from seplace.placement import Placement, StageChoice
from tests.exporters.networks import PAPER, trained_network
from tests.networks import GATES, choice_of, takes

IDENTITY = GateOptions(init="identity", min_hidden=2)
CIFAR = ("cifar_resnet8[width=0.5]", "cifar_resnet8[shortcut=B,width=0.5]")
CHOICES = [choice_of("se", attachment) for attachment in describe(CIFAR[0]).units[0].widths if takes("se", attachment)]
CHOICES += [choice_of(module) for module in GATES if module != "se"]
CHOICES += [StageChoice.parse("se[excitation=tanh,squeeze=max]4"), StageChoice.parse("cbam[order=parallel]4")]
CHOICES += [StageChoice.parse("sk4.kernel"), StageChoice.parse("se[reduced_from=input]4.inner")]
"""Every attachment with SE, and every module; tests/test_catalogue.py holds the product."""
HOSTILE = '"""\nimport os; os.system("touch canary")\n"""\\ <script>x</script> | `a` [b](http://c) __import__'


def text_of(backbone="cifar_resnet8[width=0.5]", placement="none-se4-eca.parallel", gate=PAPER):
    return source_text(describe(backbone), Placement.parse(placement), gate=gate, num_classes=5, in_channels=3)


def names_in(text):
    return set(re.findall(r"^(?:class|def) (\w+)", text, flags=re.MULTILINE))


def assert_reproduces(trained):
    """Build from the text in this process, which takes a hundredth of the time of a fresh one."""
    text = source_text(
        trained.backbone,
        trained.placement,
        gate=trained.gate,
        num_classes=trained.num_classes,
        in_channels=trained.in_channels,
    )
    exported = verify.load_code(text).build()
    assert not any(type(module).__module__.startswith("seplace") for module in exported.modules())
    exported.load_state_dict(trained.state)
    images = torch.randn(2, 3, trained.image_size, trained.image_size)
    with torch.inference_mode():
        assert torch.equal(exported.eval()(images), trained.build()(images))
    return exported


@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_source_of_each_choice_gives_equal_logits(choice):
    assert_reproduces(trained_network(CIFAR[0], f"none-{choice}-{choice}"))


@pytest.mark.parametrize("backbone", [*CIFAR, "resnet18[width=0.125]", "resnet50[width=0.125]"])
def test_plain_source_holds_no_attention(backbone):
    stages = len(describe(backbone).stages)
    text = text_of(backbone, "-".join(["none"] * stages))
    assert not re.search(r"\b(SE|ECA|CBAM|SERIAL|SlotAttachment|Parallel|Cross|Sigmoid|attach)\b", text)
    assert_reproduces(trained_network(backbone, "-".join(["none"] * stages), image_size=32))


def test_source_holds_only_what_is_used():
    residual = {"Addition", "BasicBlock", "ResidualBlock", "ResidualNetwork", "CifarStem", "build"}
    gates = {"SE", "Scaled", "squashing", "_layer", "TwiceSigmoid", "full_precision", "hidden_units", "SlotAttachment"}
    gates |= {
        "FeatureMaps",
        "load_weights",
        "FullPrecisionGate",
        "TracedFullPrecision",
        "entered_full_precision",
        "leave_full_precision",
    }
    gates |= {"BlockWithSlots", "Block", "insert_layer", "shortcut_of", "draw_convolutions", "SqueezeExcitation"}
    # A table is written whole.
    gates |= {"AverageSqueeze", "MaximumSqueeze", "PyramidSqueeze", "NoSqueeze", "OverTheMap"}
    gates |= {"OnePlusTanh", "ReLUOfOnePlus", "TwiceHardsigmoid"}
    padded, projected = (names_in(text_of(backbone, "none-se4-none")) - residual - gates for backbone in CIFAR)
    assert padded == {"PaddedShortcut", "SubsampleAndPad", "PaddedBasicBlock", "CifarResNetA"}
    assert projected == {"ProjectedShortcut", "ProjectedBasicBlock", "CifarResNetB"}


@pytest.mark.parametrize("init", [PAPER, IDENTITY], ids=lambda gate: gate.init)
def test_options_of_the_gate_reach_the_source(init):
    trained = trained_network(placement="cbam4-se4-eca", gate=init)
    assert_reproduces(trained)
    assert f'SE(channels, ratio=4, min_hidden={init.min_hidden}, init="{init.init}")' in text_of(
        placement="cbam4-se4-eca", gate=init
    )


@pytest.mark.parametrize(
    ("backbone", "placement"),
    [
        ("resnet18[width=0.25]", "se4-none-cbam4.cross-eca"),
        ("resnet50_v1[width=0.125]", "none-se4.pre-se4.pre-cbam4"),
    ],
)
def test_networks_for_large_images(backbone, placement):
    trained = trained_network(backbone, placement, image_size=64)
    exported = assert_reproduces(trained)
    verify.check_costs(exported, trained.build(), trained)


@pytest.mark.long
def test_source_passes_ruff(tmp_path):
    ruff = Path(sysconfig.get_path("scripts")) / "ruff"
    if not ruff.exists():
        pytest.skip("ruff is not installed beside this Python")
    for number, (backbone, choice) in enumerate(itertools.product([*CIFAR, "resnet50_v1[width=0.125]"], CHOICES)):
        stages = len(describe(backbone).stages)
        text = text_of(backbone, "-".join(["none", str(choice), *[str(CHOICES[0])] * (stages - 2)]))
        (tmp_path / f"model_{number}.py").write_text(text)
    command = [ruff, "check", "--isolated", "--no-cache", "--line-length", "120", "--select", "F,E5,E9,I,B,UP"]
    found = subprocess.run([*command, tmp_path], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_source_is_the_same_each_time_and_mentions_no_seplace_beyond_its_origin():
    assert text_of() == text_of()
    assert re.findall(r".*seplace.*", text_of())[0].startswith("Exported by seplace ")
    assert text_of().count("seplace") == 1


@pytest.mark.parametrize("backbone", ["cifar_resnet8[width=0.5]", "resnet50_v1[width=0.125]"])
def test_full_export(tmp_path, backbone):
    stages = len(describe(backbone).stages)
    trained = trained_network(backbone, "-".join(["none", "se4", "eca.parallel", "cbam4"][:stages]), image_size=32)
    folder = EXPORTERS["source"](trained, tmp_path / "deep" / "export")
    assert {path.name for path in folder.iterdir()} == {
        "model.py",
        "model.safetensors",
        "predict.py",
        "check.safetensors",
        "config.json",
        "README.md",
    }
    assert [path.name for path in folder.parent.iterdir()] == ["export"]
    config = json.loads((folder / "config.json").read_text())
    assert config["sha256"] == {
        name: sha256_of((folder / name).read_bytes())
        for name in ("model.py", "model.safetensors", "predict.py", "check.safetensors", "README.md")
    }
    assert config["classes"] == ["cat", "dog", "newt"]
    assert config["provenance"]["cross_entropy"] is None
    assert config["flops"] == trained.flops
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt", "placement": str(trained.placement)}
    readme = (folder / "README.md").read_text()
    assert (
        "| accuracy of the placement, estimated | 91.23 % (90 % credible interval 90.80 to 91.65 %, n = 3) |" in readme
    )
    assert "The placement was trained on 3 seeds; the weights are of seed" in readme
    assert "a mean over" not in readme  # the estimate is that of the model
    assert "validation split" in readme


def test_the_readme_keeps_the_figures_of_the_weights_and_of_the_placement_apart():
    figures = {"test_accuracy_of_these_weights": 90.5, "test_accuracy_of_these_weights_se": 0.293}
    figures |= {"test_accuracy": 90.0, "test_accuracy_se": 0.41, "test_n": 3}
    figures |= {"test_gain": 0.5, "test_gain_se": math.nan, "test_pairs": 2}
    page = readme_text(trained_network(provenance=figures), form=SOURCE, params=5, version="1")
    assert "| test accuracy of these weights | 90.50 ± 0.29 % (± standard error of the test images) |" in page
    assert "| test accuracy of the placement | 90.00 ± 0.41 % (n = 3; expected over seeds and new images) |" in page
    assert "| test gain over the plain backbone | +0.50 points (n = 2; expected over seeds and new images) |" in page


def test_code_of_the_readme_runs(tmp_path):
    trained = trained_network()
    folder = export_source(trained, tmp_path / "export")
    code = re.search(r"## Load it\n\n```python\n(.*?)```", (folder / "README.md").read_text(), flags=re.DOTALL)
    pixels = "pixels = torch.arange(2 * 3 * 16 * 16).view(2, 3, 16, 16) % 256\n"
    made_up = re.sub(r"pixels = torch.zeros.*\n", pixels, code.group(1))
    script = f"{made_up}\nprint(logits.double().sum().item())"
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True)
    images = (torch.arange(2 * 3 * 16 * 16).view(2, 3, 16, 16) % 256) / 255
    images = (images - torch.tensor(trained.preprocessing.mean).view(-1, 1, 1)) / torch.tensor(
        trained.preprocessing.std
    ).view(-1, 1, 1)
    with torch.inference_mode():
        assert float(done.stdout) == pytest.approx(trained.build()(images).double().sum().item(), rel=1e-5)


def test_hostile_texts_stay_texts(tmp_path, monkeypatch):
    monkeypatch.setattr("seplace.exporters.source.verify", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    trained = trained_network()
    trained = replace(
        trained,
        backbone=replace(trained.backbone, text=HOSTILE),
        classes=(HOSTILE, "\ud800", ""),
        provenance={"study": HOSTILE, HOSTILE: HOSTILE},
    )
    folder = export_source(trained, tmp_path / "export")
    text = (folder / "model.py").read_text()
    check_code(text)
    verify.load_code(text).build()
    assert "canary" not in text
    assert not (tmp_path / "canary").exists()
    config = json.loads((folder / "config.json").read_text())
    assert config["classes"] == [HOSTILE, "\ud800", ""]
    assert config["provenance"] == {"study": HOSTILE, HOSTILE: HOSTILE}
    readme = (folder / "README.md").read_text()
    assert not re.search(r"(?<!\\)<script", readme)
    assert not [line for line in readme.splitlines() if line.startswith("import os")]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", r"a\|b"),
        ("<b>", r"\<b\>"),
        ("a\n# b", r"a \# b"),
        ("digits_small", "digits_small"),
        ("_x_", r"\_x\_"),
    ],
)
def test_escape(text, shown):
    assert escape(text) == shown


def test_argument_that_is_no_literal_is_refused():
    backbone = replace(describe(CIFAR[0]), arguments={"widths": Path("x")})
    with pytest.raises(UnexportableCode, match="no literal"):
        source_text(backbone, Placement.parse("none-none-none"), gate=PAPER, num_classes=3, in_channels=3)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("import os", "import of os"),
        ("import torch, subprocess", "import of subprocess"),
        ("from .gate import x", "import of .gate"),
        ("import torchvision", "import of torchvision"),
        ("from torch import os", "import of os"),
        ("x = torch.os.system", r"\.os"),
        ("def f():\n    import seplace", "import of seplace"),
        ("x = eval('1')", "eval"),
        ("x = __import__('os')", "__import__"),
        ("x = [].__class__.__base__.__subclasses__", "__subclasses__"),
        ("print(1)", "defines nothing"),
        ("if True:\n    x = 1", "defines nothing"),
    ],
)
def test_check_refuses(line, message):
    with pytest.raises(UnexportableCode, match=message):
        check_code(f'"""Text."""\nimport torch\n{line}\n')


GATE = """
from __future__ import annotations
{imports}
import torch
from torch import Tensor, nn
from typing import TYPE_CHECKING, Literal
if TYPE_CHECKING:
    from collections.abc import Sequence

# How far a gate opens.
_SCALE = 2.0
UNUSED = 3

def scaled(x: "Tensor") -> Tensor:
    Unneeded = x * _SCALE
    return Unneeded

class Unneeded:
    pass

class Gate(nn.Module):
    def __init__(self, channels: int, *, init: Literal['paper', 'identity'], sizes: Sequence[int] = (1,)) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels))
    def forward(self, u: Tensor) -> Tensor:
        {body}
        return scaled(torch.sigmoid(self.weight))[None, :, None, None]
"""


def gate_module(tmp_path, monkeypatch, name, *, imports="", body="pass", more=""):
    (tmp_path / f"{name}.py").write_text(GATE.format(imports=imports, body=body) + more)
    monkeypatch.syspath_prepend(tmp_path)
    return f"{name}:Gate"


def test_gate_of_the_user(tmp_path, monkeypatch):
    gate = gate_module(tmp_path, monkeypatch, "own_gate")
    trained = trained_network(placement=f"{gate}-none-{gate}.cross")
    exported = assert_reproduces(trained)
    assert type(exported.stages[0][0].residual.attention.gate).__name__ == "Gate"
    text = text_of(placement=str(trained.placement))
    assert "# How far a gate opens.\n_SCALE = 2.0" in text
    assert "Unneeded:" not in text
    assert "UNUSED" not in text
    assert "from collections.abc import Callable, Mapping, Sequence" in text


@pytest.mark.parametrize(
    ("name", "imports", "body", "message"),
    [
        ("gate_os", "import os", "os.getpid()", "imports os"),
        ("gate_inner_os", "", "import os", "import of os"),
        ("gate_eval", "", "eval('1')", "eval"),
        ("gate_star", "from math import *", "sqrt(4)", "sqrt"),
        ("gate_numpy", "import numpy as np", "np.zeros(1)", "imports numpy"),
        ("gate_renamed", "from seplace.attention.gate import squashing as sq", "sq", "without renaming"),
    ],
)
def test_gate_that_cannot_be_exported(tmp_path, monkeypatch, name, imports, body, message):
    gate = gate_module(tmp_path, monkeypatch, name, imports=imports, body=body)
    with pytest.raises(UnexportableCode, match=message):
        text_of(placement=f"{gate}-none-none")


def test_gate_that_imports_the_same_in_another_way(tmp_path, monkeypatch):
    source = GATE.format(imports="from torch.nn import functional as F", body="F.relu(u)")
    source = source.replace("from torch import Tensor, nn", "import torch.nn as nn\nfrom torch import Tensor")
    (tmp_path / "own_nn_gate.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    trained = trained_network(placement="own_nn_gate:Gate-none-none")
    assert_reproduces(trained)
    assert text_of(placement=str(trained.placement)).count("nn.functional") == 1


def test_gate_that_is_no_definition_is_refused(tmp_path, monkeypatch):
    more = "\nimport functools\nHalf = functools.partial(Gate)\nclass build(Gate): pass\n"
    gate_module(tmp_path, monkeypatch, "gate_partial", more=more)
    with pytest.raises(UnexportableCode, match="no class, function or constant at the top"):
        text_of(placement="gate_partial:Half-none-none")
    with pytest.raises(UnexportableCode, match="two things"):
        text_of(placement="gate_partial:build-none-none")


def test_two_meanings_of_a_name_are_refused(tmp_path, monkeypatch):
    one, two = (gate_module(tmp_path, monkeypatch, name) for name in ("gate_one", "gate_two"))
    with pytest.raises(UnexportableCode, match="two things"):
        text_of(placement=f"{one}-{two}-none")


def test_definitions_that_use_each_other(tmp_path, monkeypatch):
    more = """
class Base:
    def make(self) -> Wrapper: return Wrapper()
class Wrapper(Base, Gate):
    def __init__(self, channels: int = 4, *, init: str = "paper") -> None:
        super().__init__(channels, init=init)
"""
    gate_module(tmp_path, monkeypatch, "gate_cycle", more=more)
    module = verify.load_code(text_of(placement="gate_cycle:Wrapper-none-none"))
    assert isinstance(module.Wrapper().make(), module.Wrapper)


def test_missing_weight_is_a_mismatch_and_leaves_nothing(tmp_path):
    trained = trained_network()
    state = dict(trained.state)
    state.pop("classifier.bias")
    with pytest.raises(ExportMismatch, match=r"classifier\.bias"):
        export_source(replace(trained, state=state), tmp_path / "export")
    assert not list(tmp_path.iterdir())


def test_other_flops_are_a_mismatch_and_leave_nothing(tmp_path):
    trained = trained_network()
    with pytest.raises(ExportMismatch, match="the table says"):
        export_source(replace(trained, flops=trained.flops + 1), tmp_path / "export")
    assert not list(tmp_path.iterdir())


def test_logits_that_are_not_finite_are_a_mismatch(tmp_path):
    trained = trained_network()
    state = {**trained.state, "classifier.bias": torch.full((3,), float("nan"))}
    with pytest.raises(ExportMismatch, match="not finite"):
        export_source(replace(trained, state=state), tmp_path / "export")


def test_fresh_process_sees_a_network_that_computes_something_else(tmp_path, monkeypatch):
    changed = text_of(gate=PAPER).replace("num_classes: int = 5", "num_classes: int = 3")
    changed = changed.replace("return u * gate", "return u * gate * 1.001")
    monkeypatch.setattr("seplace.exporters.source.source_of", lambda *_, **__: changed)
    monkeypatch.setattr("seplace.exporters.verify.check_costs", lambda *_: None)
    with pytest.raises(ExportMismatch, match="other logits"):
        export_source(trained_network(), tmp_path / "export")
    assert not list(tmp_path.iterdir())


def test_fresh_process_that_fails_names_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr("seplace.exporters.folder.weights", lambda _: b"broken")
    with pytest.raises(ExportMismatch, match=r"fresh process: .*Safetensor"):
        export_source(trained_network(), tmp_path / "export")


def test_description_that_contradicts_itself_is_refused():
    with pytest.raises(InputError, match="as many names"):
        trained_network(classes=("cat",))
    gray = Preprocessing(channel_order="L", size=16, resampling="pillow", mean=(0.5,), std=(0.2,))
    with pytest.raises(InputError, match="images of 1 channels do not fit a network of 3"):
        trained_network(preprocessing=gray)
