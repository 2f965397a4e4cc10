"""Tell the class of an image, and prepare images as the training did.

    python predict.py photo.jpg --top 5

It needs torch, and pillow to open images. From Python:

    from predict import load, preprocess

    network = load()
    logits = network(preprocess("photo.jpg")[None])
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="Failed to initialize NumPy")  # nothing here needs it
    import torch
    from torch import Tensor

HERE = Path(__file__).resolve().parent

TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""How Pillow turns an image upright, by its EXIF orientation."""


@functools.cache
def read_config() -> dict[str, Any]:
    """Return the content of config.json."""
    config: dict[str, Any] = json.loads((HERE / "config.json").read_text(encoding="utf-8"))
    return config


def load() -> Callable[[Tensor], Tensor]:
    """Return the network."""
    raise NotImplementedError


def classify(image: Any, *, top: int = 5) -> list[tuple[str, float]]:
    """Return the likeliest classes of an image with their probabilities, the likeliest first."""
    if top < 1:
        raise ValueError(f"top, the number of classes, is at least 1 (got {top})")
    classes, network = read_config()["classes"], load()
    with torch.inference_mode():
        probabilities = network(preprocess(image)[None])[0].softmax(0)
    values, places = probabilities.topk(min(top, len(classes)))
    return [(classes[place], value) for place, value in zip(places.tolist(), values.tolist(), strict=True)]


def preprocess(image: Any) -> Tensor:
    """Return an image as the network takes it, a tensor (C, H, W); torch.stack makes a batch of them.

    `image` is the path of a file, an image of Pillow, or an array or tensor (H, W) or (H, W, channels) of uint8.
    """
    steps = read_config()["preprocessing"]
    if steps is None:
        raise ValueError("the training did not record how it prepared its images")
    return normalize(pixels_of(image, steps), steps)


def normalize(pixels: Tensor, steps: dict[str, Any]) -> Tensor:
    """Return (pixels / 255 - mean) / std of pixels (…, C, H, W)."""
    deviation = torch.tensor(steps["std"], dtype=torch.float64)
    scale = (1 / (steps["divisor"] * deviation)).float()
    shift = (-torch.tensor(steps["mean"], dtype=torch.float64) / deviation).float()
    return torch.addcmul(shift[:, None, None], pixels.float(), scale[:, None, None])


def pixels_of(image: Any, steps: dict[str, Any]) -> Tensor:
    """Return the center square of an image, resized, as uint8 (C, H, W)."""
    if isinstance(image, str | Path):
        from PIL import Image

        with Image.open(image) as opened:
            return pixels_of(opened, steps)
    is_resized_by_pillow = steps["resampling"] == "pillow"
    if not hasattr(image, "getexif"):
        pixels = pixels_of_array(image, steps["channel_order"])
        if not is_resized_by_pillow:
            return resize(pixels, steps["size"])
        if pixels.shape[1:] == (steps["size"], steps["size"]):
            return pixels
        from PIL import Image

        array = pixels.permute(1, 2, 0).contiguous().numpy()
        image = Image.fromarray(array if len(pixels) == 3 else array[:, :, 0])
    image = convert(turn_upright(image), steps["channel_order"])
    if is_resized_by_pillow and image.size != (steps["size"], steps["size"]):
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        box = (left, top, left + side, top + side)
        image = image.resize((steps["size"], steps["size"]), 2, box=box)  # 2 is bilinear
    flat = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return resize(flat.view(image.height, image.width, -1).permute(2, 0, 1), steps["size"])


def turn_upright(image: Any) -> Any:
    """Return an image of Pillow as its EXIF orientation says that it is shown."""
    from PIL import Image

    image.load()
    try:
        orientation = int(image.getexif().get(0x0112, 1))
    except Exception:  # EXIF data may be damaged in many ways
        orientation = 1
    return image.transpose(Image.Transpose[TURNS[orientation]]) if orientation in TURNS else image


def convert(image: Any, channel_order: str) -> Any:
    """Return an image of Pillow in color (RGB) or gray (L), without transparency."""
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA")
    if image.mode.startswith(("I", "F")):
        raise ValueError(f"images have 8 bits a channel, this one has {image.mode} pixels")
    return image.convert(channel_order)


def pixels_of_array(array: Any, channel_order: str) -> Tensor:
    """Return an array (H, W) or (H, W, channels) of uint8 as (C, H, W), in color or gray, without transparency."""
    pixels: Tensor = array if isinstance(array, Tensor) else torch.tensor(array)
    if pixels.dtype != torch.uint8 or pixels.ndim not in (2, 3):
        raise ValueError(
            f"an image is (H, W) or (H, W, channels) of uint8, got {tuple(pixels.shape)} of {pixels.dtype}"
        )
    pixels = pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1)
    if not 1 <= len(pixels) <= 4:
        raise ValueError(f"an image has 1 to 4 channels, the last dimension, got {len(pixels)}")
    pixels = pixels[:1] if len(pixels) < 3 else pixels[:3]
    if channel_order == "RGB":
        return pixels.expand(3, -1, -1)
    if len(pixels) == 1:
        return pixels
    red, green, blue = pixels.int()
    gray: Tensor = (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16  # as Pillow does
    return gray.to(torch.uint8)[None]


def resize(pixels: Tensor, size: int) -> Tensor:
    """Return the center square of pixels (C, H, W), resized by torch where it has another size."""
    height, width = pixels.shape[1:]
    if (height, width) == (size, size):
        return pixels
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = pixels[None, :, top : top + side, left : left + side].float()
    scaled = torch.nn.functional.interpolate(square, (size, size), mode="bilinear", antialias=True)
    return scaled.round().clamp(0, 255).to(torch.uint8)[0]


def main() -> None:
    """Print the likeliest classes of an image."""
    parser = argparse.ArgumentParser(description="Print the likeliest classes of an image.")
    parser.add_argument("image", type=Path)
    parser.add_argument("--top", type=int, default=5, help="number of classes (5)")
    given = parser.parse_args()
    if given.top < 1:
        parser.error(f"--top, the number of classes, is at least 1 (got {given.top})")
    try:
        found = classify(given.image, top=given.top)
    except ModuleNotFoundError as error:
        name = {"PIL": "pillow"}.get(str(error.name), error.name)
        sys.exit(f"predict.py needs {name} (pip install {name})")
    except (OSError, ValueError) as error:
        sys.exit(f"{given.image}: {getattr(error, 'strerror', None) or error}")
    for name, probability in found:
        print(f"{100 * probability:5.1f} %  {name}")


if __name__ == "__main__":
    main()
