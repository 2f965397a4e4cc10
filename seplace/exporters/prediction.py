"""The files of an export that show it at work: predict.py, and images with their logits, or inputs with outputs.

predict.py is the text of a module beside this one, whose function `load` each form replaces.
"""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from seplace.exporters import predict, predict_outputs
from seplace.exporters.form import Form
from seplace.exporters.fresh_process import as_one
from seplace.exporters.trained import TrainedNetwork
from seplace.exporters.verify import as_in_a_fresh_process

_IMAGES = 2


def predict_text(form: Form, *, is_own: bool = False) -> str:
    """Return the text of predict.py, which loads the network as the form does.

    That of a training of the user's own (`is_own`) shows outputs, and not classes.
    """
    path = predict_outputs.__file__ if is_own else predict.__file__
    text = Path(path).read_text(encoding="utf-8")
    (load,) = (each for each in ast.parse(text).body if isinstance(each, ast.FunctionDef) and each.name == "load")
    lines = text.replace("It needs torch,", f"It needs {form.needs},").splitlines()
    assert load.end_lineno is not None
    return "\n".join([*lines[: load.lineno - 1], form.load or _load_by(form.loading), *lines[load.end_lineno :]]) + "\n"


def _load_by(loading: str) -> str:
    """Return a function `load` that runs the code which a form shows in its README."""
    code = textwrap.indent(loading.strip(), " " * 8)
    return f'''\
def load() -> Callable[[Tensor], Tensor]:
    """Return the network."""
    import contextlib

    with contextlib.chdir(HERE):
{code}
    return network'''


def input_of(pixels: Tensor, trained: TrainedNetwork) -> Tensor:
    """Return pixels (N, C, H, W) as the network takes them; in 0 … 1 where that is not known."""
    steps = trained.preprocessing
    return pixels / 255 if steps is None else predict.normalize(pixels, steps.to_record())


def check_images(trained: TrainedNetwork, network: nn.Module) -> bytes:
    """Return a safetensors file of `images` (N, C, H, W) of uint8 and their `logits` (N, classes).

    Of a training of the user's own these are `inputs`, random numbers as data are that are normalized, and `outputs`.
    """
    generator = torch.Generator().manual_seed(0)
    shape = (_IMAGES, *trained.input_shape)
    if trained.module:
        inputs = torch.randn(shape, generator=generator)
        with as_in_a_fresh_process(), torch.inference_mode():
            outputs = as_one(network(inputs))
        return safetensors.torch.save({"inputs": inputs, "outputs": outputs})
    images = torch.randint(256, shape, generator=generator, dtype=torch.uint8)
    with as_in_a_fresh_process(), torch.inference_mode():
        logits = as_one(network(input_of(images, trained)))
    return safetensors.torch.save({"images": images, "logits": logits})
