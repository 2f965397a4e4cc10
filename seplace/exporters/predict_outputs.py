"""Return what the network returns for inputs that were prepared as in the training, and show its shapes and ranges.

    python predict.py input.npy --output output.pt

It needs torch, and NumPy for .npy files. How the training prepared its data is not recorded, so that it takes no image
files: an input is an array of floating-point numbers (C, H, W), or several of them (N, C, H, W), in a file of NumPy
(.npy) or of torch (.pt). What the output means, the module that trained the network knows. From Python:

    from predict import load, predict

    output = predict(inputs)  # or load()(inputs), with gradients of the inputs
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="Failed to initialize NumPy")  # only .npy files need it
    import torch
    from torch import Tensor

HERE = Path(__file__).resolve().parent


@functools.cache
def read_config() -> dict[str, Any]:
    """Return the content of config.json."""
    config: dict[str, Any] = json.loads((HERE / "config.json").read_text(encoding="utf-8"))
    return config


def load() -> Callable[[Tensor], Any]:
    """Return the network."""
    raise NotImplementedError


def input_shape() -> tuple[int, int, int]:
    """Return the shape (C, H, W) of the inputs of the training."""
    config = read_config()
    size = config["image_size"]
    height, width = size if isinstance(size, list) else (size, size)
    return config["in_channels"], height, width


def predict(inputs: Any) -> Any:
    """Return what the network returns for inputs (N, C, H, W); one input (C, H, W) is a batch of one.

    `inputs` is a tensor or an array of floating-point numbers, prepared as in the training.
    """
    batch, wanted = torch.as_tensor(inputs), input_shape()
    if not batch.is_floating_point():
        raise ValueError(f"inputs are floating-point numbers, prepared as in the training (got {batch.dtype})")
    batch = (batch[None] if batch.ndim == 3 else batch).float()
    if batch.ndim != 4 or batch.shape[1] != wanted[0]:
        raise ValueError(f"inputs are (C, H, W) or (N, C, H, W) with {wanted[0]} channels (got {tuple(batch.shape)})")
    network = load()
    try:
        with torch.inference_mode():
            return network(batch)
    except Exception as error:
        if tuple(batch.shape[1:]) == wanted:
            raise
        raise ValueError(f"the network takes inputs (C, H, W) of {wanted}, not of {tuple(batch.shape[1:])}") from error


def tensors_of(output: Any, name: str = "output") -> Iterator[tuple[str, Tensor]]:
    """Yield each tensor of an output with its place, such as output[0] or output['boxes']."""
    if isinstance(output, Tensor):
        yield name, output
    elif isinstance(output, Mapping):
        for key, each in output.items():
            yield from tensors_of(each, f"{name}[{key!r}]")
    elif isinstance(output, list | tuple):
        for place, each in enumerate(output):
            yield from tensors_of(each, f"{name}[{place}]")


def read_inputs(path: Path) -> Any:
    """Return the array or tensor of a file."""
    if path.suffix not in (".npy", ".pt"):
        raise ValueError("no image is prepared here: give the input, prepared as in the training, as .npy or .pt")
    try:
        if path.suffix == ".npy":
            import numpy as np

            with path.open("rb") as file:
                inputs = np.load(file, allow_pickle=False)
        else:
            inputs = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, ModuleNotFoundError):
        raise
    except Exception as error:  # a file may be damaged in many ways
        raise ValueError(f"no array can be read from it ({type(error).__name__})") from error
    if not hasattr(inputs, "ndim") or getattr(inputs, "layout", torch.strided) != torch.strided:
        raise ValueError(f"it holds no array or dense tensor, but a {type(inputs).__name__}")
    return inputs


def save(output: Any, path: Path) -> None:
    """Write an output: a single tensor to .npy, and any output to .pt."""
    if path.suffix == ".npy":
        import numpy as np

        np.save(path, output.numpy())
    else:
        torch.save(output, path)


def main() -> None:
    """Print the shapes and ranges of what the network returns, and save it."""
    parser = argparse.ArgumentParser(description="Print and save what the network returns for inputs.")
    parser.add_argument("input", type=Path, help="floating-point numbers (C, H, W) or (N, C, H, W), .npy or .pt")
    parser.add_argument("--output", type=Path, help="file to save the output to, .npy or .pt")
    given = parser.parse_args()
    if given.output is not None and given.output.suffix not in (".npy", ".pt"):
        parser.error(f"--output is a .npy or .pt file (got {given.output})")
    if given.output is not None and given.output.resolve() == given.input.resolve():
        parser.error("--output is the input: it would be replaced")
    try:
        output = predict(read_inputs(given.input))
    except ModuleNotFoundError as error:
        sys.exit(f"predict.py needs {error.name} (pip install {error.name})")
    except (OSError, ValueError, TypeError) as error:
        sys.exit(f"{given.input}: {getattr(error, 'strerror', None) or error}")
    for name, each in tensors_of(output):
        values = each.double()
        kind = str(each.dtype).removeprefix("torch.")
        spread = f"{values.min():.4g} to {values.max():.4g}, mean {values.mean():.4g}" if each.numel() else "empty"
        print(f"{name}  {tuple(each.shape)} {kind}  {spread}")
    if given.output is None:
        return
    if given.output.suffix == ".npy" and not isinstance(output, Tensor):
        sys.exit(f"{given.output}: the network returns several tensors: save them as .pt")
    try:
        save(output, given.output)
    except (OSError, RuntimeError) as error:
        sys.exit(f"{given.output}: {getattr(error, 'strerror', None) or error}")
    print(f"saved: {given.output}")


if __name__ == "__main__":
    main()
