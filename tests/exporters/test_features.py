"""What exported code gives beside the network: other classes, the maps of its stages, and what tracers take."""

import importlib.util
import sys

import pytest
import torch

from seplace.exporters.examination import examine_export
from seplace.exporters.source import export_source
from seplace.exporters.source_code import source_text
from seplace.exporters.verify import load_code
from seplace.testing.tracing import TRACERS, expect_traceable
from tests.exporters.networks import FAMILIES, placements_of, trained_network

SHOWN = [
    "cifar_resnet8[width=0.5]",
    "vgg11_bn[width=0.125]",
    "mobilenet_v2[width=0.25]",
    "preact_resnet110[width=0.25]",
]


def code_of(trained) -> str:
    return source_text(
        trained.backbone,
        trained.placement,
        gate=trained.gate,
        num_classes=trained.num_classes,
        in_channels=trained.in_channels,
    )


def assert_features(trained, model) -> None:
    """Hold the maps to what leaves the last block of each stage, before anything changes it in place."""
    network, side = trained.build(), trained.image_size
    kept = {}
    for stage in trained.backbone.stages:
        path = stage.sites[-1].path
        block = network.get_submodule(path)
        block.register_forward_hook(lambda _block, _given, output, path=path: kept.update({path: output.clone()}))
    images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    features = model.build(features_only=True).eval()
    assert model.load_weights(features, trained.state) == []
    assert not any(name.startswith("classifier") for name in features.state_dict())
    with torch.inference_mode():
        network(images)
        maps = features(images)
    assert len(maps) == len(kept) == len(features.channels) == len(features.strides)
    for found, expected, channels, stride in zip(maps, kept.values(), features.channels, features.strides, strict=True):
        assert torch.equal(found, expected)
        assert found.shape[1] == channels
        assert 1 <= found.shape[3] <= -(-side // stride)  # less where a network does not pad


def assert_other_classes(trained, model) -> None:
    """Let the weights of all but the last layer be those of the network."""
    network = model.build(num_classes=7).eval()
    drawn = model.load_weights(network, trained.state)
    assert [name.rpartition(".")[2] for name in drawn] == ["weight", "bias"]
    state = network.state_dict()
    assert all(torch.equal(state[name], weight) for name, weight in trained.state.items() if name not in drawn)
    assert network(torch.zeros(2, 3, trained.image_size, trained.image_size)).shape == (2, 7)


@pytest.mark.parametrize("backbone", SHOWN)
def test_stages_give_their_maps_and_a_classifier_is_drawn_anew(backbone):
    trained = trained_network(backbone, placements_of(backbone)[0], image_size=FAMILIES[backbone])
    model = load_code(code_of(trained))
    assert_features(trained, model)
    assert_other_classes(trained, model)


def test_weights_of_another_network_are_refused():
    trained = trained_network()
    model = load_code(code_of(trained))
    other = trained_network(placement="se4-se4-eca").state
    with pytest.raises(ValueError, match=r"weights of another network: none fits stages\.2"):
        model.load_weights(model.build(), other)


def imported(folder):
    """The model.py of a folder as a module whose source can be read, as torch.jit.script does."""
    spec = importlib.util.spec_from_file_location("model", folder / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def assert_traceable(trained, folder, monkeypatch) -> None:
    model = imported(folder)
    monkeypatch.setitem(sys.modules, "model", model)
    network, features = model.build(), model.build(features_only=True).eval()
    side = trained.image_size
    images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    for tracer in TRACERS:
        expect_traceable(network, images, f"exported {trained.backbone.text} {trained.placement}", tracer=tracer)
        with torch.inference_mode():
            maps = zip(TRACERS[tracer](features)(images), features(images), strict=True)
            assert all(torch.equal(*pair) for pair in maps)


def test_exported_code_can_be_traced(tmp_path, monkeypatch):
    trained = trained_network(placement="cbam4-gc4-se4.pre")
    (tmp_path / "model.py").write_text(code_of(trained))
    assert_traceable(trained, tmp_path, monkeypatch)


@pytest.mark.long
@pytest.mark.parametrize("backbone", FAMILIES)
def test_every_family_with_every_module(backbone, tmp_path, monkeypatch):
    monkeypatch.setattr("seplace.exporters.source.verify", lambda *_: None)  # the examination does as much
    for number, placement in enumerate(placements_of(backbone)):
        trained = trained_network(backbone, placement, image_size=FAMILIES[backbone])
        folder = export_source(trained, tmp_path / "export")
        findings = list(examine_export(folder))
        for finding in findings:
            print(f"{backbone:<34} {placement:<50} {finding.subject:<11} {finding.text}")
        assert [finding.subject for finding in findings if not finding.passed] == []
        model = imported(folder)
        assert_features(trained, model)
        assert_other_classes(trained, model)
        if number == 0:  # gates are traced one by one in the role suite
            assert_traceable(trained, folder, monkeypatch)
