"""Load an exported folder as its reader would: in an isolated Python that cannot import seplace."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

TOLERANCE = 1e-4
"""By how much logits may differ on another machine, relative to the largest; another order of sums changes them."""


def main(folder: str, loader: str, images: str, logits: str) -> None:
    """Load the network of `folder`, and write its logits of each tensor in `images` to `logits`.

    `loader` is a file of LOADERS, or Python code that makes `network` when it runs in the folder.
    """
    cast("dict[str, Any]", sys.modules)["seplace"] = None  # from here on an import of it fails
    torch.set_num_threads(1)
    network = LOADERS[loader](Path(folder)) if loader in LOADERS else from_code(Path(folder), loader)
    with torch.inference_mode():
        save_file({name: as_one(network(batch.clone())) for name, batch in load_file(images).items()}, logits)
    examine(Path(folder))


def as_one(output: Any) -> Tensor:
    """Return what a network returns as one tensor: several maps, as of a segmentation network, one behind the other."""
    if isinstance(output, Tensor):
        return output.contiguous()
    tensors = list(_tensors_of(output))
    if all(each.ndim and len(each) == len(tensors[0]) for each in tensors):
        return torch.cat([each.reshape(len(each), -1) for each in tensors], dim=1)
    return torch.cat([each.flatten() for each in tensors])


def _tensors_of(output: Any) -> Iterator[Tensor]:
    """Yield the tensors of an output in their order; an entry may be None."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, Mapping):
        for each in output.values():
            yield from _tensors_of(each)
    elif isinstance(output, list | tuple):
        for each in output:
            yield from _tensors_of(each)
    elif output is not None:
        raise ValueError(f"the network returns a {type(output).__name__}, not tensors")


def report(folder: str, image: str, written: str) -> None:
    """Examine a folder, and write what is found to the file `written`; see `examine`."""
    cast("dict[str, Any]", sys.modules)["seplace"] = None  # from here on an import of it fails
    torch.set_num_threads(1)
    found = examine(Path(folder))
    if image:
        found["input"] = importlib.import_module("predict").preprocess(image).tolist()
    Path(written).write_text(json.dumps(found), encoding="utf-8")


def examine(folder: Path) -> dict[str, Any]:
    """Load the network by predict.py, and compare its logits of the images in check.safetensors with those there.

    Returns the largest `difference` and the largest logit (`scale`), the number of `params` where the network has any,
    and the likeliest `class` of the first image, or the shapes of the `outputs` of a network that is no classifier.
    Raises ValueError where the logits are other ones.
    """
    sys.path.insert(0, str(folder))
    predict = importlib.import_module("predict")
    network, check = predict.load(), load_file(folder / "check.safetensors")
    is_prepared = predict.read_config()["preprocessing"] is not None
    what = "outputs" if "outputs" in check else "logits"
    outputs = None
    with torch.inference_mode():
        if what == "outputs":
            outputs = predict.predict(check["inputs"])
            found = as_one(outputs)
        else:
            images = [each.permute(1, 2, 0) for each in check["images"]]
            batch = torch.stack([predict.preprocess(each) for each in images]) if is_prepared else check["images"] / 255
            found = as_one(network(batch))
    expected = check[what]
    if found.shape != expected.shape:
        raise ValueError(f"{what} of shape {tuple(found.shape)}, recorded: {tuple(expected.shape)}")
    difference, scale = float((found - expected).abs().max()), max(1.0, float(expected.abs().max()))
    if not difference <= TOLERANCE * scale:
        raise ValueError(f"predict.py gives other {what} than those recorded (by up to {difference:.2g})")
    return {
        "difference": difference,
        "scale": scale,
        "params": sum(each.numel() for each in network.parameters()) if isinstance(network, nn.Module) else None,
        "class": predict.classify(images[0], top=1)[0] if is_prepared else None,
        "outputs": None if outputs is None else [tuple(each.shape) for _, each in predict.tensors_of(outputs)],
    }


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
    # Weights of a training in double precision are stored as they are, and computed with as the network is built.
    if weights.keys() != beside.keys() or not all(
        torch.equal(each, beside[name].to(each.dtype)) for name, each in weights.items()
    ):
        raise ValueError("model.pt2 and model.safetensors hold other weights")
    return network


def from_onnx(folder: Path) -> Callable[[Tensor], Any]:
    """Return the network of an ONNX file in ONNX Runtime, with one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    (images,) = session.get_inputs()

    def network(batch: Tensor) -> Any:
        found = [torch.from_numpy(each) for each in session.run(None, {images.name: batch.numpy()})]
        return found if len(found) > 1 else found[0]

    return network


def from_code(folder: Path, code: str) -> Callable[[Tensor], Tensor]:
    """Return the `network` that the code in the README of an export makes in its folder."""
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), names)
    network: Callable[[Tensor], Tensor] = names["network"]
    return network


LOADERS: dict[str, Callable[[Path], Callable[[Tensor], Any]]] = {
    "model.py": from_source,
    "model.pt2": from_program,
    "model.onnx": from_onnx,
}

if __name__ == "__main__":
    (report if len(sys.argv) == 4 else main)(*sys.argv[1:])
