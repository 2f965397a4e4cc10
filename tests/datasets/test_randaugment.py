import importlib.util
import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from seplace.datasets.augmentation import RandAugment
from seplace.datasets.randaugment import OPERATIONS, need_kornia, randaugmented
from seplace.errors import MissingPackage

SIDE = 24
FILL = (10, 200, 90)
_ENHANCED = {
    "brightness": ImageEnhance.Brightness,
    "color": ImageEnhance.Color,
    "contrast": ImageEnhance.Contrast,
    "sharpness": ImageEnhance.Sharpness,
}


def images(count: int = 4, channels: int = 3) -> np.ndarray:
    """Smooth random images (N, C, H, W), one of low contrast, one with a constant channel."""
    coarse = np.random.default_rng(0).integers(0, 256, (count, channels, 6, 6)).astype(np.float32)
    smooth = torch.nn.functional.interpolate(torch.from_numpy(coarse), (SIDE, SIDE), mode="bilinear").numpy()
    smooth[1] = smooth[1] * 0.4 + 60
    smooth[2, 0] = 77
    return smooth.round().astype(np.uint8)


def published(name: str, image: Image.Image, *, strength: float) -> Image.Image:
    """Return what torchvision's list says, by Pillow; `strength` is m, and negative to the other side."""
    size, fill = image.size, {"resample": Image.Resampling.BILINEAR, "fillcolor": FILL}
    if name in _ENHANCED:
        return _ENHANCED[name](image).enhance(1 + 0.9 * strength)
    if name == "rotate":
        return image.rotate(30 * strength, **fill)
    if name == "posterize":
        return ImageOps.posterize(image, 8 - round(4 * abs(strength)))
    if name == "solarize":
        return ImageOps.solarize(image, 255 * (1 - abs(strength)))
    if name in ("auto-contrast", "equalize"):
        return {"auto-contrast": ImageOps.autocontrast, "equalize": ImageOps.equalize}[name](image)
    moved = int(150 / 331 * SIDE * strength)
    matrix = {
        "identity": (1, 0, 0, 0, 1, 0),
        "shear x": (1, -0.3 * strength, 0, 0, 1, 0),
        "shear y": (1, 0, 0, -0.3 * strength, 1, 0),
        "translate x": (1, 0, -moved, 0, 1, 0),
        "translate y": (1, 0, 0, 0, 1, -moved),
    }[name]
    return image.transform(size, Image.Transform.AFFINE, matrix, **fill)


def drawn(name: str, count: int, *, negative: bool) -> np.ndarray:
    """Return numbers by which all images pass one operation to one side."""
    number = list(OPERATIONS).index(name)
    return np.tile([(number + 0.5) / len(OPERATIONS), 0.25 if negative else 0.75], (count, 1, 1))


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_have_the_published_strengths(name, memory_format):
    pixels = images()
    batch = torch.from_numpy(pixels).contiguous(memory_format=memory_format)
    for magnitude, negative in ((9, False), (17, True), (30, False)):
        strength = -magnitude / 30 if negative else magnitude / 30
        wanted = np.stack(
            [np.array(published(name, Image.fromarray(each.transpose(1, 2, 0)), strength=strength)) for each in pixels]
        ).transpose(0, 3, 1, 2)
        options = RandAugment(layers=1, magnitude=magnitude)
        numbers = drawn(name, len(pixels), negative=negative)
        augmented = randaugmented(batch, numbers, options=options, fill=torch.tensor(FILL))
        assert augmented.dtype == torch.uint8
        assert augmented.is_contiguous(memory_format=memory_format)
        off = np.abs(augmented.numpy().astype(int) - wanted).max(axis=1)
        # Pillow cuts off fractions of gray levels; and where an edge of the image comes into view, it does not blend.
        assert (off > 1).mean() <= (0.1 if name in ("shear x", "shear y", "rotate") else 0)


def test_an_image_is_augmented_by_its_own_numbers_whatever_the_batch():
    batch = torch.from_numpy(images(24))
    numbers = np.random.default_rng(1).random((24, 2, 2))
    options, fill = RandAugment(layers=2, magnitude=9), torch.tensor(FILL)
    together = randaugmented(batch, numbers, options=options, fill=fill)
    order = np.random.default_rng(2).permutation(24)[:7]
    some = randaugmented(batch[order], numbers[order], options=options, fill=fill)
    assert torch.equal(some, together[order])
    assert (together != batch).flatten(1).any(dim=1).float().mean() > 0.8


def test_operations_and_sides_are_equally_likely():
    """By what shows in the fifth row of black images with white around them: translations along x, and solarize."""
    count = 3000
    numbers = np.random.default_rng(3).random((count, 1, 2))
    batch = torch.zeros(count, 1, 8, 8, dtype=torch.uint8)
    options = RandAugment(layers=1, magnitude=30)
    moved = randaugmented(batch, numbers, options=options, fill=torch.tensor([255], dtype=torch.uint8))
    inverted = (moved == 255).flatten(1).all(dim=1)
    to_the_right, to_the_left = ((moved[:, 0, 4, column] == 255) & ~inverted for column in (2, -3))
    each = count / len(OPERATIONS)
    for found, expected in ((inverted, each), (to_the_right, each / 2), (to_the_left, each / 2)):
        assert abs(int(found.sum()) - expected) < 4 * math.sqrt(expected)


def test_gray_and_tiny_images_pass_all_operations():
    for shape in ((42, 1, 8, 8), (42, 3, 2, 2), (42, 1, 1, 1)):
        numbers = np.stack([np.tile(np.arange(14) / 14 + 0.01, 3), np.linspace(0, 0.99, 42)], axis=1)[:, None]
        batch = torch.from_numpy(np.random.default_rng(4).integers(0, 256, shape, dtype=np.uint8))
        fill = torch.full((shape[1],), 128)
        assert randaugmented(batch, numbers, options=RandAugment(layers=1, magnitude=9), fill=fill).shape == shape


def test_without_kornia_its_extra_is_named(monkeypatch):
    need_kornia()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingPackage, match=r"pip install 'seplace\[augment\]'") as caught:
        need_kornia()
    assert caught.value.exit_code == 3
