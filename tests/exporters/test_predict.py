"""predict.py of an export: it prepares an image as the study did, and tells its class with torch alone."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from seplace.datasets.image_set import load_image_set
from seplace.datasets.loader import BatchLoader
from seplace.datasets.preprocessing import Preprocessing
from seplace.exporters import predict
from seplace.exporters.prediction import predict_text
from seplace.exporters.source import SOURCE, export_source
from tests.datasets.made_up import use_tiny_cifar
from tests.exporters.networks import trained_network

SPLIT = {"train_images": None, "validation_images": 4, "noise": 0.0, "seed": 0}


def prepared(images) -> torch.Tensor:
    """The validation images as an evaluation feeds them."""
    loader = BatchLoader(
        images.validation,
        batch_size=64,
        mean=images.mean,
        std=images.std,
        device=torch.device("cpu"),
        augmentation=None,
        shuffle_seed=None,
        memory_format=torch.channels_last,
    )
    return torch.cat([batch for batch, _ in loader])


def use(monkeypatch, images) -> None:
    """Let predict.py read the preprocessing of a data set."""
    known = {"channels": images.channels, "image_size": images.image_size, "mean": images.mean, "std": images.std}
    steps = Preprocessing.of_study(known | {"resampling": images.resampling}, data=images.name)
    config = {"preprocessing": json.loads(json.dumps(steps.to_record()))}
    monkeypatch.setattr(predict, "read_config", lambda: config)


def write_images(folder: Path) -> None:
    """Images of many kinds: of any shape, gray, transparent, of a palette, and turned by their EXIF data."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True)

    def noise(*shape: int) -> Image.Image:
        return Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8))

    noise(30, 50, 3).save(folder / "wide.png")
    noise(70, 31, 3).save(folder / "high.jpg")
    noise(40, 33).save(folder / "gray.png")
    noise(25, 60, 4).save(folder / "transparent.png")
    noise(25, 60, 2).save(folder / "gray and transparent.png")
    noise(50, 20, 3).convert("P").save(folder / "palette.gif")
    noise(50, 20).convert("1").save(folder / "bilevel.png")
    noise(16, 16, 3).save(folder / "as it is.png")
    for orientation in range(2, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        noise(20, 44, 3).save(folder / f"turned {orientation}.jpg", exif=exif)


def test_image_files_are_prepared_as_in_the_evaluation(tmp_path, monkeypatch):
    for split in ("train", "val"):
        write_images(tmp_path / split / "only")
        write_images(tmp_path / split / "other")
    images = load_image_set(
        "image_folder", root=tmp_path, image_size=16, **{**SPLIT, "train_images": None, "validation_images": None}
    )
    use(monkeypatch, images)
    files = sorted((tmp_path / "val").rglob("*.*"))
    assert len(files) == len(images.validation) == 30
    for file, expected in zip(files, prepared(images), strict=True):
        assert torch.equal(predict.preprocess(file), expected), file
        with Image.open(file) as image:
            assert torch.equal(predict.preprocess(image), expected), file
    array = np.asarray(Image.open(tmp_path / "val" / "only" / "wide.png"))
    assert torch.equal(predict.preprocess(array), predict.preprocess(tmp_path / "val" / "only" / "wide.png"))


@pytest.mark.parametrize(("name", "size"), [("cifar10", None), ("cifar10", 20), ("digits", None), ("digits", 12)])
def test_arrays_are_prepared_as_in_the_evaluation(tmp_path, monkeypatch, name, size):
    root = use_tiny_cifar(tmp_path, monkeypatch, "CIFAR10") if name == "cifar10" else None
    split = {**SPLIT, "validation_images": 10}
    as_read = load_image_set(name, root=root, image_size=None, **split).validation.images
    images = load_image_set(name, root=root, image_size=size, **split)
    use(monkeypatch, images)
    for pixels, expected in zip(as_read, prepared(images), strict=True):
        array = pixels.transpose(1, 2, 0)
        image = Image.fromarray(array if array.shape[2] == 3 else array[:, :, 0])
        for given in (array, torch.from_numpy(pixels).permute(1, 2, 0), image):
            assert torch.equal(predict.preprocess(given), expected)


def test_a_network_of_gray_images_takes_photos_as_pillow_converts_them(monkeypatch):
    steps = {"channel_order": "L", "size": 9, "resampling": "pillow", "divisor": 255, "mean": [0.5], "std": [0.25]}
    monkeypatch.setattr(predict, "read_config", lambda: {"preprocessing": steps})
    pixels = np.random.default_rng(0).integers(0, 256, (9, 9, 4), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(pixels).convert("RGB").convert("L"))
    for given in (pixels, pixels[:, :, :3], Image.fromarray(pixels), expected):
        assert torch.equal(predict.preprocess(given), predict.normalize(torch.tensor(expected)[None], steps))


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        (np.zeros((4, 4, 3), np.float32), "uint8"),
        (np.zeros((4, 4, 5), np.uint8), "1 to 4 channels"),
        (np.zeros((1, 4, 4, 3), np.uint8), "an image is"),
        (Image.fromarray(np.zeros((4, 4), np.uint16)), "8 bits a channel"),
    ],
)
def test_other_images_are_refused(monkeypatch, image, problem):
    steps = {"channel_order": "RGB", "size": 4, "resampling": "pillow"}
    monkeypatch.setattr(predict, "read_config", lambda: {"preprocessing": steps})
    with pytest.raises(ValueError, match=problem):
        predict.preprocess(image)


def test_where_the_preprocessing_is_not_known_it_says_so(monkeypatch):
    monkeypatch.setattr(predict, "read_config", lambda: {"preprocessing": None})
    with pytest.raises(ValueError, match="did not record"):
        predict.preprocess(np.zeros((4, 4, 3), np.uint8))


def test_a_form_without_a_function_runs_what_it_shows():
    names: dict = {"__file__": "predict.py"}
    own = type(SOURCE)(mark="x", network_file="x", content="", verified="", loading="network = len")
    exec(predict_text(own), names)
    assert names["load"]() is len


STRANGER = """
import runpy, sys
for name in ("seplace", "safetensors", "numpy", "pandas", "scipy"):
    sys.modules[name] = None
sys.path.insert(0, sys.argv[1])
sys.argv = ["predict.py", *sys.argv[2:]]
runpy.run_path(f"{sys.path[0]}/predict.py", run_name="__main__")
"""
"""Python with torch and pillow alone."""


@pytest.fixture
def trained():
    return trained_network()


@pytest.fixture
def export(trained, tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr("seplace.exporters.source.verify", lambda *_: None)
    return export_source(trained, tmp_path / "export")


def test_every_piece_of_code_of_the_readme_runs(trained, export, monkeypatch, capsys):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(export / "photo.jpg")
    monkeypatch.chdir(export)
    monkeypatch.syspath_prepend(export)
    for name in ("safetensors", "safetensors.torch"):
        monkeypatch.setitem(sys.modules, name, None)  # torch is enough
    scope: dict = {}
    blocks = re.findall(r"```python\n(.*?)```", (export / "README.md").read_text(), flags=re.DOTALL)
    try:
        for block in blocks:
            exec(block, scope)
    finally:
        for name in ("model", "predict"):
            sys.modules.pop(name, None)
    assert len(blocks) == 4
    assert scope["network"].training
    assert scope["network"].classifier.out_features == 5
    assert scope["drawn"] == ["classifier.weight", "classifier.bias"]
    assert scope["backbone"].channels == tuple(stage.channels for stage in trained.backbone.stages)
    assert "(8, 16, 32) (1, 2, 4)" in capsys.readouterr().out


def test_a_stranger_tells_the_class_of_a_photo(tmp_path, trained, export):
    photo = tmp_path / "photo.png"
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(photo)
    command = [sys.executable, "-I", "-B", "-c", STRANGER, export, photo, "--top", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    steps = trained.preprocessing.to_record()
    with torch.inference_mode():
        logits = trained.build()(predict.normalize(predict.pixels_of(photo, steps), steps)[None])
    values, places = logits.softmax(1)[0].topk(2)
    expected = [
        f"{100 * value:5.1f} %  {trained.classes[place]}"
        for value, place in zip(values.tolist(), places.tolist(), strict=True)
    ]
    assert (done.stdout.splitlines(), done.stderr) == (expected, "")


def test_no_class_at_all_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["predict.py", "photo.jpg", "--top", "0"])
    with pytest.raises(SystemExit) as ended:
        predict.main()
    assert ended.value.code == 2
    assert "--top, the number of classes, is at least 1 (got 0)" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"at least 1 \(got 0\)"):
        predict.classify("photo.jpg", top=0)
