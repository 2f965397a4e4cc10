"""Export as a program: networks of the shelf and of a user, loaded by torch alone."""

import io
import itertools
import json
import re
import shutil
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.utils.data import DataLoader, TensorDataset

import seplace
from seplace.backbones.describe import describe
from seplace.cli import main
from seplace.errors import ExportMismatch, InputError
from seplace.exporters import EXPORTERS, exporter_for
from seplace.exporters.code_check import UnexportableCode
from seplace.exporters.folder import weights
from seplace.exporters.fresh_process import LOADERS
from seplace.exporters.program import PROGRAM, export_program, program_of
from seplace.exporters.readme import readme_text
from seplace.exporters.source import export_source
from seplace.files.atomic import sha256_of
from seplace.placement import StageChoice
from seplace.training.own_fit import quiet
from tests import foreign
from tests.exporters.networks import trained_network
from tests.marks import in_the_long_form
from tests.networks import GATES, choice_of, placed, takes

FOREIGN = "tests.foreign:basic_resnet[image_size=32]"
CIFAR = "cifar_resnet8[width=0.5]"
ATTACHMENTS = ("serial", "parallel", "cross", "pre")
CHOICES = [
    choice_of(name, attachment if takes(name, attachment) else "serial")
    for name, attachment in zip(GATES, itertools.cycle(ATTACHMENTS), strict=False)
]
CHOICES += [choice_of("sk", "kernel"), *map(choice_of, ("none", "se"))]
ROUNDS = ["-".join(map(str, CHOICES[at : at + 3])) for at in range(0, len(CHOICES) - 2, 3)]
"""Placements that hold every gate once, and the attachments by turns."""


def images(count: int, size: int) -> torch.Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(count))


def assert_equal_logits(program, trained) -> None:
    network = trained.build()
    with torch.inference_mode():
        for count in (1, 2, 7):
            batch = images(count, trained.image_size)
            assert torch.equal(program(batch), network(batch))


@pytest.fixture(scope="module")
def trained():
    return trained_network(FOREIGN, "se4-none-cbam4", image_size=32)


@pytest.fixture
def untraced(monkeypatch) -> None:
    """Tracing takes most of an export, and its content is no matter to what is decided beside it."""
    monkeypatch.setattr("seplace.exporters.program.program_of", lambda *_, **__: b"a program")


@pytest.fixture
def in_this_process(monkeypatch) -> None:
    """What a fresh process does with a folder, done here, which spares it the import of torch."""

    def logits(folder: Path, network_file: str, images: dict[str, torch.Tensor], *, timeout_seconds: float):
        del timeout_seconds
        network = LOADERS[network_file](folder)
        with torch.inference_mode():
            return {name: network(batch) for name, batch in images.items()}

    monkeypatch.setattr("seplace.exporters.verify._logits_in_fresh_process", logits)


@pytest.fixture(scope="module")
def folder(trained, tmp_path_factory) -> Path:
    """An export that was verified; tests only read it."""
    return EXPORTERS["program"](trained, tmp_path_factory.mktemp("program") / "deep" / "export")


def test_every_gate_and_every_attachment_is_in_a_program():
    choices = [StageChoice.parse(text) for text in "-".join(ROUNDS).split("-")]
    assert {choice.name for choice in choices} >= {*GATES, "sk"}
    assert {choice.attachment for choice in choices} >= {*ATTACHMENTS, "kernel"}


@pytest.mark.long
@pytest.mark.parametrize("placement", ROUNDS)
def test_program_of_each_gate_gives_equal_logits(placement):
    trained = trained_network(placement=placement)
    content = program_of(trained.build(), shape=(3, 16, 16))
    assert_equal_logits(torch.export.load(io.BytesIO(content)).module(), trained)


@pytest.mark.parametrize(
    "name", ["vgg", "googlenet", "convnext", in_the_long_form("mobilenet"), in_the_long_form("shufflenet")]
)
def test_program_of_a_network_of_the_user_gives_equal_logits(name):
    text = f"tests.foreign:{foreign.NETWORKS[name].__name__}[image_size=32]"
    trained = trained_network(text, str(placed(text, "se4")), image_size=32, num_classes=5)
    content = program_of(trained.build(), shape=(3, 32, 32))
    assert_equal_logits(torch.export.load(io.BytesIO(content)).module(), trained)
    assert str(Path(foreign.__file__).parent).encode() not in content
    assert str(Path(torch.__file__).parent).encode() not in content


def test_full_export(folder, trained):
    assert {path.name for path in folder.iterdir()} == {*PROGRAM.files}
    assert [path.name for path in folder.parent.iterdir()] == ["export"]
    assert_equal_logits(torch.export.load(folder / "model.pt2").module(), trained)
    config = json.loads((folder / "config.json").read_text())
    assert config["format"] == "seplace-program-export"
    assert config["sha256"] == {
        name: sha256_of((folder / name).read_bytes()) for name in PROGRAM.files if name != "config.json"
    }
    assert config["classes"] == ["cat", "dog", "newt"]
    assert (config["backbone"], config["placement"]) == (FOREIGN, "se4-none-cbam4")
    assert (config["flops"], config["provenance"]["accuracy"]) == (trained.flops, 91.234)
    state = load_file(folder / "model.safetensors")
    assert state.keys() == trained.state.keys()
    assert all(torch.equal(tensor, trained.state[name]) for name, tensor in state.items())
    readme = (folder / "README.md").read_text()
    assert "model.py" not in readme
    assert f"written with torch {torch.__version__}" in readme


def test_images_of_another_size_are_refused(folder):
    network = torch.export.load(folder / "model.pt2").module()
    with pytest.raises(AssertionError, match="32"):
        network(images(2, 48))


def test_code_of_the_readme_runs(folder, trained, monkeypatch):
    code = re.search(r"## Load it\n\n```python\n(.*?)```", (folder / "README.md").read_text(), flags=re.DOTALL)
    pixels = torch.arange(3 * 3 * 32 * 32).view(3, 3, 32, 32) % 256
    scope = {"given": pixels}
    monkeypatch.chdir(folder)
    exec(re.sub(r"pixels = torch\.zeros.*", "pixels = given", code.group(1)), scope)
    batch = (pixels / 255 - torch.tensor(trained.preprocessing.mean).view(-1, 1, 1)) / torch.tensor(
        trained.preprocessing.std
    ).view(-1, 1, 1)
    with torch.inference_mode():
        assert torch.equal(scope["logits"], trained.build()(batch))


def test_the_readme_comes_back_to_a_network_that_trains(folder, trained, monkeypatch):
    page = (folder / "README.md").read_text()
    scope = {}
    monkeypatch.chdir(folder)
    exec(re.search(r"## Train it further\n.*?```python\n(.*?)```", page, flags=re.DOTALL).group(1), scope)
    network, own = scope["network"], trained.build()
    assert network.training
    assert torch.equal(network.eval()(images(2, 32)), own(images(2, 32)))
    code = re.search(r"in place of `create_model`:\n\n(.*?)\n\n", page, flags=re.DOTALL).group(1)
    scope |= {"torch": torch, "yours": foreign.basic_resnet(num_classes=3)}
    exec(textwrap.dedent(code), scope)
    scope["network"].load_state_dict(trained.state)
    assert torch.equal(scope["network"].eval()(images(2, 32)), own(images(2, 32)))


@pytest.mark.parametrize(
    ("task", "recorded"), [("own_task", {}), ("own_lightning_task", {"version_lightning": "2.6.6"})]
)
def test_a_module_of_lightning_validates_and_tests_a_program(folder, trained, monkeypatch, task, recorded):
    own = replace(trained, module=f"tests.{task}:Classifier", provenance={**trained.provenance, **recorded})
    page = readme_text(own, form=PROGRAM, params=5, version="1")
    code = re.search(r"```python\n(import \S+ as pl.*?)```", page, flags=re.DOTALL).group(1)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "predict", raising=False)
    scope = {}
    exec(code, scope)
    monkeypatch.delitem(sys.modules, "predict")
    module, batch = scope["module"], images(4, 32)
    labels = trained.build()(batch).argmax(1)
    with quiet():
        (found,) = scope["trainer"].test(module, DataLoader(TensorDataset(batch, labels)), verbose=False)
    assert found == {"test_accuracy": 1.0}
    assert module.train().network.training
    assert not any(each.requires_grad for each in module.network.parameters())
    assert "class of an image" not in page
    assert f"The code of `{FOREIGN}` is its author's" in page
    assert f"`tests.{task}:Classifier` takes this `network` to train" in page


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("LooksAtValues", "data-dependent"),
        ("LooksAtTheNumberOfImages", r"Constraints violated \(images\)"),
    ],
)
def test_network_that_torch_cannot_trace_is_refused_and_leaves_nothing(tmp_path, name, message):
    trained = trained_network(f"tests.exporters.networks:{name}[image_size=16]", "eca")
    with pytest.raises(InputError, match=f"{name}.* cannot be written as a program: .*{message}"):
        export_program(trained, tmp_path / "export")
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("in_this_process")
def test_a_network_that_is_never_the_same_is_a_mismatch(tmp_path):
    trained = trained_network("tests.exporters.networks:IsNeverTheSame[image_size=16]", "eca")
    with pytest.raises(ExportMismatch, match="other logits"):
        export_program(trained, tmp_path / "export")
    assert not list(tmp_path.iterdir())


def test_a_fresh_process_refuses_other_weights_beside_the_program(tmp_path, folder, trained):
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert LOADERS["model.pt2"](copy)
    changed = {**trained.state, "fc.bias": trained.state["fc.bias"] + 1}
    (copy / "model.safetensors").write_bytes(weights(replace(trained, state=changed)))
    with pytest.raises(ValueError, match="other weights"):
        LOADERS["model.pt2"](copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("fc.bias"), r"fc\.bias"),
        (lambda state: state.update({"fc.bias": torch.full((3,), float("nan"))}), "not finite"),
    ],
)
@pytest.mark.usefixtures("untraced")
def test_weights_that_do_not_fit_are_a_mismatch_and_leave_nothing(tmp_path, trained, change, message):
    state = dict(trained.state)
    change(state)
    with pytest.raises(ExportMismatch, match=message):
        export_program(replace(trained, state=state), tmp_path / "export")
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("untraced")
def test_other_flops_are_a_mismatch_and_leave_nothing(tmp_path, trained):
    with pytest.raises(ExportMismatch, match="the table says"):
        export_program(replace(trained, flops=trained.flops + 1), tmp_path / "export")
    assert not list(tmp_path.iterdir())


def test_source_of_a_network_of_the_user_is_refused_before_it_is_built(tmp_path, monkeypatch, trained):
    monkeypatch.setattr("seplace.exporters.trained.TrainedNetwork.build", lambda _: pytest.fail("it was built"))
    with pytest.raises(UnexportableCode, match=rf"{re.escape(FOREIGN)}.* as a program: seplace export --as program"):
        export_source(trained, tmp_path / "export")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("backbone", "name"), [(CIFAR, "source"), ("mobilenet_v2", "source"), (FOREIGN, "program")])
def test_exporter_of_which_none_is_asked_for(backbone, name):
    assert exporter_for(describe(backbone)) == name


@pytest.mark.usefixtures("untraced")
def test_results_are_exported_as_asked(finished, tmp_path, monkeypatch):
    monkeypatch.setattr("seplace.exporters.source.verify", lambda *_: None)
    monkeypatch.setattr("seplace.exporters.program.verify_program", lambda *_: None)
    results = seplace.load(finished)
    assert (results.export(tmp_path / "asked", exporter="program") / "model.pt2").exists()
    assert (results.export(tmp_path / "default") / "model.py").exists()
    monkeypatch.setattr("seplace.api.exporting.exporter_for", lambda backbone: {CIFAR: "program"}[backbone.text])
    assert (results.export(tmp_path / "other_default") / "model.pt2").exists()


@pytest.mark.usefixtures("untraced")
def test_command_exports_as_asked(finished, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("seplace.exporters.program.verify_program", lambda *_: None)

    def exit_code(name: str) -> int | None:
        arguments = ["seplace", "export", str(finished), "--output", str(tmp_path / "export"), "--as", name]
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as caught:
            sys.exit(main())
        return caught.value.code

    assert exit_code("programme") == 2
    assert "unknown exporter 'programme'. Did you mean 'program'?" in capsys.readouterr().err
    assert not (tmp_path / "export").exists()
    assert not exit_code("program")
    assert (tmp_path / "export" / "model.pt2").exists()
