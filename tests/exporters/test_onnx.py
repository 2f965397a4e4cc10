"""Export as ONNX: networks of every family with every module, run in ONNX Runtime."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch

from seplace.errors import ExportMismatch, InputError, MissingPackage
from seplace.exporters.onnx import export_onnx, onnx_of
from seplace.testing import exporters
from tests.exporters.networks import FAMILIES, onnx_of_the_role, placements_of, trained_network


def assert_equal_logits(content: bytes, trained) -> None:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    network = trained.build()
    for count in (1, 2, 7):
        images = torch.randn(count, 3, trained.image_size, trained.image_size)
        with torch.inference_mode():
            expected = network(images)
        found = torch.from_numpy(session.run(["logits"], {"images": images.numpy()})[0])
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * max(1.0, float(expected.abs().max())))


@pytest.mark.long
@pytest.mark.parametrize("backbone", FAMILIES)
def test_onnx_of_every_family_and_module_gives_the_logits(backbone):
    placements = placements_of(backbone)
    # Of a very deep network a conversion takes minutes, and its blocks are alike.
    for placement in placements[:1] if "110" in backbone else placements:
        trained = trained_network(backbone, placement, image_size=FAMILIES[backbone])
        assert_equal_logits(onnx_of(trained.build(), trained), trained)


@pytest.fixture
def trained():
    return exporters.trained_network()


@pytest.fixture
def content() -> bytes:
    return onnx_of_the_role()


@pytest.fixture
def written(content, monkeypatch) -> None:
    monkeypatch.setattr("seplace.exporters.onnx.onnx_of", lambda *_: content)


def test_the_file_is_sound_and_says_what_goes_into_it(content, trained):
    assert_equal_logits(content, trained)
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    metadata = {each.key: each.value for each in model.metadata_props}
    assert json.loads(metadata["classes"]) == ["cat", "dog", "newt"]
    assert json.loads(metadata["preprocessing"]) == trained.preprocessing.to_record()
    assert (metadata["backbone"], metadata["placement"]) == (trained.backbone.text, str(trained.placement))
    (images,), (logits,) = model.graph.input, model.graph.output
    shape = [each.dim_param or each.dim_value for each in images.type.tensor_type.shape.dim]
    assert shape[0] == logits.type.tensor_type.shape.dim[0].dim_param
    assert shape[1:] == [3, 16, 16]
    # Neither the lines of code that it was made from, nor where they are.
    assert str(Path(torch.__file__).parent).encode() not in content
    assert b"stack_trace" not in content


@pytest.mark.usefixtures("written")
def test_code_of_the_readme_runs(trained, tmp_path, monkeypatch):
    monkeypatch.setattr("seplace.exporters.onnx.verify_onnx", lambda *_: None)
    folder = export_onnx(trained, tmp_path / "export")
    code = re.search(r"## Load it\n\n```python\n(.*?)```", (folder / "README.md").read_text(), flags=re.DOTALL)
    pixels = torch.arange(3 * 3 * 16 * 16).view(3, 3, 16, 16) % 256
    scope = {"pixels": pixels.numpy()}
    monkeypatch.chdir(folder)
    exec(re.sub(r"pixels = .*\n", "", code.group(1), count=1), scope)
    assert "It needs torch and onnxruntime, and pillow" in (folder / "predict.py").read_text()
    steps = trained.preprocessing
    batch = (pixels / 255 - torch.tensor(steps.mean).view(-1, 1, 1)) / torch.tensor(steps.std).view(-1, 1, 1)
    with torch.inference_mode():
        torch.testing.assert_close(torch.from_numpy(scope["logits"]), trained.build()(batch), rtol=0, atol=1e-4)


@pytest.mark.usefixtures("written")
def test_other_weights_are_a_mismatch_and_leave_nothing(trained, tmp_path, monkeypatch):
    def in_this_process(folder, _loader, images, *, timeout_seconds):
        del timeout_seconds
        session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
        return {
            name: torch.from_numpy(session.run(None, {"images": batch.numpy()})[0]) for name, batch in images.items()
        }

    monkeypatch.setattr("seplace.exporters.verify._logits_in_fresh_process", in_this_process)
    changed = {**trained.state, "classifier.bias": trained.state["classifier.bias"] + 1e-3}
    with pytest.raises(ExportMismatch, match="other logits"):
        export_onnx(replace(trained, state=changed), tmp_path / "export")
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_a_network_that_torch_cannot_trace_is_refused(tmp_path):
    trained = trained_network("tests.exporters.networks:LooksAtValues[image_size=16]", "eca")
    with pytest.raises(InputError, match="cannot be written as ONNX"):
        export_onnx(trained, tmp_path / "export")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_names_the_extra(trained, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackage, match=rf"needs {package} .*pip install 'seplace\[onnx\]'"):
        export_onnx(trained, tmp_path / "export")
