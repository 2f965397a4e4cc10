"""Export as ONNX: a folder with the network for ONNX Runtime and what else reads ONNX, checked in ONNX Runtime."""

from __future__ import annotations

import importlib
import json
import logging
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seplace.errors import InputError, MissingPackage
from seplace.exporters.folder import refuse_foreign, write_folder
from seplace.exporters.form import Form
from seplace.exporters.predict_outputs import tensors_of
from seplace.exporters.trained import TrainedNetwork
from seplace.exporters.verify import verify_onnx
from seplace.version import __version__

_PACKAGES = ("onnx", "onnxscript", "onnxruntime")

ONNX = Form(
    mark="seplace-onnx-export",
    network_file="model.onnx",
    content="the network with its weights, for ONNX Runtime; any number of images",
    verified="""\
Before this folder was written, a fresh Python ran the file in ONNX Runtime and gave the logits of torch to 1e-4,
for one, two and seven images. The input is `images` (N, C, H, W), the output `logits` (N, classes). The file
holds what an image goes through before it, and the classes, as metadata: `preprocessing` and `classes`, both JSON.""",
    loading="""\
import numpy
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])


def network(images):
    return session.run(["logits"], {"images": images.astype(numpy.float32)})[0]

""",
    load='''\
@functools.cache
def load() -> Callable[[Tensor], Tensor]:
    """Return the network in ONNX Runtime; it takes and returns tensors of torch."""
    import onnxruntime

    session = onnxruntime.InferenceSession(HERE / "model.onnx", providers=["CPUExecutionProvider"])
    return lambda images: torch.from_numpy(session.run(["logits"], {"images": images.numpy()})[0])''',
    needs="torch and onnxruntime",
    arrays="numpy",
)


_OWN_ONNX = replace(
    ONNX,
    verified="""\
Before this folder was written, a fresh Python ran the file in ONNX Runtime and gave what the network gives in torch to
1e-4, for one, two and seven inputs. The input is `images` (N, C, H, W); each output has the name of its place in what
the network returns, such as `output` or `output_0`.""",
    loading="""\
import numpy
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])


def network(images):
    found = session.run(None, {"images": images.astype(numpy.float32)})
    return found if len(found) > 1 else found[0]

""",
    load='''\
@functools.cache
def load() -> Callable[[Tensor], Any]:
    """Return the network in ONNX Runtime; it takes a tensor of torch, and returns one or a list of them."""
    import onnxruntime

    session = onnxruntime.InferenceSession(HERE / "model.onnx", providers=["CPUExecutionProvider"])

    def network(images: Tensor) -> Any:
        found = [torch.from_numpy(each) for each in session.run(None, {"images": images.numpy()})]
        return found if len(found) > 1 else found[0]

    return network''',
)
"""The same of a training of the user's own, whose network may return anything."""


def export_onnx(trained: TrainedNetwork, folder: Path) -> Path:
    """Write model.onnx, model.safetensors, config.json and README.md to `folder`, and return its resolved path.

    The folder appears only once ONNX Runtime has given the network's logits from it (see `verify_onnx`); ExportMismatch
    otherwise. An earlier export there is replaced; a folder with anything else in it is an InputError, and so is a
    network that torch cannot trace. Raises MissingPackage without the extra `onnx`.
    """
    need_onnx()
    folder = folder.resolve()
    refuse_foreign(folder, ONNX)
    network = trained.build()
    try:
        content = onnx_of(network, trained)
    except Exception as error:  # the forward may be the user's
        reason = next(iter(str(error).strip().splitlines()), "")
        raise InputError(
            f"{trained.backbone.text} cannot be written as ONNX: torch does not trace it for any number of images "
            f"({type(error).__name__}: {reason})"
        ) from error
    form = _OWN_ONNX if trained.module else ONNX
    return write_folder(trained, folder, form=form, network=network, content=content, verify=verify_onnx)


def need_onnx() -> None:
    """Raise MissingPackage where a package of the extra `onnx` cannot be imported."""
    for name in _PACKAGES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise MissingPackage(
                f"exporting to ONNX needs {name} ({error}): pip install 'seplace[onnx]', or '.[onnx]' in a clone"
            ) from error


def onnx_of(network: nn.Module, trained: TrainedNetwork) -> bytes:
    """Return a network in eval mode as an ONNX model for any number of images, the same bytes for the same network."""
    images = torch.zeros(2, *trained.input_shape)  # one image would be taken for a constant
    with _quiet():
        program: Any = torch.onnx.export(
            network,
            (images,),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            input_names=["images"],
            output_names=_names_of(network, images) if trained.module else ["logits"],
            verbose=False,
        )
        model = program.model_proto
    _drop_places(model.graph)
    del model.metadata_props[:]
    metadata = {
        "backbone": trained.backbone.text,
        "placement": str(trained.placement),
        **({} if trained.module else {"classes": json.dumps(list(trained.classes))}),
        "preprocessing": json.dumps(None if trained.preprocessing is None else trained.preprocessing.to_record()),
        "seplace": __version__,
    }
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=value)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _names_of(network: nn.Module, images: Tensor) -> list[str]:
    """Return a name for each tensor that a network returns, by its place in what it returns."""
    with torch.inference_mode():
        return [re.sub(r"\W+", "_", name).strip("_") for name, _ in tensors_of(network(images))]


def _drop_places(graph: Any) -> None:
    """Drop what the exporter notes on nodes and values: the lines of code, which hold paths of this machine."""
    noted: Iterable[Any] = (graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer)
    for each in noted:
        del each.metadata_props[:]
        each.doc_string = ""


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence torch's exporter: it warns of its own deprecations, and logs that torchvision is not there."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    registration = logging.getLogger("torch.onnx._internal.exporter._registration")
    before = registration.level
    registration.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
        registration.setLevel(before)
