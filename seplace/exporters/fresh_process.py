"""Use an exported folder as its reader would: in an isolated Python, with seplace out of reach."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file, save_file


def main(folder: Path, images: Path, logits: Path) -> None:
    """Build the network of `folder`, load its weights, and write its logits of `images` to `logits`."""
    cast("dict[str, Any]", sys.modules)["seplace"] = None  # from here on an import of it fails
    torch.set_num_threads(1)
    spec = importlib.util.spec_from_file_location("model", folder / "model.py")
    assert spec is not None
    assert spec.loader is not None
    model = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(model)
    network = model.build()
    network.load_state_dict(load_file(folder / "model.safetensors"))
    network.eval()
    with torch.inference_mode():
        save_file({"logits": network(load_file(images)["images"].clone())}, logits)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
