"""Export as a program: a folder with the network as torch.export traces it, for networks of the user's own."""

from __future__ import annotations

import io
from pathlib import Path

import torch
from torch import fx, nn

from seplace.errors import InputError
from seplace.exporters.folder import refuse_foreign, write_folder
from seplace.exporters.form import BESIDE, Form
from seplace.exporters.readme import code_text
from seplace.exporters.trained import TrainedNetwork
from seplace.exporters.verify import verify_program


def _sections(trained: TrainedNetwork) -> str:
    channels, height, width = trained.input_shape
    trains = (
        f"\n{code_text(trained.module)} takes this `network` to train, validate and test it"
        f"{f', with its own state in `{BESIDE}` as above' if trained.beside else ''}.\n"
        if trained.module
        else ""
    )
    as_returned = "\n    only_logits=False," if trained.module else ""
    return f"""
## Train it further

The program is for inference alone. To train the network, build it anew with seplace, where the code of the backbone can
be imported, and load the weights:

```python
import json
from pathlib import Path

import seplace
from safetensors.torch import load_file

config = json.loads(Path("config.json").read_text())
network = seplace.create_model(
    config["backbone"],
    config["placement"],
    num_classes=config["num_classes"],
    in_channels=config["in_channels"],
    granularity=config["granularity"],
    **config["gate"],{as_returned}
)
network.load_state_dict(load_file("model.safetensors"))
network.train()
```
{trains}
With a network of the backbone at hand, `yours`, in place of `create_model`:

    adopted = seplace.adopt(yours, torch.zeros(1, {channels}, {height}, {width}))
    network = adopted.insert(config["placement"], granularity=config["granularity"], **config["gate"])
"""


PROGRAM = Form(
    mark="seplace-program-export",
    network_file="model.pt2",
    content="the network with its weights, a program of torch.export for torch alone",
    verified=f"""\
Before this folder was written, a fresh Python without seplace loaded the network from it and gave equal
outputs for several numbers of images. It takes any number of images of this one size, and is for inference alone.
It was written with torch {torch.__version__}; another version may not read it.""",
    loading="""\
import torch

network = torch.export.load("model.pt2").module()""",
    load='''\
class Program(torch.nn.Module):
    """The program, as a module for inference alone: its weights are frozen, and train() and eval() change nothing."""

    def __init__(self, program: torch.nn.Module) -> None:
        super().__init__()
        self.program = program.requires_grad_(False)

    def train(self, mode: bool = True) -> Program:
        """Note the mode alone; a program refuses it, and Lightning sets it before it validates or tests."""
        self.training = mode
        return self

    def forward(self, images: Tensor) -> Any:
        """Return what the network gives."""
        return self.program(images)


@functools.cache
def load() -> Program:
    """Return the network, which is for inference alone."""
    return Program(torch.export.load(HERE / "model.pt2").module())''',
    sections=_sections,
)


def export_program(trained: TrainedNetwork, folder: Path) -> Path:
    """Write model.pt2, model.safetensors, config.json and README.md to `folder`, and return its resolved path.

    The folder appears only once a fresh process has reproduced the network from it (see `verify_program`);
    ExportMismatch otherwise. An earlier export there is replaced; a folder with anything else in it is an
    InputError, and so is a network that torch.export cannot trace.
    """
    folder = folder.resolve()
    refuse_foreign(folder, PROGRAM)
    network = trained.build()
    try:
        content = program_of(network, shape=trained.input_shape)
    except Exception as error:  # the forward is the user's
        reason = next(iter(str(error).strip().splitlines()), "")
        raise InputError(
            f"{trained.backbone.text} cannot be written as a program: torch.export does not trace it for any number of "
            f"any images ({type(error).__name__}: {reason}); its forward can use x.shape[0], but neither len(x) nor a "
            "condition on values"
        ) from error
    return write_folder(trained, folder, form=PROGRAM, network=network, content=content, verify=verify_program)


def program_of(network: nn.Module, *, shape: tuple[int, int, int]) -> bytes:
    """Return a network in eval mode as a program for any number of images of a shape (C, H, W).

    The same network gives the same bytes.
    """
    # A single image would be taken for a constant of the program.
    images = torch.zeros(2, *shape)
    program = torch.export.export(network, (images,), dynamic_shapes=({0: torch.export.Dim("images")},))
    for module in program.graph_module.modules():
        if isinstance(module, fx.GraphModule):
            for node in module.graph.nodes:
                node.meta.pop("stack_trace", None)  # paths of this machine
    file = io.BytesIO()
    torch.export.save(program, file)
    return file.getvalue()
