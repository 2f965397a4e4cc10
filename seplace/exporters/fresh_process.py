"""Load an exported folder as its reader would: in an isolated Python that cannot import seplace."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn


def main(folder: str, loader: str, images: str, logits: str) -> None:
    """Load the network of `folder`, and write its logits of each tensor in `images` to `logits`.

    `loader` is a file of LOADERS, or Python code that makes `network` when it runs in the folder.
    """
    cast("dict[str, Any]", sys.modules)["seplace"] = None  # from here on an import of it fails
    torch.set_num_threads(1)
    network = LOADERS[loader](Path(folder)) if loader in LOADERS else from_code(Path(folder), loader)
    with torch.inference_mode():
        save_file({name: network(batch.clone()).contiguous() for name, batch in load_file(images).items()}, logits)


def from_source(folder: Path) -> nn.Module:
    """Build the network with the code of the folder, and load its weights."""
    spec = importlib.util.spec_from_file_location("model", folder / "model.py")
    assert spec is not None
    assert spec.loader is not None
    model = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(model)
    network: nn.Module = model.build()
    network.load_state_dict(load_file(folder / "model.safetensors"))
    return network.eval()


def from_program(folder: Path) -> nn.Module:
    """Load the program of the folder; raises ValueError unless its weights equal those in model.safetensors."""
    network = torch.export.load(folder / "model.pt2").module()
    weights, beside = network.state_dict(), load_file(folder / "model.safetensors")
    if weights.keys() != beside.keys() or not all(torch.equal(weights[name], beside[name]) for name in weights):
        raise ValueError("model.pt2 and model.safetensors hold other weights")
    return network


def from_onnx(folder: Path) -> Callable[[Tensor], Tensor]:
    """Return the network of an ONNX file in ONNX Runtime, with one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    return lambda images: torch.from_numpy(session.run(["logits"], {"images": images.numpy()})[0])


def from_code(folder: Path, code: str) -> Callable[[Tensor], Tensor]:
    """Return the `network` that the code in the README of an export makes in its folder."""
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), names)
    network: Callable[[Tensor], Tensor] = names["network"]
    return network


LOADERS: dict[str, Callable[[Path], Callable[[Tensor], Tensor]]] = {
    "model.py": from_source,
    "model.pt2": from_program,
    "model.onnx": from_onnx,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
