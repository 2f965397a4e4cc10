"""Exports for Hugging Face's libraries and for timm: what these read, and that their glue gives equal logits."""

import importlib
import importlib.util
import json
import re
import sys

import pytest
import torch
import yaml

from seplace.errors import InputError
from seplace.exporters.code_check import UnexportableCode
from seplace.exporters.huggingface import export_huggingface, processor_of
from seplace.exporters.model_card import card_of
from seplace.exporters.timm import export_timm, timm_name
from tests.exporters import stand_ins
from tests.exporters.networks import trained_network

NETWORKS = {
    "cifar_resnet8[width=0.5]": ("none-se4-eca.parallel", 16),
    "vgg11_bn[width=0.125]": ("se4-none-none-eca-none", 32),
    "mobilenet_v3_small[width=0.25]": ("none-native-none-native", 32),
    "inception_resnet_v2[width=0.125]": ("se4-none-none", 96),
}
"""Networks that differ in what follows their stages, and the sides of their images."""
HOSTILE = '---\nlicense: mit\n"quoted": [x]\x1b[31m <script>x</script>'


@pytest.fixture(autouse=True)
def unverified(monkeypatch):
    """The code is that of the form `source`, which its own tests verify."""
    monkeypatch.setattr("seplace.exporters.huggingface.verify", lambda *_: None)
    monkeypatch.setattr("seplace.exporters.timm.verify", lambda *_: None)
    stand_ins.put_in_place(monkeypatch)


def card_in(text):
    assert text.startswith("---\n")
    return yaml.safe_load(text.split("---\n")[1])


def images_for(trained):
    return torch.randn(2, 3, trained.image_size, trained.image_size)


def test_a_hugging_face_folder_has_what_its_libraries_read(tmp_path, monkeypatch):
    trained = trained_network()
    folder = export_huggingface(trained, tmp_path / "export")
    config = json.loads((folder / "config.json").read_text())
    assert config["id2label"] == {"0": "cat", "1": "dog", "2": "newt"}
    assert config["label2id"] == {"cat": 0, "dog": 1, "newt": 2}
    assert config["auto_map"]["AutoModelForImageClassification"] == "modeling_seplace.SeplaceForImageClassification"
    assert json.loads((folder / "preprocessor_config.json").read_text()) == processor_of(trained.preprocessing)
    # Modules of the hub are packages: model.py stands beside.
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    modeling = importlib.import_module("export.modeling_seplace")
    model = modeling.SeplaceForImageClassification(modeling.SeplaceConfig(**config)).eval()
    model.network.load_state_dict(trained.state)
    images, labels = images_for(trained), torch.tensor([0, 2])
    with torch.inference_mode():
        expected = trained.build()(images)
        output = model(pixel_values=images, labels=labels)
    assert torch.equal(output.logits, expected)
    assert output.loss == torch.nn.functional.cross_entropy(expected, labels)
    five = modeling.SeplaceConfig(**{**config, "id2label": {str(at): str(at) for at in range(5)}})
    assert modeling.SeplaceForImageClassification(five).eval()(images).logits.shape == (2, 5)
    for name in ("export", "export.modeling_seplace", "export.model"):
        sys.modules.pop(name)


def test_the_card_has_metrics_with_intervals_and_no_license(tmp_path):
    figures = {"data": "digits", "n": 3, "accuracy": 91.234, "accuracy_lower": 90.8, "accuracy_upper": 91.65}
    figures |= {"test_accuracy_of_these_weights": 90.5, "test_accuracy_of_these_weights_se": 0.293}
    readme = (export_huggingface(trained_network(provenance=figures), tmp_path / "export") / "README.md").read_text()
    card = card_in(readme)
    assert card["pipeline_tag"] == "image-classification"
    assert {"se", "eca", "seplace"} <= set(card["tags"])
    assert card["datasets"] == ["digits"]
    assert "license" not in card
    validation, test = card["model-index"][0]["results"]
    assert [each["dataset"]["split"] for each in (validation, test)] == ["validation", "test"]
    assert validation["metrics"] == [
        {
            "type": "accuracy",
            "name": "accuracy of the placement in %, 90 % credible interval 90.80 to 91.65, n = 3",
            "value": 91.234,
        }
    ]
    assert test["metrics"][0]["name"] == "accuracy of these weights in % ± 0.29 (standard error)"
    assert re.search(r"^# An image classifier", readme, flags=re.MULTILINE)


def test_hostile_texts_stay_texts_in_the_card():
    card = card_in(card_of(trained_network(provenance={"data": HOSTILE, "accuracy": 90.0})))
    assert "license" not in card
    assert card["datasets"] == ['--- license: mit "quoted": [x] [31m <script>x</script>']
    assert "model-index" not in card_in(card_of(trained_network(provenance={})))


@pytest.mark.parametrize(
    "backbone",
    [pytest.param(name, marks=[pytest.mark.long] if "inception" in name else []) for name in NETWORKS],
)
def test_timm_gets_the_network_its_features_and_its_head(tmp_path, monkeypatch, backbone):
    placement, side = NETWORKS[backbone]
    trained = trained_network(backbone, placement, image_size=side)
    folder = export_timm(trained, tmp_path / "export")
    config = json.loads((folder / "config.json").read_text())
    name = config["architecture"]
    assert name.isidentifier()
    assert config["pretrained_cfg"]["mean"] == list(trained.preprocessing.mean)
    spec = importlib.util.spec_from_file_location(f"timm_model_{name}", folder / "timm_model.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    assert name == module.NAME
    images, network = images_for(trained), stand_ins.create_model(name, pretrained=True).eval()
    with torch.inference_mode():
        expected = trained.build()(images)
        assert torch.equal(network(images), expected)
        features = network.forward_features(images)
        torch.testing.assert_close(network.forward_head(features), expected)
        bare = stand_ins.create_model(name, pretrained=True, num_classes=0).eval()
        torch.testing.assert_close(bare(images), network.forward_head(features, pre_logits=True))
        assert bare(images).shape == (2, network.head_hidden_size)
        assert features.shape[1] == network.num_features
        assert stand_ins.create_model(name, pretrained=True, num_classes=5).eval()(images).shape == (2, 5)
        backbone = stand_ins.create_model(name, pretrained=True, features_only=True).eval()
        maps = backbone(images)
        assert [each.shape[1] for each in maps] == [each["num_chs"] for each in network.feature_info]
        assert torch.equal(maps[-1], features)
        last = stand_ins.create_model(name, pretrained=True, features_only=True, out_indices=(-2,)).eval()(images)
        assert torch.equal(last[0], maps[-2])
    reductions = [each["reduction"] for each in network.feature_info]
    assert reductions == sorted(reductions)
    with pytest.raises(ValueError, match="takes images of 3 channels, not 1"):
        module.SeplaceNetwork(in_chans=1)


def test_a_long_name_at_timm_is_cut_and_stays_one_of_its_own():
    long = trained_network("cifar_resnet20[width=0.5]", "se4-se4-se4")
    names = {timm_name(long), timm_name(trained_network("cifar_resnet20[width=0.5]", "se4-se4-eca"))}
    assert len(names) == 2
    assert timm_name(trained_network()) == "seplace_cifar_resnet8_width_0_5_none_se4_eca_parallel"


@pytest.mark.parametrize("export", [export_huggingface, export_timm])
def test_what_these_forms_cannot_hold_is_refused(tmp_path, export):
    with pytest.raises(InputError, match="did not record"):
        export(trained_network(preprocessing=None), tmp_path / "export")
    with pytest.raises(UnexportableCode, match="--as program"):
        export(trained_network("tests.foreign:basic_resnet[image_size=32]", "se4-none-none"), tmp_path / "export")
    assert not list(tmp_path.iterdir())
